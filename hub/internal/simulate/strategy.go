package simulate

import (
	"math"

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
	faultyBytes // plus the class
)

// Healthy classes come first; the last ones have a broken driver.
const (
	healthy = 8
	broken  = 2
)

const (
	greed     = 0.2 // of a ring, on each shard that two of it hold
	ringBlock = 0   // where a sybil lives
	doubling  = 2000
)

// play makes v a cheater.
func (s *sim) play(v *volunteer, strategy string) {
	if strategy == Rates {
		strategy = []string{Always, Random, Lazy, Faulty}[s.rand.IntN(4)]
	}
	v.strategy = strategy
	rate := s.rand.between(s.config.LeastLie, 1)
	switch strategy {
	case Sleeper, Builder, Targeted, HitAndRun, Ring, Sybil:
		s.wait(v)
	}
	switch strategy {
	case Always:
		v.rate = 1
	case Random, Wave:
		v.rate = rate
	case Lazy:
		v.rate, v.bytes = rate, lazyBytes
	case Faulty:
		b := s.rand.IntN(broken)
		v.class, v.rate, v.bytes = healthy+b, s.faults[b], faultyBytes+healthy+b
	case Drift:
		v.rate, v.wake = 1e-4, int64(s.rand.between(2000, 20_000))
	case Sleeper:
		v.rate = 0.2
	case Builder:
		v.rate = 0.01
	case Targeted:
		v.rate, v.budget = 0.01, 1 // where it lies is as good as any other place
	case HitAndRun:
		v.rate, v.budget, v.returns = 1, 10, true
	case Whitewash:
		v.rate, v.returns = 0.5, true
	case Ring, Sybil:
		v.ring, v.bytes = true, ringBytes
	}
	v.identity.Class = s.classes[v.class]
	if strategy == Sybil {
		v.identity.Block = block(ringBlock)
	}
}

// wait makes v honest until it is believed: the cleverest liars know the
// policy and guess their own standing. Where nobody is ever believed alone it
// waits for some thousand results.
func (s *sim) wait(v *volunteer) {
	if s.config.Rule == Quorum || s.config.Assurance == trust.Replicated || s.config.Assurance == trust.Full {
		v.wake = int64(s.rand.between(2000, 20_000))
		return
	}
	v.patient, v.wake = true, math.MaxInt64
}

// believed tells v that the hub has begun to take its word.
func (s *sim) believed(v *volunteer) {
	if v.patient {
		v.patient, v.wake = false, v.delivered+s.rand.Int64N(2000)
	}
}

// rateNow is the rate at which v lies by itself.
func (v *volunteer) rateNow() float64 {
	if v.strategy == Drift && v.delivered > v.wake {
		return min(1, v.rate*math.Exp2(float64(v.delivered-v.wake)/doubling))
	}
	return v.rate
}

// lie is where v's next lie falls in a stretch of n results, from `from` on; n
// when there is none.
func (s *sim) lie(v *volunteer, from, n int64) int64 {
	if v.rate == 0 || v.budget > 0 && v.told >= v.budget {
		return n
	}
	from = max(from, v.wake-v.delivered)
	if from >= n {
		return n
	}
	return min(from+s.rand.geometric(v.rateNow()), n)
}

// conspire reports whether v and w would lie together on a shard both hold.
func conspire(v, w *volunteer) bool {
	return v.ring && w.ring && v.delivered >= v.wake && w.delivered >= w.wake
}
