package detail

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// small is a while of a village.
func small() Config {
	c := Default()
	c.Volunteers, c.Width, c.Time, c.Stay, c.Epsilon = 100, 40, 40*time.Minute, 30*time.Minute, 1e-4
	return c
}

func runs(t *testing.T, c Config) Report {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSameSeedSameReport(t *testing.T) {
	c := small()
	c.Stream, c.Time = true, 15*time.Minute
	a, b := runs(t, c), runs(t, c)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("two runs of one seed differ:\n%+v\n%+v", a, b)
	}
	c.Seed++
	if d := runs(t, c); a.Events == d.Events {
		t.Errorf("another seed gave the same %d events", d.Events)
	}
}

// The promise of package trust holds with leases, churn and latencies too.
func TestRateAdversaries(t *testing.T) {
	for _, strategy := range simulate.Strategies() {
		if simulate.Adaptive(strategy) {
			continue
		}
		c := small()
		c.Strategy, c.Stream = strategy, true
		c.Naive = strategy == simulate.Faulty // or it knows which drivers are broken
		r := runs(t, c)
		if r.WrongAccepted != 0 || !(r.Bound > 0 && r.Bound <= c.Epsilon) {
			t.Errorf("%s: %d wrong accepted, bound %g; want none and at most %g", strategy, r.WrongAccepted, r.Bound, c.Epsilon)
		}
		if r.LiarsCaught == 0 || r.HonestExcluded != 0 || r.Accepted < 3000 {
			t.Errorf("%s: %d caught, %d of them honest, %d accepted", strategy, r.LiarsCaught, r.HonestExcluded, r.Accepted)
		}
	}
}

// With every result audited nothing wrong is accepted, whoever is there.
func TestFull(t *testing.T) {
	for _, strategy := range []string{simulate.Always, simulate.Sleeper} {
		c := small()
		c.Strategy, c.Cheaters, c.Assurance, c.Width, c.Stream = strategy, 0.3, trust.Full, 0, true
		r := runs(t, c)
		if r.Accepted < 500 || r.Audits < r.Accepted || r.WrongAccepted != 0 || r.LiesTold == 0 || r.HonestExcluded != 0 {
			t.Errorf("%s: %d accepted on %d audits, %d of them wrong, of %d lies; %d honest excluded",
				strategy, r.Accepted, r.Audits, r.WrongAccepted, r.LiesTold, r.HonestExcluded)
		}
	}
}

// Every lie, every device's time and every backup is accounted for.
func TestAccounts(t *testing.T) {
	rollbacks := 0
	for _, strategy := range simulate.Strategies() {
		for _, stream := range []bool{false, true} {
			c := small()
			c.Strategy, c.Cheaters, c.Stream = strategy, 0.2, stream
			if !stream { // there is more time where less is done
				c.Time = 3 * time.Hour
			}
			c.Straggle, c.Silent = 0.05, 0.01
			r := runs(t, c)
			if r.LiesTold != r.LiesCaught+r.WrongAccepted+r.LiesOpen || r.LiesOpen < 0 || r.LiesLeft < 0 {
				t.Errorf("%s: %d lies told, %d caught, %d accepted, %d open; %d left", strategy, r.LiesTold, r.LiesCaught, r.WrongAccepted, r.LiesOpen, r.LiesLeft)
			}
			d := r.DeviceTime
			if sum := d.Useful + d.Replicas + d.Again + d.Surplus + d.Aborted + d.Open; math.Abs(sum-1) > 1e-9 || d.Open < 0 {
				t.Errorf("%s: shares of time %+v sum up to %g", strategy, d, sum)
			}
			if r.Utilisation <= 0 || r.Utilisation > 1 {
				t.Errorf("%s: utilisation %g", strategy, r.Utilisation)
			}
			if b := r.Backups; b.Used+b.Wasted > b.Granted || !stream && b.Used == 0 {
				t.Errorf("%s: backups %+v", strategy, b)
			}
			if r.HonestExcluded != 0 {
				t.Errorf("%s: %d honest volunteers excluded", strategy, r.HonestExcluded)
			}
			rollbacks += r.Rollbacks
		}
	}
	if rollbacks == 0 {
		t.Error("no job ever had to go back: too few lies to mean anything")
	}
}

// A hundred small worlds, all strategies: nobody honest is ever excluded.
func TestNobodyHonestIsExcluded(t *testing.T) {
	c := small()
	c.Volunteers, c.Width, c.Time, c.Known = 40, 20, 20*time.Minute, 0
	caught := 0
	for seed := range uint64(100) {
		c.Seed, c.Strategy = seed, simulate.Strategies()[seed%uint64(len(simulate.Strategies()))]
		r := runs(t, c)
		if r.HonestExcluded != 0 {
			t.Fatalf("seed %d, %s: %d honest volunteers excluded", seed, c.Strategy, r.HonestExcluded)
		}
		caught += r.LiarsCaught
	}
	if caught < 100 {
		t.Errorf("only %d liars caught in 100 worlds: too few to mean anything", caught)
	}
}

// Jobs end in spite of everything that people do.
func TestJobsEnd(t *testing.T) {
	c := small()
	c.Rounds, c.Stream, c.Shards, c.Time = 5, true, 2000, 10*time.Hour
	c.Straggle, c.Silent, c.Vanish, c.Stay = 0.1, 0.1, 1, 5*time.Minute
	r := runs(t, c)
	if r.Rounds != 5 || r.Accepted != 5*int64(c.Width)+c.Shards || !(r.Makespan > 0 && r.Makespan < r.Time) {
		t.Errorf("%d rounds, %d accepted, makespan %g: want 5, %d and an end", r.Rounds, r.Accepted, r.Makespan, 5*int64(c.Width)+c.Shards)
	}
	if r.Expired == 0 {
		t.Error("no lease expired although one run in ten is never heard of again")
	}
}

func TestAssurances(t *testing.T) {
	c := small()
	c.Strategy, c.Cheaters = simulate.Sleeper, 0.1
	c.Assurance = trust.Full
	if r := runs(t, c); r.WrongAccepted != 0 || r.Bound != 0 || r.Audits < r.Accepted {
		t.Errorf("full: %d wrong, bound %g, %d audits of %d results", r.WrongAccepted, r.Bound, r.Audits, r.Accepted)
	}
	c.Assurance, c.Replicas, c.Cheaters = trust.Replicated, 3, 0
	if r := runs(t, c); r.WrongAccepted != 0 || r.Overhead < 2 || r.Verifying == 0 {
		t.Errorf("replicated: %d wrong, overhead %g; want none and at least 2", r.WrongAccepted, r.Overhead)
	}
}

// listener keeps what happens.
type listener struct{ events []incident.Event }

func (l *listener) Write(e *incident.Event) { l.events = append(l.events, *e) }

func listen(t *testing.T, c Config) ([]incident.Event, Report) {
	t.Helper()
	var l listener
	s, err := newDrawnSim(c, &l)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l.events, r
}

// No volunteer gets a shard twice while it holds or has delivered it, none that
// look related vouch for one another, and no round begins before the last one
// is settled.
func TestLeases(t *testing.T) {
	c := small()
	c.Known, c.Cheaters, c.Vanish = 0, 0, 0
	events, _ := listen(t, c)
	blocks := map[int]string{}
	results := map[int64][]int{}
	settled := map[int64]bool{}
	open := map[int64]map[int]int{} // by shard: leases of each volunteer, less results and departures
	for _, e := range events {
		switch e.Kind {
		case incident.Meet:
			blocks[e.Volunteer] = e.Block
		case incident.Lease:
			for previous := e.Shard / int64(c.Width) * int64(c.Width); previous > 0; previous-- {
				if !settled[previous-1] {
					t.Fatalf("shard %d is leased while shard %d is open", e.Shard, previous-1)
				}
				if previous%int64(c.Width) == 1 {
					break
				}
			}
			for _, v := range results[e.Shard] {
				if v == e.Volunteer || blocks[v] == blocks[e.Volunteer] {
					t.Fatalf("shard %d goes to volunteer %d after %d", e.Shard, e.Volunteer, v)
				}
			}
			if open[e.Shard] == nil {
				open[e.Shard] = map[int]int{}
			}
			open[e.Shard][e.Volunteer]++
		case incident.Result:
			results[e.Shard] = append(results[e.Shard], e.Volunteer)
		case incident.Verdict:
			settled[e.Shard] = true
		}
	}
	if len(settled) < 100 {
		t.Errorf("only %d shards settled: too few to mean anything", len(settled))
	}
}

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"volunteers":   func(c *Config) { c.Volunteers = 3 },
		"strategy":     func(c *Config) { c.Strategy = "pray" },
		"time":         func(c *Config) { c.Time = 0 },
		"stay":         func(c *Config) { c.Stay = 0 },
		"latency":      func(c *Config) { c.Latency = -1 },
		"stragglers":   func(c *Config) { c.Straggle = math.NaN() },
		"silent":       func(c *Config) { c.Silent = 2 },
		"vanish":       func(c *Config) { c.Vanish = -1 },
		"known":        func(c *Config) { c.Known = -1 },
		"width: 0":     func(c *Config) { c.Width = 0 },
		"width: -1":    func(c *Config) { c.Width = -1 },
		"rounds":       func(c *Config) { c.Rounds = -1 },
		"shards: -1":   func(c *Config) { c.Shards = -1 },
		"auditors":     func(c *Config) { c.Auditors = -1 },
		"epsilon":      func(c *Config) { c.Epsilon = 0 },
		"lease_time":   func(c *Config) { c.Scheduler.LeaseTime = 0 },
		"backup_after": func(c *Config) { c.Scheduler.BackupAfter = 0 },
		"max_backups":  func(c *Config) { c.Scheduler.MaxBackups = -1 },
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

func TestHistogram(t *testing.T) {
	var h histogram
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Millisecond)
	}
	for _, q := range []float64{0.1, 0.5, 0.99} {
		if got := h.quantile(q); got < q || got > q*(1+1./16)+0.002 {
			t.Errorf("quantile %g is %g", q, got)
		}
	}
}

// A job with rounds goes on beside one that always has work: its backups come
// first, and no sealed result is left unopened when a replica is lost.
func TestRoundsBesideAStream(t *testing.T) {
	c := small()
	c.Volunteers, c.Width, c.Cheaters, c.Time, c.Silent = 200, 50, 0, 2*time.Hour, 0.01
	alone := runs(t, c)
	c.Stream = true
	r := runs(t, c)
	if r.Rounds < 10 || r.Rounds*20 < alone.Rounds || r.Backups.Used == 0 {
		t.Errorf("%d rounds beside a stream, %d alone, backups %+v", r.Rounds, alone.Rounds, r.Backups)
	}
}

// A class that fails for everybody is closed, and nobody is to blame: owners keep
// their stakes and go on with their other devices. A hub that remembers it closes it
// at once.
func TestQuarantine(t *testing.T) {
	c := small()
	c.Volunteers, c.Time, c.Strategy, c.Stream, c.Naive = 300, 20*time.Minute, simulate.Faulty, true, true
	events, r := listen(t, c)
	if !slices.Contains(r.Quarantined, "class-8") || !slices.Contains(r.Quarantined, "class-9") || len(r.Quarantined) != 2 {
		t.Fatalf("quarantined %q, want the two broken classes", r.Quarantined)
	}
	if r.Slashed != 0 || r.WrongAccepted != 0 || r.LiarsCaught < 16 {
		t.Errorf("%d slashed in the end, %d wrong accepted, %d caught; want nothing, nothing and several", r.Slashed, r.WrongAccepted, r.LiarsCaught)
	}
	caught, after := map[int]bool{}, 0
	for _, e := range events {
		switch {
		case e.Kind == incident.Capture:
			caught[e.Volunteer] = true
		case e.Kind == incident.Result && caught[e.Volunteer]:
			after++
		}
	}
	if after < 100 {
		t.Errorf("only %d results by owners of broken drivers with their other devices", after)
	}
	c.Naive = false
	if r := runs(t, c); len(r.Quarantined) != 2 || r.LiesTold != 0 {
		t.Errorf("remembered: quarantined %q, %d lies told; want both classes and none", r.Quarantined, r.LiesTold)
	}
}

// A hub that has never met a cheat takes strangers for honest: what the limits
// of TRUST.md say must be seen here, or the memory of others proves nothing.
func TestNaive(t *testing.T) {
	c := small()
	c.Volunteers, c.Strategy, c.Stream, c.Width, c.Time, c.Epsilon = 600, simulate.Lazy, true, 0, 12*time.Minute, 1e-3
	if r := runs(t, c); r.WrongAccepted != 0 {
		t.Errorf("with a memory: %d wrong accepted", r.WrongAccepted)
	}
	c.Naive = true
	if r := runs(t, c); r.WrongAccepted == 0 {
		t.Error("without a memory: nothing wrong was accepted")
	}
}
