package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

func newSimulate(s streams) *cobra.Command {
	config := simulate.Default()
	var (
		assurance string
		asJSON    bool
	)
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Measure the trust policy against cheats, in virtual time",
		Long: "Simulate a population of volunteers, some of whom cheat, under the hub's own trust\n" +
			"policy or under the published rules of others. The same flags give the same numbers.\n\n" +
			"Strategies of the cheaters: " + strings.Join(simulate.Strategies(), ", ") + ".\n" +
			"epsilon is promised against rates, always, random, lazy and faulty; for the others the\n" +
			"report says what was told, caught, repaired and left.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			config.Assurance = trust.Assurance(assurance)
			if err := config.Validate(); err != nil {
				return usagef(c, "%v", err)
			}
			start := time.Now()
			r, err := simulate.Run(c.Context(), config)
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
	f.IntVar(&config.Volunteers, "volunteers", config.Volunteers, "how many there are at any time")
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
	return c
}

// describeSimulation is a report for people.
func describeSimulation(w io.Writer, r simulate.Report) error {
	promise := fmt.Sprintf("bound %.2g", r.Bound)
	switch {
	case r.Rule != simulate.Shoal:
		promise = "this rule has no bound"
	case simulate.Adaptive(r.Strategy):
		promise = "no bound holds against this strategy"
	}
	_, err := fmt.Fprintf(w, `%d volunteers, %.3g %% of those who come cheat (%s), rule %s, %d days
accepted  %d results, %d of them wrong before repair; %s
overhead  %.2f %% after a ramp-up of %d days (%.1f %%), %.2f %% in all
lies      %d told, %d caught at once, %d repaired, %d left
liars     %d came, %d were caught, %.1f days after their first lie; profit %d prices of a shard
honest    %d excluded
`,
		r.Volunteers, 100*r.Cheaters, r.Strategy, r.Rule, r.Days,
		r.Accepted, r.WrongAccepted, promise,
		100*r.Overhead, r.RampUpDays, 100*r.OverheadRampUp, 100*r.OverheadTotal,
		r.LiesTold, r.LiesCaught, r.LiesRepaired, r.LiesLeft,
		r.Liars, r.LiarsCaught, r.TimeToDetection, r.LiarProfit, r.HonestExcluded)
	return err
}
