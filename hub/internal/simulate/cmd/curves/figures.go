package main

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/testharness/plot"
)

// rules are what is compared.
var rules = []struct{ rule, label string }{
	{simulate.Shoal, "Shoal, epsilon 1e-6, after the ramp-up"},
	{simulate.BOINC, "BOINC's adaptive rule"},
	{simulate.Quorum, "quorum of two"},
}

// cheaters draws what a growing share of rate adversaries costs, and what it
// gets through, under each of the rules.
func (a *artist) cheaters() error {
	cost := plot.Chart{
		Title: "Overhead against the share of cheaters (rate adversaries)",
		X:     plot.Axis{Label: "share of cheaters among those who come", Format: plot.Percent},
		Y:     plot.Axis{Label: "executions beyond one", Format: plot.Percent, To: 1},
	}
	wrong := plot.Chart{
		Title: "Wrong results left per million accepted (rate adversaries)",
		X:     cost.X,
		Y:     plot.Axis{Label: "wrong results left per million", Log: true},
	}
	for _, k := range rules {
		c, w := plot.Series{Label: k.label}, plot.Series{Label: k.label}
		for _, share := range []float64{0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5} {
			r, err := a.measure(func(c *simulate.Config) { c.Rule, c.Cheaters = k.rule, share })
			if err != nil {
				return err
			}
			overhead := r.OverheadTotal
			if k.rule == simulate.Shoal { // theirs know no ramp-up
				overhead = r.Overhead
			}
			c.X, c.Y = append(c.X, share), append(c.Y, overhead)
			w.X, w.Y = append(w.X, share), append(w.Y, 1e6*float64(r.LiesLeft)/float64(r.Accepted))
		}
		cost.Series, wrong.Series = append(cost.Series, c), append(wrong.Series, w)
	}
	if err := a.save("overhead-cheaters", cost); err != nil {
		return err
	}
	return a.save("wrong-cheaters", wrong)
}

// age draws the overhead of each week of a population.
func (a *artist) age() error {
	chart := plot.Chart{
		Title: "Overhead as the population ages (30 % rate adversaries)",
		X:     plot.Axis{Label: "day", To: float64(3 * a.config.Days)},
		Y:     plot.Axis{Label: "executions beyond one, that week", Format: plot.Percent, Log: true},
	}
	for _, k := range rules {
		r, err := a.measure(func(c *simulate.Config) {
			if c.Rule, c.Days = k.rule, 3*c.Days; c.Rule != simulate.Shoal {
				c.Volunteers, c.Days = c.Volunteers/4, 4*c.Days
			}
		})
		if err != nil {
			return err
		}
		s := plot.Series{Label: strings.TrimSuffix(k.label, ", after the ramp-up"), Style: plot.Line}
		const week = 7
		for from := 0; from+week <= len(r.Daily); from += week {
			var accepted, executed int64
			for _, d := range r.Daily[from : from+week] {
				accepted, executed = accepted+d.Accepted, executed+d.Executed
			}
			if accepted == 0 {
				continue
			}
			s.X = append(s.X, float64(from)+week/2.)
			s.Y = append(s.Y, float64(executed)/float64(accepted)-1)
		}
		chart.Series = append(chart.Series, s)
	}
	return a.save("overhead-age", chart)
}

// epsilon draws the price of the promise.
func (a *artist) epsilon() error {
	chart := plot.Chart{
		Title: "Overhead against epsilon (rate adversaries)",
		X:     plot.Axis{Label: "epsilon", Log: true, Format: func(v float64) string { return fmt.Sprintf("%.0e", v) }},
		Y:     plot.Axis{Label: "executions beyond one", Format: plot.Percent, To: 0.1},
	}
	for _, share := range []float64{0.3, 0.05} {
		after := plot.Series{Label: fmt.Sprintf("%g %% cheaters, after the ramp-up", 100*share)}
		all := plot.Series{Label: fmt.Sprintf("%g %% cheaters, ramp-up included", 100*share)}
		for _, epsilon := range []float64{1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9} {
			r, err := a.measure(func(c *simulate.Config) { c.Epsilon, c.Cheaters = epsilon, share })
			if err != nil {
				return err
			}
			after.X, after.Y = append(after.X, epsilon), append(after.Y, r.Overhead)
			all.X, all.Y = append(all.X, epsilon), append(all.Y, r.OverheadTotal)
		}
		chart.Series = append(chart.Series, after, all)
	}
	return a.save("overhead-epsilon", chart)
}

// adaptive draws what becomes of the lies of those who adapt.
func (a *artist) adaptive() error {
	const share = 0.02
	bars := plot.Bars{
		Title: fmt.Sprintf("What becomes of lies: adaptive strategies (%g %% cheaters)", 100*share),
		Parts: []string{"caught at once", "accepted, then repaired", "left"},
	}
	for _, strategy := range simulate.Strategies() {
		if !simulate.Adaptive(strategy) {
			continue
		}
		r, err := a.measure(func(c *simulate.Config) { c.Strategy, c.Cheaters = strategy, share })
		if err != nil {
			return err
		}
		bars.Bars = append(bars.Bars, plot.Bar{
			Label: strategy, Note: fmt.Sprintf("%d told, %d left", r.LiesTold, r.LiesLeft),
			Parts: []float64{float64(r.LiesCaught), float64(r.LiesRepaired), float64(r.LiesLeft)},
		})
	}
	return a.save("lies-adaptive", bars)
}
