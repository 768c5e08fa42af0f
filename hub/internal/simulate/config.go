// Package simulate measures the trust policy: a hundred thousand volunteers
// come, work, lie, are caught and go, in virtual time.
//
// It is a discrete-event simulation. One event is one stretch of work of one
// volunteer; within it results are exchangeable, so only the wrong ones, the
// checked ones and the disputes are drawn one by one. That is exact in
// distribution, and makes billions of shards cost millions of events. What is
// decided is decided by package trust, the code that the hub runs; the
// published rules of others run in the same simulator beside it. The hub's memory,
// package reputation, only tells here what a stake is: it settles results one by
// one and learns after every 64th, which a stretch of thousands cannot. Package
// detail runs all of it, for hours instead of months.
//
// Everything is drawn from one seeded generator: the same Config gives the
// same Report, on the same kind of processor. The package refuses to know
// clocks, networks and stores.
package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// Config describes a population and the rule that judges it.
type Config struct {
	Volunteers int
	Cheaters   float64 // share of those who come
	Epsilon    float64
	Strategy   string // one of Strategies
	Rule       string // one of Rules
	Assurance  trust.Assurance
	Replicas   int // for assurance replicated
	Seed       uint64

	Days     int     // of virtual time
	Life     float64 // days that a volunteer stays on average
	Visitors float64 // share of those who come and stay two days only
	Speed    float64 // shards an hour of the median device
	LeastLie float64 // smallest rate of a rate adversary
	Gain     int64   // what a lie that is never found brings, in prices of a shard; stakes suppose ten
}

// The rules.
const (
	Shoal  = "shoal"  // package trust
	BOINC  = "boinc"  // adaptive replication: alone from 10 validations on, replicated with 1/n
	Quorum = "quorum" // two agreeing results for every shard
)

// Rules returns the names of the rules.
func Rules() []string { return []string{Shoal, BOINC, Quorum} }

// Default is a population that lives long: half of those who come have gone
// after two years, a third only look in.
func Default() Config {
	return Config{
		Volunteers: 100_000, Cheaters: 0.3, Epsilon: 1e-6,
		Strategy: Rates, Rule: Shoal, Assurance: trust.Audited, Seed: 1,
		Days: 120, Life: 700, Visitors: 0.3, Speed: 150, LeastLie: 0.01, Gain: 10,
	}
}

// Validate names the first field that is wrong.
func (c Config) Validate() error {
	switch {
	case c.Volunteers < 20 || c.Volunteers > 10_000_000:
		return fmt.Errorf("volunteers: %d, want 20 to 10000000", c.Volunteers)
	case !(c.Cheaters >= 0 && c.Cheaters <= 0.9):
		return fmt.Errorf("cheaters: %g, want 0 to 0.9", c.Cheaters)
	case c.Days < 1 || c.Days > 3650:
		return fmt.Errorf("days: %d, want 1 to 3650", c.Days)
	case !(c.Life >= 1):
		return fmt.Errorf("life: %g days, want at least 1", c.Life)
	case !(c.Visitors >= 0 && c.Visitors <= 1):
		return fmt.Errorf("visitors: %g, want 0 to 1", c.Visitors)
	case !(c.Speed >= 1 && c.Speed <= 1e6):
		return fmt.Errorf("speed: %g shards an hour, want 1 to 1000000", c.Speed)
	case !(c.LeastLie > 0 && c.LeastLie <= 1):
		return fmt.Errorf("least-lie: %g, want above 0 and at most 1", c.LeastLie)
	case c.Gain < 0 || c.Gain > 1_000_000_000:
		return fmt.Errorf("gain: %d, want 0 to 1000000000", c.Gain)
	case !slices.Contains(Strategies(), c.Strategy):
		return fmt.Errorf("strategy: %q, want one of %s", c.Strategy, strings.Join(Strategies(), ", "))
	case !slices.Contains(Rules(), c.Rule):
		return fmt.Errorf("rule: %q, want one of %s", c.Rule, strings.Join(Rules(), ", "))
	}
	_, err := trust.NewTerms(c.Epsilon, c.Assurance, c.Replicas)
	return err
}
