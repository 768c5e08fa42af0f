package reputation

import (
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// Word is what a device's next result is worth. It is noted when the shard is
// handed out.
type Word struct {
	Risk  float64 // of its being wrong
	Alone bool    // it is enough by itself
	Check float64 // the probability with which somebody else checks it all the same
}

// Word says what the word of a device is worth under a job's terms, for a shard
// of this many operations. Under Audited, where one may be believed alone, its
// owner must also have staked what outweighs the gain from a lie about that shard:
// evidence is counted in shards, and may have been gathered with small ones.
func (b *Book) Word(t trust.Terms, d Device, ops int64, now time.Time) Word {
	if b.Discredited(d) {
		return Word{Risk: trust.Worthless}
	}
	c := b.curve(d.Class)
	r := b.Evidence(d, now)
	decision := t.Decide(c, r)
	return Word{Risk: c.Risk(r.Verified), Alone: !decision.Replicate && b.Staked(t, d.Volunteer, ops), Check: decision.Check}
}

// learnEvery is how many pieces of evidence the priors wait for, at least: with
// more classes to fit they wait for more, so that fitting takes a small part of
// the time.
const learnEvery = 64

// heed notes n pieces of evidence and learns once there are enough.
func (b *Book) heed(n int) {
	if b.news += n; b.news >= max(learnEvery, 4*b.population.Classes()) {
		b.learn()
	}
}

func (b *Book) learn() {
	b.population.Learn()
	clear(b.curves)
	b.news = 0
}

// curve is what is believed of a class. All that have no prior of their own share
// one: anybody may invent them.
func (b *Book) curve(class string) trust.Curve {
	if !b.population.Own(class) {
		class = ""
	}
	c, known := b.curves[class]
	if !known {
		c = b.population.Prior(class).Curve()
		b.curves[class] = c
	}
	return c
}
