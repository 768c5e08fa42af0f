package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// The strategies. Each is played by all cheaters of a run; Rates mixes the
// four kinds of rate adversaries in equal parts.
const (
	Rates  = "rates"
	Always = "always" // every result is rubbish
	Random = "random" // wrong at an unknown steady rate
	Lazy   = "lazy"   // skips the work at a steady rate and returns what all the lazy return
	Faulty = "faulty" // a driver that fails on certain shards, for everyone who has it
	Wave   = "wave"   // as random, but nobody cheats before half of the time is over
	Drift  = "drift"  // honest for long, then ageing: its rate doubles every 2000 results

	Sleeper   = "sleeper"   // honest until trusted, then wrong every fifth time
	Builder   = "builder"   // honest until trusted, then wrong once in a hundred
	Targeted  = "targeted"  // honest until trusted, lies once, leaves
	HitAndRun = "hitandrun" // honest until trusted, ten lies in a row, leaves, comes back as somebody else
	Whitewash = "whitewash" // lies half of the time, and comes back as somebody else when caught
	Ring      = "ring"      // unrelated to the eye; lies only where two of the ring hold the same shard
	Sybil     = "sybil"     // the same from one address block
)

// otherLane is what somebody plays whose device class was quarantined, and
// who goes on with another: an honest device.
const otherLane = "other lane"

// Strategies returns the names of all strategies.
func Strategies() []string {
	return []string{
		Rates, Always, Random, Lazy, Faulty, Wave, Drift,
		Sleeper, Builder, Targeted, HitAndRun, Whitewash, Ring, Sybil,
	}
}

// Adaptive reports whether a strategy looks at anything but its own dice; then
// no epsilon is promised against it. Neither is it against a Wave, of whom no
// prior could have told.
func Adaptive(strategy string) bool {
	switch strategy {
	case Rates, Always, Random, Lazy, Faulty:
		return false
	}
	return true
}

// Whose wrong results are equal, byte for byte. Zero: nobody else's.
const (
	ownBytes = iota
	lazyBytes
	ringBytes
	faultyBytes // plus the number of the driver
)

// Healthy classes come first; the last ones have a broken driver.
const (
	healthy = 8
	broken  = 2
)

const (
	greed     = 0.2 // of a ring, on each shard that two of it hold
	ringBlock = 0   // where a sybil lives
)

// Cheat is how somebody cheats, and what is left of it. The zero Cheat is
// honest.
type Cheat struct {
	Strategy string
	Rate     float64
	Wake     int64 // honest for so many results
	Budget   int64 // lies at most; 0 without end
	Bytes    int   // equal ones give equal wrong results; 0 gives its own
	Ring     bool  // lies together with others of the ring
	Returns  bool  // as somebody else, when caught or done
	Patient  bool  // honest until believed
}

// Circumstances are what cheats find.
type Circumstances struct {
	LeastLie float64   // the smallest rate of a rate adversary
	Faults   []float64 // the rates of the broken drivers
	Believes bool      // whether the hub ever believes one alone
	Lurk     int64     // results that wake a cheat who waits, at least, where it never does; ten times that at most
}

// NewCheat draws a cheat of a strategy. For a broken driver it also returns
// its number; otherwise -1.
func NewCheat(r *rand.Rand, strategy string, c Circumstances) (Cheat, int) {
	d, driver := random{r}, -1
	if strategy == Rates {
		strategy = []string{Always, Random, Lazy, Faulty}[d.IntN(4)]
	}
	k := Cheat{Strategy: strategy}
	rate := d.between(c.LeastLie, 1)
	switch strategy {
	case Sleeper, Builder, Targeted, HitAndRun, Ring, Sybil:
		// The cleverest know the policy and guess their own standing.
		if k.Patient = c.Believes; k.Patient {
			k.Wake = math.MaxInt64
		} else {
			k.Wake = int64(d.between(float64(c.Lurk), 10*float64(c.Lurk)))
		}
	}
	switch strategy {
	case Always:
		k.Rate = 1
	case Random, Wave:
		k.Rate = rate
	case Lazy:
		k.Rate, k.Bytes = rate, lazyBytes
	case Faulty:
		driver = d.IntN(len(c.Faults))
		k.Rate, k.Bytes = c.Faults[driver], faultyBytes+driver
	case Drift:
		k.Rate, k.Wake = 1e-4, int64(d.between(float64(c.Lurk), 10*float64(c.Lurk)))
	case Sleeper:
		k.Rate = 0.2
	case Builder:
		k.Rate = 0.01
	case Targeted:
		k.Rate, k.Budget = 0.01, 1 // where it lies is as good as any other place
	case HitAndRun:
		k.Rate, k.Budget, k.Returns = 1, 10, true
	case Whitewash:
		k.Rate, k.Returns = 0.5, true
	case Ring, Sybil:
		k.Ring, k.Bytes = true, ringBytes
	}
	return k, driver
}

// SharesDriver reports whether a broken driver makes the cheat: then it fails
// on the same shards as everybody who has it.
func (k Cheat) SharesDriver() bool { return k.Bytes >= faultyBytes }

// lurk is for how many results those wait who are never believed alone.
const lurk = 2000

// play makes v a cheater.
func (s *sim) play(v *volunteer, strategy string) {
	driver := 0
	v.Cheat, driver = NewCheat(s.rand.Rand, strategy, Circumstances{
		LeastLie: s.config.LeastLie, Faults: s.faults[:], Lurk: lurk, Believes: s.config.believes(),
	})
	if driver >= 0 {
		v.class = healthy + driver
	}
	v.identity.Class = s.classes[v.class]
	if v.Strategy == Sybil {
		v.identity.Block = block(ringBlock)
	}
}

// believes reports whether anybody's word is ever enough.
func (c Config) believes() bool {
	return c.Rule != Quorum && c.Assurance != trust.Replicated && c.Assurance != trust.Full
}

// believed tells v that the hub has begun to take its word.
func (s *sim) believed(v *volunteer) {
	if v.Patient {
		v.Patient, v.Wake = false, v.delivered+s.rand.Int64N(lurk)
	}
}

// RateAfter is the rate at which k lies by itself after so many results; lurk
// is that of its Circumstances.
func (k Cheat) RateAfter(delivered, lurk int64) float64 {
	if k.Strategy == Drift && delivered > k.Wake {
		return min(1, k.Rate*math.Exp2(float64(delivered-k.Wake)/float64(lurk)))
	}
	return k.Rate
}

// rateNow is the rate at which v lies by itself.
func (v *volunteer) rateNow() float64 { return v.RateAfter(v.delivered, lurk) }

// lie is where v's next lie falls in a stretch of n results, from `from` on; n
// when there is none.
func (s *sim) lie(v *volunteer, from, n int64) int64 {
	if v.Rate == 0 || v.Budget > 0 && v.told >= v.Budget {
		return n
	}
	from = max(from, v.Wake-v.delivered)
	if from >= n {
		return n
	}
	return min(from+s.rand.geometric(v.rateNow()), n)
}

// conspire reports whether v and w would lie together on a shard both hold.
func conspire(v, w *volunteer) bool {
	return v.Ring && w.Ring && v.delivered >= v.Wake && w.delivered >= w.Wake
}
