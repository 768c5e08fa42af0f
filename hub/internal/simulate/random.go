package simulate

import (
	"math"
	"math/rand/v2"
)

type random struct{ *rand.Rand }

func newRandom(seed uint64) random {
	return random{rand.New(rand.NewPCG(seed, 0x5408a1))}
}

func (r random) happens(p float64) bool { return p > 0 && r.Float64() < p }

// geometric is how many times something of probability p fails before it
// happens.
func (r random) geometric(p float64) int64 {
	if p >= 1 {
		return 0
	}
	n := math.Log1p(-r.Float64()) / math.Log1p(-p)
	return int64(min(n, math.MaxInt64/4))
}

// binomial is exact where it is small and normal where it is large; it is used
// for amounts of work only, never for lies.
func (r random) binomial(n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	}
	if mean := float64(n) * p; mean > 30 {
		return min(max(int64(math.Round(mean+r.NormFloat64()*math.Sqrt(mean*(1-p)))), 0), n)
	}
	count := int64(0)
	for i := r.geometric(p); i < n; i += 1 + r.geometric(p) {
		count++
	}
	return count
}

// between is log-uniform.
func (r random) between(low, high float64) float64 {
	return low * math.Exp(r.Float64()*math.Log(high/low))
}
