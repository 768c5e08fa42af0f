package ledger

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

func TestCredit(t *testing.T) {
	for _, c := range []struct {
		ops  int64
		want Amount
	}{
		{-1, 0}, {0, 0}, {1, 1}, {999_999, 1}, {1_000_000, 1}, {1_000_001, 2}, {math.MaxInt64, 9_223_372_036_855},
	} {
		if got := Credit(c.ops); got != c.want {
			t.Errorf("Credit(%d) = %d, want %d", c.ops, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		entries []Entry
		want    error // nil: any error but no sentinel
	}{
		"empty":      {nil, ErrUnbalanced},
		"one sided":  {[]Entry{{"a", 1}}, ErrUnbalanced},
		"off by one": {[]Entry{{"a", 5}, {"b", -4}}, ErrUnbalanced},
		"overflow":   {[]Entry{{"a", math.MaxInt64}, {"b", 1}, {"c", math.MinInt64}}, ErrOverflow},
		"zero line":  {[]Entry{{"a", 0}, {"b", 0}}, nil},
		"nameless":   {[]Entry{{"", 1}, {"b", -1}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := Transaction{Entries: c.entries}.Validate()
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("Validate(%v) = %v, want %v", c.entries, err, c.want)
			}
		})
	}
	if err := (Transaction{Entries: []Entry{{"a", 3}, {"b", -1}, {"c", -2}}}).Validate(); err != nil {
		t.Errorf("balanced transaction: %v", err)
	}
}

func TestApplyRefusesWhole(t *testing.T) {
	b := Balances{"a": math.MaxInt64, "b": math.MinInt64 + 1}
	before := maps.Clone(b)
	if err := b.Apply(Transaction{Entries: []Entry{{"b", -1}, {"a", 1}}}); !errors.Is(err, ErrOverflow) {
		t.Fatalf("Apply = %v, want ErrOverflow", err)
	}
	if !maps.Equal(b, before) {
		t.Errorf("a refused transaction changed balances: %v, want %v", b, before)
	}
}

// Whatever is applied, credit is neither created nor lost, and every
// volunteer holds exactly what its verified shards earn.
func TestPaymentsConserve(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := Balances{}
	want := map[volunteer.ID]Amount{}
	for i := range 500 {
		ops := 1 + rng.Int64N(5*OpsPerUnit)
		payees := make([]Payee, 1+rng.IntN(4))
		for j := range payees {
			id := volunteer.ID{byte(rng.IntN(8)), byte(j)}
			payees[j] = Payee{id, Amount(rng.Int64N(int64(Credit(ops)) + 1))}
			want[id] += Credit(ops)
		}
		tx, err := Payment(time.Unix(int64(i), 0), Reference{Job: "j"}, ops, payees)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Apply(tx); err != nil {
			t.Fatal(err)
		}
		// Now and then somebody loses a stake, and some get it back.
		liar := payees[0].Volunteer
		if stake := b[StakeAccount(liar)]; stake > 0 && rng.IntN(10) == 0 {
			for n, build := range []func(time.Time, Reference, volunteer.ID, Amount) (Transaction, error){Slash, Restore} {
				tx, err := build(time.Time{}, Reference{Job: "j"}, liar, stake)
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Apply(tx); err != nil {
					t.Fatal(err)
				}
				if n == 0 && rng.IntN(2) == 0 {
					want[liar] -= stake
					break
				}
			}
		}
	}
	var sum Amount
	for _, amount := range b {
		sum += amount
	}
	if sum != 0 {
		t.Errorf("balances sum to %d, want 0", sum)
	}
	for id, amount := range want {
		if got := b[VolunteerAccount(id)] + b[StakeAccount(id)]; got != amount {
			t.Errorf("volunteer %s holds %d, want %d", id.Short(), got, amount)
		}
	}
}

func TestPaymentRefuses(t *testing.T) {
	ids := []Payee{{Volunteer: volunteer.ID{1}}, {Volunteer: volunteer.ID{2}}}
	if _, err := Payment(time.Time{}, Reference{}, 0, ids); err == nil {
		t.Error("a payment for no operations was built")
	}
	if _, err := Payment(time.Time{}, Reference{}, 5, nil); err == nil {
		t.Error("a payment to nobody was built")
	}
	for _, withheld := range []Amount{-1, 2} {
		if _, err := Payment(time.Time{}, Reference{}, 5, []Payee{{Withheld: withheld}}); err == nil {
			t.Errorf("%d of 1 were withheld", withheld)
		}
	}
	for _, amount := range []Amount{0, -5} {
		if _, err := Slash(time.Time{}, Reference{}, volunteer.ID{1}, amount); err == nil {
			t.Errorf("a slash of %d was built", amount)
		}
	}
}
