package ptx

import (
	"math/rand/v2"
	"testing"
)

// TestMultiplier checks multipliers where they could be off by one: around
// multiples of the divisor and at the ends.
func TestMultiplier(t *testing.T) {
	const most = 1<<31 - 1
	random := rand.New(rand.NewPCG(1, 2))
	divisors := []int64{1, 2, 3, 5, 7, 10, 63, 64, 65, 641, 1<<15 - 1, 1 << 30, 1<<30 + 1, most - 1, most}
	for range 1000 {
		divisors = append(divisors, 1+random.Int64N(1<<(1+random.IntN(31))))
	}
	for _, d := range divisors {
		d = min(d, most)
		factor, shift := multiplier(int32(d))
		check := func(x int64) {
			if x < 0 || x > most {
				return
			}
			high := uint64(uint32(2*x)) * uint64(uint32(factor)) >> 32
			if got := int64(high >> shift); got != x/d {
				t.Fatalf("%d / %d is %d, want %d", x, d, got, x/d)
			}
		}
		for _, x := range []int64{0, 1, most - 1, most} {
			check(x)
		}
		for range 100 {
			m := random.Int64N(most/d+1) * d
			check(m - 1)
			check(m)
			check(random.Int64N(most))
		}
	}
	if factor, shift := multiplier(0); factor != -1<<31 || shift != 0 {
		t.Errorf("a divisor of 0 counts as %d, %d, want that of 1", factor, shift)
	}
}
