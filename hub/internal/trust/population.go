package trust

import (
	"math"
	"slices"
)

// Population is the sufficient statistic from which priors are learned: how
// many devices of a class were verified how often, and how many of them were
// caught. It holds no identities.
//
// Learning is empirical Bayes in two levels. All classes together, with the
// pseudo-volunteers of ignorance, give the common prior; it counts as
// classStrength pseudo-volunteers in every class. So a class of which little
// is known borrows from the rest, and a driver that is wrong for many soon has
// a prior of its own.
//
// A class is a name that volunteers choose, and they may invent as many as they
// like. So it is nothing but a few devices of the common population until enough
// of them have come.
type Population struct {
	few     map[string][]place
	classes map[string]*class
	all     class
}

// place is where one device stands in a class that has few.
type place struct {
	bucket int
	caught bool
}

type class struct {
	kept   [buckets]float64 // by evidence: devices never found wrong
	caught [buckets]float64 // by evidence at that time
	prior  Prior
}

// classStrength is how many devices a class needs before its own evidence
// weighs more than that of the others.
const classStrength = 50

// ownPrior is how many devices a class needs to have a prior of its own.
const ownPrior = 3

// learnSteps bounds one call of Learn. Learning resumes where it stopped, and
// stopping early errs on the side of suspicion.
const learnSteps = 100

// NewPopulation returns a population of nobody.
func NewPopulation() *Population {
	return &Population{few: map[string][]place{}, classes: map[string]*class{}, all: class{prior: Stranger()}}
}

// Join counts a device that has not been verified yet.
func (p *Population) Join(name string) {
	p.all.kept[0]++
	if c := p.classes[name]; c != nil {
		c.kept[0]++
		return
	}
	if p.few[name] = append(p.few[name], place{}); len(p.few[name]) == ownPrior {
		c := &class{prior: p.all.prior}
		for _, at := range p.few[name] {
			c.add(at)
		}
		p.classes[name] = c
		delete(p.few, name)
	}
}

// Verify notes that a device's verified results went from before to after.
func (p *Population) Verify(name string, before, after int64) {
	if from, to := bucket(before), bucket(after); from != to {
		p.move(name, place{bucket: from}, place{bucket: to})
	}
}

// Catch notes that a device with this many verified results was proved wrong.
func (p *Population) Catch(name string, verified int64) {
	b := bucket(verified)
	p.move(name, place{bucket: b}, place{bucket: b, caught: true})
}

func (p *Population) move(name string, from, to place) {
	p.all.move(from, to)
	if c := p.classes[name]; c != nil {
		c.move(from, to)
	} else if i := slices.Index(p.few[name], from); i >= 0 {
		p.few[name][i] = to
	}
}

func (c *class) add(at place) { *c.count(at)++ }

func (c *class) move(from, to place) {
	*c.count(from)--
	*c.count(to)++
}

func (c *class) count(at place) *float64 {
	if at.caught {
		return &c.caught[at.bucket]
	}
	return &c.kept[at.bucket]
}

// Learn fits the priors to what was seen.
func (p *Population) Learn() {
	p.all.learn(ignorance())
	var common [cells]float64
	for j, w := range p.all.prior.weight {
		common[j] = classStrength * w
	}
	for _, c := range p.classes { // independent of one another: the order does not matter
		c.learn(common)
	}
}

// Prior is what is believed of a device of this class, as last learned.
func (p *Population) Prior(class string) Prior {
	if c, known := p.classes[class]; known {
		return c.prior
	}
	return p.all.prior
}

// Own reports whether a class has a prior of its own; all others share one.
func (p *Population) Own(class string) bool { return p.classes[class] != nil }

// Classes is how many there are of them.
func (p *Population) Classes() int { return len(p.classes) }

// What Quarantined asks for.
const (
	established = 256 // verified results that a broken device hardly ever reaches
	tried       = 16  // and that show a device to be in earnest
	fewest      = 8   // devices that have to have failed
	hardlyAny   = 3   // established devices that keep a class open
	others      = 32  // established devices of other classes
)

// Quarantined reports whether a class fails for so many that the lane, not its
// owners, is to blame: several were caught, more than are left, and while most of
// the other classes' devices in earnest have become established, next to none of
// this class has. That last condition keeps cheats, who are some of every class
// and may come under any number of names, from closing a healthy lane that is in
// use.
func (p *Population) Quarantined(class string) bool {
	c, known := p.classes[class]
	if !known {
		return false
	}
	caught := 0.0
	for _, n := range c.caught {
		caught += n
	}
	if caught < fewest || caught <= c.since(1) || c.since(established) >= hardlyAny {
		return false
	}
	well := p.all.since(established) - c.since(established)
	return well >= others && 2*well >= p.all.since(tried)-c.since(tried)
}

// since counts the devices with this much evidence that were never found wrong.
func (c *class) since(evidence int64) float64 {
	n := 0.0
	for b := bucket(evidence); b < buckets; b++ {
		n += c.kept[b]
	}
	return n
}

// learn is expectation maximisation for the weights of the grid, with alpha as
// pseudo-counts. Classes are small tables, so a step costs microseconds.
func (c *class) learn(alpha [cells]float64) {
	w := &c.prior.weight
	for range learnSteps {
		next := alpha
		for b := range buckets {
			if n := c.kept[b]; n > 0 {
				share(&next, w, n, &keptLikelihood[b])
			}
			if n := c.caught[b]; n > 0 {
				share(&next, w, n, &caughtLikelihood[b])
			}
		}
		moved := 0.0
		q := Prior{next}
		q.normalise()
		for j := range cells {
			moved = max(moved, math.Abs(q.weight[j]-w[j]))
		}
		c.prior = q
		if moved < 1e-12 {
			return
		}
	}
}

// share divides n devices among the cells in proportion to their posterior.
func share(next, w *[cells]float64, n float64, likelihood *[cells]float64) {
	sum := 0.0
	for j := range cells {
		sum += w[j] * likelihood[j]
	}
	if sum == 0 {
		return
	}
	for j := range cells {
		next[j] += n * w[j] * likelihood[j] / sum
	}
}

// Buckets of evidence: exact up to 15, then four to the octave.
const buckets = 16 + 4*26

func bucket(n int64) int {
	if n < 16 {
		return int(max(n, 0))
	}
	octave := 0
	for v := n; v >= 32; v >>= 1 {
		octave++
	}
	return min(16+4*octave+int(n>>(2+octave))-4, buckets-1)
}

// lower is the least evidence in bucket b.
func lower(b int) float64 {
	if b < 16 {
		return float64(b)
	}
	return math.Ldexp(float64(4+(b-16)%4), 2+(b-16)/4)
}

var keptLikelihood, caughtLikelihood = likelihoods()

// likelihoods tabulates the chance of each bucket at each rate. A device that
// was kept is given the least evidence of its bucket, one that was caught the
// most: both make small rates, the hidden ones, more likely.
func likelihoods() (kept, caught [buckets][cells]float64) {
	for b := range buckets {
		for j := range cells {
			kept[b][j] = math.Exp(lower(b) * survives[j])
			caught[b][j] = rates[j] * math.Exp((lower(b+1)-1)*survives[j])
		}
	}
	return kept, caught
}
