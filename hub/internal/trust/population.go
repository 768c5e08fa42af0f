package trust

import "math"

// Population is the sufficient statistic from which priors are learned: how
// many devices of a class were verified how often, and how many of them were
// caught. It holds no identities.
//
// Learning is empirical Bayes in two levels. All classes together, with the
// pseudo-volunteers of ignorance, give the common prior; it counts as
// classStrength pseudo-volunteers in every class. So a class of which little
// is known borrows from the rest, and a driver that is wrong for many soon has
// a prior of its own.
type Population struct {
	classes map[string]*class
	all     class
}

type class struct {
	kept   [buckets]float64 // by evidence: devices never found wrong
	caught [buckets]float64 // by evidence at that time
	prior  Prior
}

// classStrength is how many devices a class needs before its own evidence
// weighs more than that of the others.
const classStrength = 50

// learnSteps bounds one call of Learn. Learning resumes where it stopped, and
// stopping early errs on the side of suspicion.
const learnSteps = 100

// NewPopulation returns a population of nobody.
func NewPopulation() *Population {
	return &Population{classes: map[string]*class{}, all: class{prior: Stranger()}}
}

func (p *Population) class(name string) *class {
	c, known := p.classes[name]
	if !known {
		c = &class{prior: p.all.prior}
		p.classes[name] = c
	}
	return c
}

// Join counts a device that has not been verified yet.
func (p *Population) Join(class string) { p.add(class, 0, 1) }

// Verify notes that a device's verified results went from before to after.
func (p *Population) Verify(class string, before, after int64) {
	from, to := bucket(before), bucket(after)
	if from == to {
		return
	}
	p.add(class, from, -1)
	p.add(class, to, 1)
}

// Catch notes that a device with this many verified results was proved wrong.
func (p *Population) Catch(class string, verified int64) {
	b := bucket(verified)
	p.add(class, b, -1)
	p.class(class).caught[b]++
	p.all.caught[b]++
}

func (p *Population) add(name string, b int, n float64) {
	p.class(name).kept[b] += n
	p.all.kept[b] += n
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

// What Quarantined asks for.
const (
	established = 256 // verified results that a broken device hardly ever reaches
	fewest      = 3   // devices that have to have failed
	perClass    = 32  // established devices, for each class, before classes are compared
)

// Quarantined reports whether a class fails for so many that the lane, not its
// owners, is to blame: several were caught, more than are left, and while the
// hub's devices have become established, next to none of this class has.
// That last condition keeps cheats, who are some of every class and may come
// under any number of names, from closing a healthy lane.
func (p *Population) Quarantined(class string) bool {
	c, known := p.classes[class]
	if !known {
		return false
	}
	kept, caught := 0.0, 0.0
	for b := 1; b < buckets; b++ {
		kept += c.kept[b]
		caught += c.caught[b]
	}
	caught += c.caught[0]
	return caught >= fewest && caught > kept && c.established() < fewest &&
		p.all.established() >= float64(perClass*len(p.classes))
}

func (c *class) established() float64 {
	n := 0.0
	for b := bucket(established); b < buckets; b++ {
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
