package simulate

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// small is a village: quick to simulate, too small for a tight epsilon to be
// cheap.
func small() Config {
	c := Default()
	c.Volunteers, c.Days, c.Epsilon = 400, 30, 1e-4
	return c
}

func run(t *testing.T, c Config) Report {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSameSeedSameReport(t *testing.T) {
	for _, rule := range Rules() {
		c := small()
		c.Rule, c.Volunteers, c.Days = rule, 100, 10
		a, b := run(t, c), run(t, c)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two runs of one seed differ:\n%+v\n%+v", rule, a, b)
		}
		c.Seed++
		if d := run(t, c); a.Shards == d.Shards {
			t.Errorf("%s: another seed executed the same %d shards", rule, d.Shards)
		}
	}
}

// The promise: nothing wrong is accepted from rate adversaries, and the bound
// stays within epsilon.
func TestRateAdversaries(t *testing.T) {
	for _, strategy := range Strategies() {
		if Adaptive(strategy) {
			continue
		}
		c := small()
		c.Strategy = strategy
		r := run(t, c)
		if r.WrongAccepted != 0 || r.Bound > c.Epsilon || r.Bound <= 0 || r.LiesLeft != 0 {
			t.Errorf("%s: %d wrong accepted, bound %g; want none and at most %g", strategy, r.WrongAccepted, r.Bound, c.Epsilon)
		}
		if r.LiesCaught == 0 || r.LiarsCaught == 0 {
			t.Errorf("%s: nobody was caught: %+v", strategy, r)
		}
		if pardoned := strategy == Faulty && r.LiarProfit == 0; r.LiarProfit >= 0 && !pardoned {
			t.Errorf("%s: lying paid %d", strategy, r.LiarProfit)
		}
		if r.Accepted < 100_000 || r.Shards <= r.Accepted {
			t.Errorf("%s: %d accepted of %d executed", strategy, r.Accepted, r.Shards)
		}
	}
}

// A population that lives long pays little once it is known.
func TestOverheadFalls(t *testing.T) {
	c := small()
	c.Volunteers, c.Days = 3000, 60
	r := run(t, c)
	if r.RampUpDays >= c.Days || r.Overhead > 0.05 || r.OverheadRampUp < 2*r.Overhead {
		t.Errorf("overhead %.3f after %d days, %.3f before; want at most 0.05 after a dearer ramp-up",
			r.Overhead, r.RampUpDays, r.OverheadRampUp)
	}
}

// Whoever adapts is caught sooner or later, earns less than he loses, and
// every lie is accounted for.
func TestAdaptiveAdversaries(t *testing.T) {
	for _, strategy := range Strategies() {
		if !Adaptive(strategy) {
			continue
		}
		c := small()
		c.Strategy, c.Cheaters = strategy, 0.1
		if strategy == Ring { // in a village two of it seldom meet
			c.Volunteers = 1000
		}
		r := run(t, c)
		if r.LiesTold != r.LiesCaught+r.WrongAccepted {
			t.Errorf("%s: %d told, %d caught and %d accepted", strategy, r.LiesTold, r.LiesCaught, r.WrongAccepted)
		}
		if r.LiesLeft < 0 || r.LiesRepaired > r.WrongAccepted {
			t.Errorf("%s: %d of %d repaired", strategy, r.LiesRepaired, r.WrongAccepted)
		}
		if strategy == Sybil { // never two of them on one shard
			if r.LiesTold != 0 {
				t.Errorf("sybil: %d lies although no two that look related share a shard", r.LiesTold)
			}
			continue
		}
		if r.LiarsCaught == 0 || r.LiarProfit >= 0 {
			t.Errorf("%s: %d caught, profit %d; want some and a loss", strategy, r.LiarsCaught, r.LiarProfit)
		}
	}
}

// Stakes are asked for where one may be believed alone, and nowhere else; owners of
// a broken driver get theirs back.
func TestStakes(t *testing.T) {
	for assurance, want := range map[trust.Assurance]int64{trust.Audited: 824, trust.Replicated: 0, trust.Full: 0} {
		c := small()
		c.Days, c.Assurance, c.Replicas, c.Strategy = 10, assurance, 2, Random
		if r := run(t, c); r.Stake != want || r.LiarsCaught == 0 || (r.Slashed > 0) != (want > 0) {
			t.Errorf("%s: a stake of %d, want %d; %d liars caught, %d slashed", assurance, r.Stake, want, r.LiarsCaught, r.Slashed)
		}
	}
	c := small()
	c.Strategy, c.Volunteers = Faulty, 1000
	if r := run(t, c); len(r.Quarantined) != broken || r.LiarsCaught == 0 || r.Slashed != 0 {
		t.Errorf("quarantined %q, %d caught, %d slashed in the end; want %d classes and nothing slashed", r.Quarantined, r.LiarsCaught, r.Slashed, broken)
	}
}

func TestFullAndReplicated(t *testing.T) {
	c := small()
	c.Strategy, c.Days = Sleeper, 20
	c.Assurance = trust.Full
	if r := run(t, c); r.WrongAccepted != 0 || r.Bound != 0 || r.Overhead < 1 {
		t.Errorf("full: %d wrong, bound %g, overhead %g", r.WrongAccepted, r.Bound, r.Overhead)
	}
	c.Assurance, c.Replicas = trust.Replicated, 3
	if r := run(t, c); r.WrongAccepted != 0 || r.Overhead < 2 {
		t.Errorf("replicated: %d wrong, overhead %g, want 0 and at least 2", r.WrongAccepted, r.Overhead)
	}
}

// A thousand small worlds, all strategies: nobody honest is ever excluded.
func TestNobodyHonestIsExcluded(t *testing.T) {
	c := small()
	c.Volunteers, c.Days = 60, 2
	liars := 0
	for seed := range uint64(1000) {
		c.Seed = seed
		c.Strategy = Strategies()[seed%uint64(len(Strategies()))]
		r := run(t, c)
		if r.HonestExcluded != 0 {
			t.Fatalf("seed %d, %s: %d honest volunteers excluded", seed, c.Strategy, r.HonestExcluded)
		}
		liars += r.LiarsCaught
	}
	if liars < 1000 {
		t.Errorf("only %d liars caught in 1000 runs: too few to mean anything", liars)
	}
}

// A quorum of two costs exactly one more execution among the honest. Where a
// share f always returns the same rubbish, two of the first two or of the
// first three suffice: f^2 + 2f^2(1-f).
func TestQuorumOfTwo(t *testing.T) {
	c := small()
	c.Rule, c.Cheaters = Quorum, 0
	if r := run(t, c); r.Overhead != 1 || r.WrongAccepted != 0 {
		t.Errorf("all honest: overhead %g, %d wrong; want 1 and 0", r.Overhead, r.WrongAccepted)
	}
	c.Strategy, c.Cheaters, c.LeastLie, c.Volunteers, c.Days = Lazy, 0.3, 1, 3000, 5
	r := run(t, c)
	f := 0.3
	want := f*f + 2*f*f*(1-f)
	if got := float64(r.WrongAccepted) / float64(r.Accepted); math.Abs(got-want) > 0.15*want {
		t.Errorf("share of wrong results %.4f, want %.4f", got, want)
	}
}

// BOINC's rule trusts after ten validations and then checks with 1/n: cheap,
// and a sleeper goes through.
func TestBOINC(t *testing.T) {
	c := small()
	c.Rule, c.Cheaters = BOINC, 0
	if r := run(t, c); r.Overhead <= 0 || r.Overhead > 0.1 || r.WrongAccepted != 0 {
		t.Errorf("all honest: overhead %g, %d wrong; want little and 0", r.Overhead, r.WrongAccepted)
	}
	c.Cheaters, c.Strategy = 0.3, Sleeper
	r := run(t, c)
	if share := float64(r.LiesLeft) / float64(r.Accepted); share < 0.001 || r.LiarsCaught != 0 {
		t.Errorf("sleepers: %.5f of the results are wrong for good, %d caught; want above 0.001 and nobody", share, r.LiarsCaught)
	}
	c.Rule = Shoal
	if s := run(t, c); s.LiesLeft*20 > r.LiesLeft {
		t.Errorf("sleepers leave %d lies here and %d there; want a twentieth at most", s.LiesLeft, r.LiesLeft)
	}
}

// A broken driver closes its class, not the honest ones.
func TestQuarantine(t *testing.T) {
	c := small()
	c.Strategy, c.Volunteers = Faulty, 2000
	r := run(t, c)
	if len(r.Quarantined) != broken {
		t.Errorf("quarantined %q, want the %d broken classes", r.Quarantined, broken)
	}
	c.Strategy = Whitewash
	if r := run(t, c); len(r.Quarantined) != 0 {
		t.Errorf("whitewashers got %q quarantined", r.Quarantined)
	}
}

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"volunteers": func(c *Config) { c.Volunteers = 3 },
		"cheaters":   func(c *Config) { c.Cheaters = math.NaN() },
		"days":       func(c *Config) { c.Days = 0 },
		"strategy":   func(c *Config) { c.Strategy = "pray" },
		"rule":       func(c *Config) { c.Rule = "" },
		"least-lie":  func(c *Config) { c.LeastLie = 0 },
		"speed":      func(c *Config) { c.Speed = -1 },
		"gain":       func(c *Config) { c.Gain = -1 },
		"epsilon":    func(c *Config) { c.Epsilon = 0 },
		"assurance":  func(c *Config) { c.Assurance = "sure" },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %v does not name it", field, err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, small()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
