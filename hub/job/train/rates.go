package train

import (
	"math/big"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
)

// Learning rates cross the trust line: they are inputs of the update program,
// so they are integers made by integer arithmetic, the same on every
// processor. Fractions below are whole numbers of 2^-96, and every product
// and quotient of them rounds down.
//
//	shape(t)  what the schedule makes of step t (1..steps), at most 1:
//	          t < warmup          t / warmup
//	          constant            1
//	          cosine              1/10 + 9/20 (1 + cos(pi x)), x = (t-warmup)/(steps-warmup), 0 where steps = warmup
//	          cosine0             1/2 (1 + cos(pi x)),         x = (t-warmup)/(steps-warmup+1)
//	bias(t)   1, but for Adam sqrt(1 - p2(t)) / (1 - p1(t)), where
//	          p1(0) = p2(0) = 1, p1(t) = p1(t-1) 115/128, p2(t) = p2(t-1) 63/64
//	rate(t)   Adam, Lion: floor(lr shape(t) bias(t) 2^bits)
//	          SGD:        floor(lr shape(t) 2^bits / batch + 1/2), because its
//	                      gradients are sums over the batch
//	          where lr is the job file's exact decimal. bits belongs to the
//	          update program: 26, the fixed point of master weights, for Lion,
//	          18 for SGD; for Adam the most of 20..32 at which lr 16/13 is
//	          below 2^18 or so (network.go has the exact rule): 26 at 0.003
//
// cos is the Taylor series around 0 of the angle folded into [0, pi/2], summed
// until its terms vanish; sqrt is the exact integer square root.
const fraction = 96

// Adam's decay rates as the update program has them: 1 - 13/128 and 63/64.
const (
	beta1Num, beta1Den = 115, 128
	beta2Num, beta2Den = 63, 64
)

var (
	one = new(big.Int).Lsh(big.NewInt(1), fraction)
	// floor(pi 2^96)
	pi, _ = new(big.Int).SetString("3243f6a8885a308d313198a2e", 16)
)

// schedule is a learning rate over a run.
type schedule struct {
	lr     job.Decimal
	shape  string // cosine | cosine0 | constant
	steps  int
	warmup int
	adam   bool // apply Adam's bias correction
}

// unit is what one is multiplied with to make an update program's rate.
type unit struct {
	bits    uint // 2^bits
	divisor int64
	nearest bool // round to the nearest instead of down
}

// rates returns rate(1), rate(2) ... rate(steps).
func (s schedule) rates(u unit) []*big.Int {
	num, den := rational(s.lr)
	num.Lsh(num, u.bits)
	den.Lsh(den, 2*fraction).Mul(den, big.NewInt(u.divisor))
	half := new(big.Int)
	if u.nearest {
		half.Rsh(den, 1)
	}
	p1, p2 := new(big.Int).Set(one), new(big.Int).Set(one)
	out := make([]*big.Int, s.steps)
	for t := 1; t <= s.steps; t++ {
		bias := one
		if s.adam {
			decay(p1, beta1Num, beta1Den)
			decay(p2, beta2Num, beta2Den)
			bias = correction(p1, p2)
		}
		r := new(big.Int).Mul(s.at(t), bias)
		r.Mul(r, num).Add(r, half)
		out[t-1] = r.Div(r, den)
	}
	return out
}

// at is shape(t).
func (s schedule) at(t int) *big.Int {
	if t < s.warmup {
		return ratio(t, s.warmup)
	}
	switch s.shape {
	case "constant":
		return one
	case "cosine":
		if s.steps == s.warmup {
			return one
		}
		c := cosine(t-s.warmup, s.steps-s.warmup)
		c.Add(c, one).Mul(c, big.NewInt(9))
		c.Add(c, new(big.Int).Mul(one, big.NewInt(2)))
		return c.Div(c, big.NewInt(20))
	case "cosine0":
		c := cosine(t-s.warmup, s.steps-s.warmup+1)
		return c.Add(c, one).Rsh(c, 1)
	}
	panic("train: unchecked schedule " + s.shape)
}

// correction is sqrt(1-p2)/(1-p1).
func correction(p1, p2 *big.Int) *big.Int {
	r := new(big.Int).Sub(one, p2)
	r.Lsh(r, fraction).Sqrt(r)
	return r.Lsh(r, fraction).Div(r, new(big.Int).Sub(one, p1))
}

// decay multiplies p by num/den.
func decay(p *big.Int, num, den int64) {
	p.Mul(p, big.NewInt(num)).Div(p, big.NewInt(den))
}

// ratio is a/b.
func ratio(a, b int) *big.Int {
	r := new(big.Int).Mul(one, big.NewInt(int64(a)))
	return r.Div(r, big.NewInt(int64(b)))
}

// cosine is cos(pi p/q), 0 <= p <= q; it may be negative.
func cosine(p, q int) *big.Int {
	if 2*p > q {
		c := cosine(q-p, q)
		return c.Neg(c)
	}
	angle := new(big.Int).Mul(pi, big.NewInt(int64(p)))
	angle.Div(angle, big.NewInt(int64(q)))
	square := new(big.Int).Mul(angle, angle)
	square.Rsh(square, fraction)

	// 1 - x^2/2! + x^4/4! - ..., the magnitudes of the terms rounded down.
	sum, term := new(big.Int).Set(one), new(big.Int).Set(one)
	for k := int64(1); term.Sign() != 0; k++ {
		term.Mul(term, square).Rsh(term, fraction)
		term.Div(term, big.NewInt((2*k-1)*(2*k)))
		if k%2 == 1 {
			sum.Sub(sum, term)
		} else {
			sum.Add(sum, term)
		}
	}
	if sum.Sign() < 0 { // at pi/2, where rounding may carry it past 0
		sum.SetInt64(0)
	}
	return sum
}

// rational is d as a fraction. jobfile made d: digits and at most one point.
func rational(d job.Decimal) (num, den *big.Int) {
	whole, frac, _ := strings.Cut(string(d), ".")
	num, ok := new(big.Int).SetString(whole+frac, 10)
	if !ok {
		panic("train: unchecked decimal " + string(d))
	}
	den = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(frac))), nil)
	return num, den
}
