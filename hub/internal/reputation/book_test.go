package reputation

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

var t0 = time.Unix(1_700_000_000, 0)

const ops = 3_000_000 // of a shard: three units of credit

func audited(t *testing.T) trust.Terms {
	t.Helper()
	terms, err := trust.NewTerms(1e-6, trust.Audited, 0)
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

func person(n int) volunteer.ID { return volunteer.ID{byte(n), byte(n >> 8), 1} }

// settled is a hub that knows so many honest devices well.
func settled(people, results int) *Book {
	b := New(nil, nil)
	for i := range people {
		for range results {
			b.Settle(Device{person(i), "cpu"}, true, t0)
		}
	}
	return b
}

// earn has somebody paid for shards until nothing more is kept.
func earn(b *Book, t trust.Terms, v volunteer.ID, ops int64) {
	for b.Withhold(t, v, ops) > 0 {
	}
}

func TestWordGrowsAndFades(t *testing.T) {
	terms := audited(t)
	b := settled(300, 2100)
	old, stranger := Device{person(7), "cpu"}, Device{person(7000), "cpu"}
	earn(b, terms, old.Volunteer, ops)
	w := b.Word(terms, old, ops, t0)
	if !w.Alone || w.Risk > 1e-6 || w.Check <= 0 {
		t.Errorf("2100 verified results and a stake: %+v, want belief, and checks", w)
	}
	if w := b.Word(terms, stranger, ops, t0); w.Alone || w.Risk < 1e-4 {
		t.Errorf("a stranger: %+v", w)
	}
	later := t0.Add(30 * 365 * 24 * time.Hour)
	if w := b.Word(terms, old, ops, later); w.Alone || b.Evidence(old, later).Verified > 1 {
		t.Errorf("thirty years away: %+v with evidence %g, want a stranger's", w, b.Evidence(old, later).Verified)
	}
	if b.Evidence(old, t0).Verified < 2000 {
		t.Error("asking has changed what is known")
	}
}

// Evidence is counted in shards, however small they were. A stake is not.
func TestWordNeedsAStakeOfItsSize(t *testing.T) {
	terms := audited(t)
	b := settled(300, 2100)
	d := Device{person(7), "cpu"}
	if b.Word(terms, d, ops, t0).Alone {
		t.Error("believed with nothing to lose")
	}
	earn(b, terms, d.Volunteer, ops)
	if !b.Word(terms, d, ops, t0).Alone {
		t.Errorf("not believed with a stake of %d", b.Stake(d.Volunteer))
	}
	if b.Word(terms, d, 100*ops, t0).Alone {
		t.Error("a hundred times the shard, and the same stake is enough")
	}
	earn(b, terms, d.Volunteer, 100*ops)
	if !b.Word(terms, d, 100*ops, t0).Alone {
		t.Error("not believed about the large shard with a stake for it")
	}
	full, err := trust.NewTerms(1e-6, trust.Full, 0)
	if err != nil {
		t.Fatal(err)
	}
	if kept := b.Withhold(full, person(8), ops); kept != 0 {
		t.Errorf("%d is kept where nobody is believed alone", kept)
	}
}

func TestOneProofIsEnough(t *testing.T) {
	terms := audited(t)
	b := settled(300, 2100)
	d := Device{person(7), "cpu"}
	other := Device{person(7), "wasm"}
	earn(b, terms, d.Volunteer, ops)
	stake := b.Stake(d.Volunteer)
	if r := b.Catch(d, t0); !r.Caught || r.Record.Verified != 0 {
		t.Errorf("caught: %+v", r)
	}
	if !b.Lied(d.Volunteer) || !b.Discredited(other) || b.Caught(other) {
		t.Error("a liar's other device is believed")
	}
	for _, d := range []Device{d, other} {
		if w := b.Word(terms, d, ops, t0); w.Alone || w.Risk != trust.Worthless {
			t.Errorf("%v: %+v", d, w)
		}
	}
	if got := b.Slash(d); got != stake || b.Stake(d.Volunteer) != 0 {
		t.Errorf("%d of %d lost, %d left", got, stake, b.Stake(d.Volunteer))
	}
	if refunds := b.Pardon("cpu"); len(refunds) != 1 { // what a caller with a reason gets
		t.Errorf("refunds %v", refunds)
	}
	if b.Closed("cpu") {
		t.Error("one liar closes a lane that works for three hundred")
	}
}

// A driver that fails for many closes the lane. Its owners have not lied: their
// other lanes are believed as before, and stakes are given back.
func TestBrokenDriver(t *testing.T) {
	terms := audited(t)
	b := settled(100, 300)
	const class = "webgl broken driver"
	before := map[volunteer.ID]ledger.Amount{}
	for i := range 10 {
		v := person(1000 + i)
		for range 300 {
			b.Settle(Device{v, "cpu"}, true, t0)
		}
		b.Settle(Device{v, class}, true, t0)
		earn(b, terms, v, ops)
		before[v] = b.Stake(v)
	}
	for i := range 10 {
		d := Device{person(1000 + i), class}
		b.Catch(d, t0)
		if b.Closed(class) {
			for _, r := range b.Pardon(class) {
				if r.Amount != before[r.Volunteer] {
					t.Errorf("%d given back of %d", r.Amount, before[r.Volunteer])
				}
			}
		} else if b.Slash(d) == 0 || !b.Lied(d.Volunteer) {
			t.Errorf("device %d: no lie before the driver is known to be broken", i)
		}
	}
	if !b.Closed(class) {
		t.Fatal("ten of ten failed, and the lane is open")
	}
	for v, stake := range before {
		sound, broken := Device{v, "cpu"}, Device{v, class}
		switch {
		case b.Lied(v) || b.Discredited(sound):
			t.Error("an owner of a broken driver is held to have lied")
		case !b.Discredited(broken):
			t.Error("what the broken driver said still counts")
		case b.Stake(v) != stake:
			t.Errorf("stake %d, was %d", b.Stake(v), stake)
		case b.Word(terms, sound, ops, t0).Risk == trust.Worthless:
			t.Error("the word of a sound lane is worth nothing")
		}
	}
	again := reopened(b)
	if !again.Closed(class) || again.Lied(person(1003)) || !again.Caught(Device{person(1003), class}) {
		t.Error("a restart forgets who is to blame")
	}
}

// reopened is the book after a restart.
func reopened(b *Book) *Book {
	var records []Record
	for _, r := range b.known {
		records = append(records, *r)
	}
	return New(records, b.stakes)
}

// Whatever happens, records and stakes are all that there is to know, but for
// what was slashed.
func TestRestart(t *testing.T) {
	terms := audited(t)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := New(nil, nil)
		draw := func() Device {
			return Device{person(rng.IntN(30)), fmt.Sprint("class ", rng.IntN(4))}
		}
		for range 3000 {
			d := draw()
			switch at := t0.Add(time.Duration(rng.IntN(1000)) * time.Hour); rng.IntN(200) {
			case 0:
				b.Catch(d, at)
				b.Slash(d)
			default:
				b.Settle(d, rng.IntN(3) > 0, at)
				b.Withhold(terms, d.Volunteer, 1+rng.Int64N(ops))
			}
		}
		now := t0.Add(2000 * time.Hour)
		again := reopened(b)
		if again.Len() != b.Len() {
			t.Fatalf("seed %d: %d devices, were %d", seed, again.Len(), b.Len())
		}
		for range 200 {
			d := draw()
			if again.Evidence(d, now) != b.Evidence(d, now) || again.Caught(d) != b.Caught(d) || again.Stake(d.Volunteer) != b.Stake(d.Volunteer) {
				t.Fatalf("seed %d, %v: not the same after a restart", seed, d)
			}
			if b.Discredited(d) != (b.Word(terms, d, ops, now).Risk == trust.Worthless) {
				t.Fatalf("seed %d, %v: discredited %t, and %+v", seed, d, b.Discredited(d), b.Word(terms, d, ops, now))
			}
		}
	}
}

func TestStakeIsNeverNegative(t *testing.T) {
	terms := audited(t)
	for _, ops := range []int64{0, 1, ops, 1 << 62} {
		if s := stakeFor(terms, ops); s < 0 {
			t.Errorf("%d operations: stake %d", ops, s)
		}
	}
	if s := stakeFor(terms, ops); s != 2471 { // the least above 30*0.988/0.012
		t.Errorf("stake %d for a shard of 3", s)
	}
}
