package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

func newSimulate(s streams) *cobra.Command {
	config := simulate.Default()
	fine := newDetail()
	var (
		assurance string
		asJSON    bool
	)
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Measure the trust policy against cheats, in virtual time",
		Long: "Simulate a population of volunteers, some of whom cheat, under the hub's own trust\n" +
			"policy or under the published rules of others. The same flags give the same numbers.\n\n" +
			"Months of a large population are simulated in stretches of work. With --detail, hours\n" +
			"are simulated shard by shard, under the hub's own scheduler too: leases, deadlines,\n" +
			"backups, latencies, churn. Such a run can be recorded, and a record played again:\n\n" +
			"  shoal simulate --strategy sleeper --record incident.jsonl --around 20m\n" +
			"  shoal simulate --replay incident.jsonl --epsilon 1e-4      # what would have happened?\n\n" +
			"`shoal incident` exports such a record from a job of a real hub.\n\n" +
			"Strategies of the cheaters: " + strings.Join(simulate.Strategies(), ", ") + ".\n" +
			"epsilon is promised against rates, always, random, lazy and faulty; for the others the\n" +
			"report says what was told, caught, repaired and left.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			config.Assurance = trust.Assurance(assurance)
			if config.Assurance != trust.Replicated && fine.replay == "" { // an incident has its own
				if err := refuse(c, []string{"replicas"}, "only with --assurance replicated"); err != nil {
					return err
				}
			}
			start := time.Now()
			if fine.wanted(c.Flags()) {
				r, err := fine.run(c, config)
				if err != nil {
					return err
				}
				r.Seconds = time.Since(start).Seconds()
				r.EventsPerSecond = float64(r.Events) / r.Seconds
				if asJSON {
					return writeJSON(s.out, r)
				}
				return describeDetail(s.out, r)
			}
			r, err := simulateStretches(c, fine, config)
			if err != nil {
				return err
			}
			r.Seconds = time.Since(start).Seconds()
			if asJSON {
				return writeJSON(s.out, r)
			}
			return describeSimulation(s.out, r)
		},
	}
	f := c.Flags()
	f.IntVar(&config.Volunteers, "volunteers", config.Volunteers, "how many there are at any time (2000 with --detail)")
	f.Float64Var(&config.Cheaters, "cheaters", config.Cheaters, "share of cheaters among those who come")
	f.Float64Var(&config.Epsilon, "epsilon", config.Epsilon, "probability that an accepted result may be wrong")
	f.StringVar(&config.Strategy, "strategy", config.Strategy, "what the cheaters do")
	f.StringVar(&config.Rule, "rule", config.Rule, "who decides: "+strings.Join(simulate.Rules(), ", "))
	f.StringVar(&assurance, "assurance", string(trust.Audited), "audited, replicated or full")
	f.IntVar(&config.Replicas, "replicas", 2, "how many must agree with --assurance replicated")
	f.Uint64Var(&config.Seed, "seed", config.Seed, "of all that is drawn")
	f.IntVar(&config.Days, "days", config.Days, "of virtual time")
	f.Float64Var(&config.Life, "life", config.Life, "days that a volunteer stays on average")
	f.Float64Var(&config.Visitors, "visitors", config.Visitors, "share of those who stay two days only")
	f.Float64Var(&config.Speed, "speed", config.Speed, "shards an hour of the median device")
	f.Float64Var(&config.LeastLie, "least-lie", config.LeastLie, "smallest rate of a rate adversary")
	f.Int64Var(&config.Gain, "gain", config.Gain, "what a lie that stays brings, in prices of a shard")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	fine.flags(f)
	return c
}

// simulateStretches runs months.
func simulateStretches(c *cobra.Command, fine *detailFlags, config simulate.Config) (simulate.Report, error) {
	if err := refuse(c, fine.names, "only with --detail"); err != nil {
		return simulate.Report{}, err
	}
	if err := config.Validate(); err != nil {
		return simulate.Report{}, usagef(c, "%v", err)
	}
	return simulate.Run(c.Context(), config)
}

// refuse is an error of usage when one of the flags is set.
func refuse(c *cobra.Command, names []string, why string) error {
	for _, name := range names {
		if c.Flags().Changed(name) {
			return usagef(c, "--%s: %s", name, why)
		}
	}
	return nil
}

// describeSimulation is a report for people.
func describeSimulation(w io.Writer, r simulate.Report) error {
	_, err := fmt.Fprintf(w, `%d volunteers, %.3g %% of those who come cheat (%s), rule %s, %d days
accepted  %d results, %d of them wrong before repair; %s
overhead  %.2f %% after a ramp-up of %d days (%.1f %%), %.2f %% in all
lies      %d told, %d caught at once, %d repaired, %d left
liars     %d came, %d were caught, %.1f days after their first lie; profit %d prices of a shard
honest    %d excluded
`,
		r.Volunteers, 100*r.Cheaters, r.Strategy, r.Rule, r.Days,
		r.Accepted, r.WrongAccepted, promise(r.Rule, r.Strategy, r.Bound),
		100*r.Overhead, r.RampUpDays, 100*r.OverheadRampUp, 100*r.OverheadTotal,
		r.LiesTold, r.LiesCaught, r.LiesRepaired, r.LiesLeft,
		r.Liars, r.LiarsCaught, r.TimeToDetection, r.LiarProfit, r.HonestExcluded)
	return err
}

// promise says what holds against a strategy.
func promise(rule, strategy string, bound float64) string {
	switch {
	case rule != simulate.Shoal:
		return "this rule has no bound"
	case strategy == incident.Recorded:
		return fmt.Sprintf("bound %.2g, if whoever is wrong is so at a steady rate", bound)
	case simulate.Adaptive(strategy):
		return "no bound holds against this strategy"
	}
	return fmt.Sprintf("bound %.2g", bound)
}
