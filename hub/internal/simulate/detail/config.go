package detail

import (
	"fmt"
	"math"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// Config describes a hub's hours and the people of that time.
type Config struct {
	// As in simulate.Config.
	Volunteers int // present on average
	Cheaters   float64
	Epsilon    float64
	Strategy   string
	Assurance  trust.Assurance
	Replicas   int
	Seed       uint64
	Speed      float64 // shards an hour of the median device
	LeastLie   float64
	Gain       int64

	Time     time.Duration // simulated
	Stay     time.Duration // that a volunteer stays connected, on average
	Latency  time.Duration // one way, of the median volunteer
	Straggle float64       // share of runs that take ten times as long
	Silent   float64       // share of runs that are never heard of again
	Vanish   float64       // share of departures without a word
	Known    int64         // results of an honest device that were verified before the beginning
	Naive    bool          // the hub has verified them without ever meeting a cheat

	Width    int   // shards in a round of the training job; 0: no such job
	Rounds   int   // of it; 0: until the end
	Stream   bool  // beside it, or instead of it, a job whose shards do not wait for one another
	Shards   int64 // of that job; 0: until the end
	Auditors int   // lanes of the operator; 0: one for 400 volunteers, and two at least

	Scheduler scheduler.Config
}

// Default is an afternoon of two thousand known devices that train one model.
func Default() Config {
	c := simulate.Default()
	return Config{
		Volunteers: 2000, Cheaters: c.Cheaters, Epsilon: c.Epsilon, Strategy: c.Strategy,
		Assurance: c.Assurance, Seed: c.Seed, Speed: c.Speed, LeastLie: c.LeastLie, Gain: c.Gain,
		Time: 2 * time.Hour, Stay: 3 * time.Hour, Latency: 60 * time.Millisecond,
		Straggle: 0.01, Silent: 0.001, Vanish: 0.3, Known: 2048,
		Width: 500, Scheduler: scheduler.Default(),
	}
}

// Validate names the first field that is wrong.
func (c Config) Validate() error {
	s := simulate.Default()
	s.Volunteers, s.Cheaters, s.Epsilon, s.Strategy, s.Seed = c.Volunteers, c.Cheaters, c.Epsilon, c.Strategy, c.Seed
	s.Assurance, s.Replicas, s.Speed, s.LeastLie, s.Gain = c.Assurance, c.Replicas, c.Speed, c.LeastLie, c.Gain
	if err := s.Validate(); err != nil {
		return err
	}
	share := func(v float64) bool { return v >= 0 && v <= 1 }
	switch {
	case c.Time < time.Minute || c.Time > 1000*time.Hour:
		return fmt.Errorf("time: %v, want a minute to 1000 hours", c.Time)
	case c.Stay < time.Minute:
		return fmt.Errorf("stay: %v, want at least a minute", c.Stay)
	case c.Latency < 0 || c.Latency > time.Minute:
		return fmt.Errorf("latency: %v, want at most a minute", c.Latency)
	case !share(c.Straggle):
		return fmt.Errorf("stragglers: %g, want 0 to 1", c.Straggle)
	case !share(c.Silent):
		return fmt.Errorf("silent: %g, want 0 to 1", c.Silent)
	case !share(c.Vanish):
		return fmt.Errorf("vanish: %g, want 0 to 1", c.Vanish)
	case c.Known < 0 || c.Known > 1<<40:
		return fmt.Errorf("known: %d, want 0 to %d", c.Known, int64(1)<<40)
	case c.Auditors < 0:
		return fmt.Errorf("auditors: %d, want at least 0", c.Auditors)
	case c.Width < 0 || c.Width > incident.MaxWidth:
		return fmt.Errorf("width: %d, want 0 to %d", c.Width, incident.MaxWidth)
	case c.Rounds < 0:
		return fmt.Errorf("rounds: %d, want at least 0", c.Rounds)
	case c.Shards < 0:
		return fmt.Errorf("shards: %d, want at least 0", c.Shards)
	case c.Width == 0 && !c.Stream:
		return fmt.Errorf("width: 0, and no stream: there is nothing to do")
	}
	return c.header().Validate()
}

// shardOps is the cost of every shard; only its ratio to speeds matters.
const shardOps = 1_000_000_000

// medianSpeed is in operations per second.
func (c Config) medianSpeed() float64 { return max(c.Speed*shardOps/3600, 1) }

// auditors is how many lanes the operator has: 0.3 % of the results are
// audited once people are known, and a lane is as fast as four devices.
func (c Config) auditors() int {
	if c.Auditors > 0 {
		return c.Auditors
	}
	return max(2, c.Volunteers/400)
}

// header is what an incident of this configuration begins with.
func (c Config) header() incident.Header {
	h := incident.Header{
		Format: incident.Format, Version: incident.Version,
		About:  incident.About{Source: "shoal simulate --detail", Volunteers: c.Volunteers, Cheaters: c.Cheaters, Strategy: c.Strategy},
		Policy: incident.Policy{Epsilon: c.Epsilon, Assurance: c.Assurance, Secret: incident.NewSecret(c.Seed), Gain: c.Gain},
		Hub: incident.Hub{
			LeaseTime: c.Scheduler.LeaseTime, BackupAfter: c.Scheduler.BackupAfter, MaxBackups: c.Scheduler.MaxBackups,
			MaxLeases: 16, InHand: 2, PlanEvery: 10 * time.Millisecond, LostAfter: 30 * time.Second,
			Fold: 200 * time.Millisecond, Learn: 5 * time.Minute,
			Auditors: c.auditors(), AuditSpeed: int64(math.Ceil(4 * c.medianSpeed())),
		},
		Until: c.Time, Seed: c.Seed, Whole: true,
	}
	if c.Assurance == trust.Replicated {
		h.Policy.Replicas = c.Replicas
	}
	if c.Width > 0 {
		h.Jobs = append(h.Jobs, incident.Job{Width: c.Width, Rounds: c.Rounds, Ops: shardOps, Memory: 1 << 28})
	}
	if c.Stream {
		h.Jobs = append(h.Jobs, incident.Job{Shards: c.Shards, Ops: shardOps, Memory: 1 << 28})
	}
	return h
}
