package trust

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// S is the least integer with p*S > (1-p)*g, whatever the size.
func TestStake(t *testing.T) {
	outweighs := func(caught, stake, gain int64) bool {
		left := new(big.Int).Mul(big.NewInt(caught), big.NewInt(stake))
		return left.Cmp(new(big.Int).Mul(big.NewInt(Million-caught), big.NewInt(gain))) > 0
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		caught, gain := 1+rng.Int64N(Million), rng.Int64N(1<<uint(1+rng.IntN(62)))
		s, err := Stake(caught, gain)
		if err != nil {
			continue
		}
		if !outweighs(caught, s, gain) || outweighs(caught, s-1, gain) {
			t.Fatalf("Stake(%d, %d) = %d is not the least that outweighs", caught, gain, s)
		}
	}
	if s, err := Stake(20_000, 10); err != nil || s != 491 {
		t.Errorf("two in a hundred caught, gain 10: stake %d, %v; want 491", s, err)
	}
	for _, bad := range [][2]int64{{0, 1}, {Million + 1, 1}, {1, -1}, {1, math.MaxInt64}} {
		if s, err := Stake(bad[0], bad[1]); err == nil {
			t.Errorf("Stake(%d, %d) = %d, want an error", bad[0], bad[1], s)
		}
	}
}

func TestLot(t *testing.T) {
	secret, v := [32]byte{1}, volunteer.ID{2}
	drawn, other := 0, 0
	const n, rate = 100_000, 20_000
	for shard := range uint64(n) {
		hit := Lot(secret, v, shard, rate)
		if hit != Lot(secret, v, shard, rate) || Lot(secret, v, shard, 0) || !Lot(secret, v, shard, Million) {
			t.Fatalf("shard %d: the draw is not a function, or rates 0 and %d are not never and always", shard, Million)
		}
		if hit {
			drawn++
			if Lot([32]byte{3}, v, shard, rate) {
				other++
			}
		}
	}
	if drawn < 1850 || drawn > 2150 {
		t.Errorf("%d of %d drawn at two in a hundred", drawn, n)
	}
	if other > 100 {
		t.Errorf("another secret drew %d of the same %d", other, drawn)
	}
}

func TestRecheck(t *testing.T) {
	terms := terms(t, 1e-6, Audited, 0)
	liar, friend, known, stranger := volunteer.ID{1}, volunteer.ID{2}, volunteer.ID{3}, volunteer.ID{4}
	by := func(list ...Supporter) []Supporter { return list }
	accepted := []Support{
		{Round: 9, Index: 0, By: by(Supporter{known, "", 1e-8})},
		{Round: 7, Index: 1, By: by(Supporter{liar, "", 1e-8})},
		{Round: 6, Index: 2, By: by(Supporter{liar, "", 1e-8}, Supporter{stranger, "", 0.1})},
		{Round: 3, Index: 3, By: by(Supporter{liar, "", 1e-8}, Supporter{known, "", 1e-8})},
		{Round: 2, Index: 4, By: by(Supporter{liar, "", 1e-8}), Audited: true},
		{Round: 5, Index: 5, By: by(Supporter{liar, "", 1e-8}, Supporter{friend, "", 1e-8})},
	}
	caught := map[volunteer.ID]bool{liar: true}
	is := func(b Supporter) bool { return caught[b.Volunteer] }
	indices := func(r Repair) (list []int) {
		for _, s := range r.Rerun {
			list = append(list, s.Index)
		}
		return list
	}
	r := terms.Recheck(accepted, is)
	if got := indices(r); len(got) != 2 || got[0] != 1 || got[1] != 2 || r.Rollback != 6 {
		t.Errorf("one liar: re-run %v from round %d, want [1 2] from 6", got, r.Rollback)
	}
	caught[friend] = true
	r = terms.Recheck(accepted, is)
	if got := indices(r); len(got) != 3 || got[2] != 5 || r.Rollback != 5 {
		t.Errorf("liar and friend: re-run %v from round %d, want [1 2 5] from 5", got, r.Rollback)
	}
	if r := terms.Recheck(accepted, func(Supporter) bool { return false }); len(r.Rerun) != 0 || r.Rollback != -1 {
		t.Errorf("nobody caught: %+v", r)
	}
}
