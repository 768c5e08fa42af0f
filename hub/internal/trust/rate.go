package trust

import (
	"math"
	"sort"
)

// The model of a device is one number: the rate at which its results are
// wrong. Rates live on a grid of powers of two with one more cell for the
// honest, whose rate is 0 because arithmetic is exact. A grid, unlike a single
// Beta curve, can say "most never err, some always do, nobody in between", and
// a population of volunteers looks like that.
const (
	lowest = 25 // the smallest rate is 2^-lowest; below, a rate is as good as 0 for any epsilon allowed
	cells  = lowest + 2
	honest = cells - 1 // the cell of rate 0
)

var (
	rates    = rateOf()     // by cell
	survives = survivalOf() // log(1-rate), by cell
)

func rateOf() (r [cells]float64) {
	for j := range honest {
		r[j] = math.Ldexp(1, -j)
	}
	r[0] = 15. / 16 // "always wrong", less the chance to be right by luck
	return r
}

func survivalOf() (s [cells]float64) {
	for j := range cells {
		s[j] = math.Log1p(-rates[j])
	}
	return s
}

// Prior is what is believed of a device before it has been seen: a probability
// for every cell of the grid. The zero Prior is not valid.
//
// A Prior is floating point, and that does not cross the trust line: it
// decides how much to check, never who is right. Who is right is decided by
// equal hashes and by disputes, in integers, and what was decided is stored and
// not computed again.
type Prior struct{ weight [cells]float64 }

// ignorance are the pseudo-volunteers that a hub starts with: twelve people, of
// whom four return only rubbish. One twentieth of a person stands in every
// cell of small rates, where a cheat would hide: it keeps the model from ever
// being sure that a rate does not occur.
func ignorance() [cells]float64 {
	var alpha [cells]float64
	for j := range cells {
		switch {
		case j == honest:
			alpha[j] = 8
		case j == 0:
			alpha[j] = 4
		case j <= 3:
			alpha[j] = 0.5
		default:
			alpha[j] = 0.05
		}
	}
	return alpha
}

// Stranger is the prior of a hub that has seen nobody.
func Stranger() Prior {
	p := Prior{ignorance()}
	p.normalise()
	return p
}

func (p *Prior) normalise() {
	sum := 0.0
	for _, w := range p.weight {
		sum += w
	}
	for j := range p.weight {
		p.weight[j] /= sum
	}
}

// Risk is the probability that the next result of a device is wrong after
// `verified` results were found right and none wrong. It falls as verified
// grows. One proven mistake needs no formula: see Excluded.
func (p Prior) Risk(verified float64) float64 {
	wrong, all := 0.0, 0.0
	for j, w := range p.weight {
		l := w * math.Exp(verified*survives[j])
		wrong += l * rates[j]
		all += l
	}
	return wrong / all
}

// Curve is a Prior's risk, tabulated.
type Curve struct{ risk []float64 }

const (
	perOctave = 8
	octaves   = 24
)

// Curve tabulates the prior's risk.
func (p Prior) Curve() Curve {
	c := Curve{make([]float64, octaves*perOctave+2)}
	c.risk[0] = p.Risk(0)
	for i := range octaves*perOctave + 1 {
		c.risk[i+1] = p.Risk(math.Exp2(float64(i) / perOctave))
	}
	return c
}

// Risk is at least the Prior's: evidence is rounded down.
func (c Curve) Risk(verified float64) float64 {
	if verified < 1 {
		return c.risk[0]
	}
	i := int(math.Log2(verified) * perOctave)
	return c.risk[min(i+1, len(c.risk)-1)]
}

// Needed is how much evidence brings the risk to target or below; +Inf when no
// amount does.
func (c Curve) Needed(target float64) float64 {
	i := sort.Search(len(c.risk), func(i int) bool { return c.risk[i] <= target })
	switch i {
	case len(c.risk):
		return math.Inf(1)
	case 0:
		return 0
	}
	n := math.Exp2(float64(i-1) / perOctave)
	for c.Risk(n) > target { // rounded to just below its own step
		n = math.Nextafter(n, math.Inf(1))
	}
	return n
}
