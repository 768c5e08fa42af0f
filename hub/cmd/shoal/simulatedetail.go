package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/detail"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// detailFlags are those of `shoal simulate` that ask for single shards.
type detailFlags struct {
	config detail.Config
	names  []string // but for --detail itself
	detail bool
	record string
	around time.Duration
	replay string
}

func newDetail() *detailFlags { return &detailFlags{config: detail.Default()} }

// coarse are the flags that mean nothing shard by shard.
var coarse = []string{"rule", "days", "life", "visitors"}

func (d *detailFlags) flags(all *pflag.FlagSet) {
	all.BoolVar(&d.detail, "detail", false, "simulate hours shard by shard, under the hub's scheduler too")
	c := &d.config
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.DurationVar(&c.Time, "time", c.Time, "detail: how long, in virtual time")
	f.DurationVar(&c.Stay, "stay", c.Stay, "detail: how long a volunteer stays connected on average")
	f.DurationVar(&c.Latency, "latency", c.Latency, "detail: of a message of the median volunteer")
	f.Float64Var(&c.Straggle, "stragglers", c.Straggle, "detail: share of runs that take ten times as long")
	f.Float64Var(&c.Silent, "silent", c.Silent, "detail: share of runs that are never heard of again")
	f.Float64Var(&c.Vanish, "vanish", c.Vanish, "detail: share of departures without a word")
	f.Int64Var(&c.Known, "known", c.Known, "detail: verified results that honest devices begin with")
	f.BoolVar(&c.Naive, "naive", c.Naive, "detail: the hub has never met a cheat before")
	f.IntVar(&c.Width, "width", c.Width, "detail: shards in a round of the training job; 0: no such job")
	f.IntVar(&c.Rounds, "rounds", c.Rounds, "detail: rounds of it; 0: until the time is over")
	f.BoolVar(&c.Stream, "stream", c.Stream, "detail: also run a job whose shards do not wait for one another")
	f.Int64Var(&c.Shards, "shards", c.Shards, "detail: shards of that job; 0: until the time is over")
	f.IntVar(&c.Auditors, "auditors", c.Auditors, "detail: lanes of the operator; 0: one for 400 volunteers")
	f.DurationVar(&c.Scheduler.BackupAfter, "backup-after", c.Scheduler.BackupAfter, "detail: no attempt is overdue before")
	f.IntVar(&c.Scheduler.MaxBackups, "max-backups", c.Scheduler.MaxBackups, "detail: backups of one shard")
	f.DurationVar(&c.Scheduler.LeaseTime, "lease-time", c.Scheduler.LeaseTime, "detail: a lease lasts at least")
	f.StringVar(&d.record, "record", "", "detail: write what happens to `FILE`")
	f.DurationVar(&d.around, "around", 0, "detail: record only from so long before the first capture to so long after it")
	f.StringVar(&d.replay, "replay", "", "detail: play the incident in `FILE` again, as shoal incident or --record wrote it; --epsilon, --assurance and --replicas change the policy")
	f.VisitAll(func(f *pflag.Flag) { d.names = append(d.names, f.Name) })
	all.AddFlagSet(f)
}

// wanted reports whether single shards are asked for.
func (d *detailFlags) wanted(f *pflag.FlagSet) bool {
	return d.detail || f.Changed("record") || f.Changed("replay")
}

// run simulates hours; shared are the flags of both ways.
func (d *detailFlags) run(c *cobra.Command, shared simulate.Config) (detail.Report, error) {
	if err := refuse(c, coarse, "has no meaning with --detail"); err != nil {
		return detail.Report{}, err
	}
	if d.replay != "" {
		return d.playAgain(c, shared)
	}
	k := d.config
	k.Cheaters, k.Epsilon, k.Strategy, k.Assurance, k.Replicas = shared.Cheaters, shared.Epsilon, shared.Strategy, shared.Assurance, shared.Replicas
	k.Seed, k.Speed, k.LeastLie, k.Gain = shared.Seed, shared.Speed, shared.LeastLie, shared.Gain
	if c.Flags().Changed("volunteers") {
		k.Volunteers = shared.Volunteers
	}
	if err := k.Validate(); err != nil {
		return detail.Report{}, usagef(c, "%v", err)
	}
	if !k.Stream {
		if err := refuse(c, []string{"shards"}, "only with --stream"); err != nil {
			return detail.Report{}, err
		}
	}
	if k.Width == 0 {
		if err := refuse(c, []string{"rounds"}, "there are none with --width 0"); err != nil {
			return detail.Report{}, err
		}
	}
	switch {
	case d.around < 0:
		return detail.Report{}, usagef(c, "around: %v, want at least 0", d.around)
	case d.around > 0 && d.record == "":
		return detail.Report{}, usagef(c, "--around: only with --record")
	case d.record == "":
		return detail.Run(c.Context(), k)
	}
	return d.writeIncident(c.Context(), k)
}

func (d *detailFlags) writeIncident(ctx context.Context, k detail.Config) (r detail.Report, err error) {
	file, err := os.Create(d.record)
	if err != nil {
		return detail.Report{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if d.around > 0 {
		return detail.RecordAround(ctx, k, d.around, file)
	}
	return detail.Record(ctx, k, file)
}

// playAgain replays an incident, under another policy where one is named.
func (d *detailFlags) playAgain(c *cobra.Command, shared simulate.Config) (detail.Report, error) {
	may := map[string]bool{"replay": true, "detail": true, "epsilon": true, "assurance": true, "replicas": true, "json": true}
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		if !may[f.Name] && err == nil {
			err = usagef(c, "--%s: the incident says", f.Name)
		}
	})
	if err != nil {
		return detail.Report{}, err
	}
	r, err := detail.Replay(c.Context(), func() (io.ReadCloser, error) { return os.Open(d.replay) }, func(p *incident.Policy) {
		if c.Flags().Changed("epsilon") {
			p.Epsilon = shared.Epsilon
		}
		if c.Flags().Changed("assurance") {
			p.Assurance, p.Replicas = shared.Assurance, 0
		}
		if p.Assurance != trust.Replicated && p.Epsilon == trust.Unbounded {
			p.Epsilon = trust.DefaultEpsilon // the job has counted replicas, and named none
		}
		if c.Flags().Changed("replicas") || c.Flags().Changed("assurance") && p.Assurance == trust.Replicated {
			p.Replicas = shared.Replicas
		}
	})
	if errors.As(err, new(*incident.Error)) || errors.Is(err, detail.ErrPolicy) || errors.Is(err, fs.ErrNotExist) {
		return r, usagef(c, "%s: %v", d.replay, err)
	}
	return r, err
}

// describeDetail is a report for people. Some of its words come from a file:
// they do not get to write to a terminal as they like.
func describeDetail(out io.Writer, r detail.Report) error {
	var text strings.Builder
	if err := writeDetail(&text, r); err != nil {
		return err
	}
	_, err := io.WriteString(out, printable(text.String()))
	return err
}

func writeDetail(w io.Writer, r detail.Report) error {
	_, err := fmt.Fprintf(w, `%d volunteers met with %d devices, %v of virtual time; %.3g %% of those who come cheat (%s)
accepted  %d results, %d of them wrong before repair; %s
overhead  %.2f %% more executions than accepted results
lies      %d told, %d caught at once, %d repaired, %d left, %d in open shards
liars     %d lied, %d were caught, %.1f s after their first lie (%.1f s at most); profit %d prices of a shard
honest    %d excluded
repair    %d results done again, %d rollbacks that voided %d results
waiting   a round %.2f s (p50), %.2f s (p99) of %d; a shard %.2f s, %.2f s; from first result to acceptance %.3f s
devices   %.1f %% of their time at work: %.1f %% useful, %.1f %% replicas and checks, %.1f %% surplus, %.1f %% broken off
leases    %d, %d expired; backups %d, of which %d came in time; %d disputes, %d audits after %.2f s
`,
		r.Volunteers, r.Devices, time.Duration(r.Time*float64(time.Second)), 100*r.Cheaters, r.Strategy,
		r.Accepted, r.WrongAccepted, promise(simulate.Shoal, r.Strategy, r.Bound),
		100*r.Overhead,
		r.LiesTold, r.LiesCaught, r.LiesRepaired, r.LiesLeft, r.LiesOpen,
		r.Liars, r.LiarsCaught, r.TimeToDetection, r.SlowestCapture, r.LiarProfit,
		r.HonestExcluded,
		r.Rerun, r.Rollbacks, r.RolledBack,
		r.RoundP50, r.RoundP99, r.Rounds, r.ShardP50, r.ShardP99, r.Verifying,
		100*r.Utilisation, 100*r.DeviceTime.Useful, 100*r.DeviceTime.Replicas, 100*r.DeviceTime.Surplus, 100*r.DeviceTime.Aborted,
		r.Leases, r.Expired, r.Backups.Granted, r.Backups.Used, r.Disputes, r.Audits, r.AuditWait)
	if err != nil || r.Replay == nil {
		return err
	}
	if err := describeOutcomes(w, r.Replay); err != nil {
		return err
	}
	switch {
	case !r.Replay.Compared:
		_, err = fmt.Fprintf(w, "replay    of a part, of a real hub's record, or under another policy; %d of %d runs had to be made up\n", r.MadeUp, r.Runs)
	case r.Replay.DivergedAt < 0:
		_, err = fmt.Fprintf(w, "replay    the hub did the same: %d decisions\n", r.Replay.Same)
	default:
		_, err = fmt.Fprintf(w, "replay    the hub did something else after %.3f s: %d of %d decisions are the same\n",
			r.Replay.DivergedAt, r.Replay.Same, r.Replay.Recorded)
	}
	return err
}

// describeOutcomes sets what came of it now beside what came of it then.
func describeOutcomes(w io.Writer, c *detail.Comparison) error {
	for _, o := range []struct {
		when string
		detail.Outcome
	}{{"then     ", c.Then}, {"now      ", c.Now}} {
		_, err := fmt.Fprintf(w, "%s %d shards accepted on %d results in %.1f s, %d of them wrong before repair; %d rollbacks; caught: %s\n",
			o.when, o.Accepted, o.Results, o.Seconds, o.Wrong, o.Rollbacks, volunteersByNumber(o.Caught))
		if err != nil {
			return err
		}
	}
	for _, gap := range c.Gaps {
		if _, err := fmt.Fprintf(w, "not known %s\n", gap); err != nil {
			return err
		}
	}
	return nil
}
