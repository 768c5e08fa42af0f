package detail

import (
	"bytes"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// What was known before the beginning is in the book, stakes included.
func TestKnownBefore(t *testing.T) {
	terms, err := trust.NewTerms(1e-4, trust.Audited, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(terms, shardOps)
	known := func(v int, caught bool, devices ...incident.Device) {
		m.know(incident.Event{Volunteer: v, Caught: caught, Devices: devices})
	}
	device := func(class string, verified int64, caught bool) incident.Device {
		return incident.Device{Class: class, Verified: verified, Evidence: float64(verified), Caught: caught}
	}
	const n = 200 // who make the book sure of itself
	for v := range n {
		known(10+v, false, device("a", 4000, false))
	}
	known(1, false, device("a", 4000, false), device("a", 4000, false), device("b", 0, false))
	known(2, false, device("a", 500, false))
	known(3, false, device("a", 4000, false), device("b", 7, true))
	known(4, true, device("a", 4000, false), device("b", 4000, false)) // as version 1 said it
	known(5, false, device("a", 0, false))
	m.begin()
	price := ledger.Credit(shardOps)
	for _, c := range []struct {
		volunteer int
		class     string
		stake     ledger.Amount // in prices of a shard
		alone     bool
		lied      bool
	}{
		{1, "a", 824, true, false},
		{1, "b", 824, false, false},
		{2, "a", 500, false, false},
		{3, "a", 0, false, true},
		{4, "b", 0, false, true},
		{5, "a", 0, false, false},
	} {
		d := reputation.Device{Volunteer: volunteerID(c.volunteer), Class: c.class}
		w := m.book.Word(terms, d, shardOps, epoch)
		if w.Alone != c.alone || m.book.Stake(d.Volunteer) != c.stake*price || m.book.Discredited(d) != c.lied {
			t.Errorf("volunteer %d, class %s: %+v, stake %d, lied %t; want alone %t, %d, %t",
				c.volunteer, c.class, w, m.book.Stake(d.Volunteer)/price, m.book.Discredited(d), c.alone, c.stake, c.lied)
		}
	}
	if want := n + 6; m.book.Len() != want { // nobody without a settled result has a record
		t.Errorf("%d records, want %d", m.book.Len(), want)
	}
}

// A cutting says of everybody what the hub knows then: closed classes stay closed,
// whoever was caught stays so, and those who were believed are believed.
func TestCuttingKnows(t *testing.T) {
	c := small()
	c.Volunteers, c.Stream, c.Width, c.Time = 300, true, 0, 20*time.Minute
	var file bytes.Buffer
	cut := &cutting{from: 10 * time.Minute, until: c.Time, out: &file}
	s, err := newDrawnSim(c, cut)
	if err != nil {
		t.Fatal(err)
	}
	var then memory
	var alone []*device
	s.watch = func(next time.Duration) {
		begun := cut.w != nil
		if cut.begin(s, next); cut.w == nil || begun {
			return
		}
		then = newMemory(s.hub.policy.Terms, shardOps)
		for _, p := range s.met {
			then.know(*s.introduce(p, cut.from))
			for _, d := range p.devices {
				if s.hub.memory.book.Word(s.hub.policy.Terms, d.known(), shardOps, s.clock()).Alone {
					alone = append(alone, d)
				}
			}
		}
		then.begin()
		for _, p := range s.met {
			for _, d := range p.devices {
				if was, is := s.hub.memory.book, then.book; was.Caught(d.known()) != is.Caught(d.known()) ||
					was.Closed(d.class) != is.Closed(d.class) || was.Discredited(d.known()) != is.Discredited(d.known()) {
					t.Errorf("volunteer %d, %s: caught %t, closed %t, and then %t, %t", p.number, d.class,
						was.Caught(d.known()), was.Closed(d.class), is.Caught(d.known()), is.Closed(d.class))
				}
			}
		}
	}
	r, err := s.run(t.Context())
	if err != nil || cut.flush() != nil {
		t.Fatal(err, cut.flush())
	}
	still := 0
	for _, d := range alone {
		if then.book.Word(s.hub.policy.Terms, d.known(), shardOps, epoch).Alone {
			still++
		}
	}
	if r.LiarsCaught == 0 || len(r.Quarantined) != 2 || len(alone) < 100 || still*10 < len(alone)*9 {
		t.Errorf("%d caught, quarantined %q, %d believed alone, %d of them after the cut; want some, two, most",
			r.LiarsCaught, r.Quarantined, len(alone), still)
	}
	again, err := Replay(t.Context(), opener(file.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Quarantined) != 2 || again.WrongAccepted != 0 {
		t.Errorf("played again: quarantined %q, %d wrong", again.Quarantined, again.WrongAccepted)
	}
}

// Under replicas nobody stakes anything, so nobody can lose it.
func TestNoStakes(t *testing.T) {
	c := small()
	c.Assurance, c.Replicas, c.Strategy = trust.Replicated, 2, simulate.Random
	c.Naive, c.Known = true, 0
	if r := runs(t, c); r.Stake != 0 || r.Slashed != 0 || r.LiarsCaught == 0 {
		t.Errorf("a stake of %d, %d slashed, %d caught; want none, none and some", r.Stake, r.Slashed, r.LiarsCaught)
	}
}
