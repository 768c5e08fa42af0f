package main

import (
	"fmt"

	"github.com/shoal-compute/shoal/testharness/plot"
)

// picture draws the training losses as lines and the held-out losses as points.
func (c *curve) picture(name string) ([]byte, error) {
	chart := plot.Chart{
		Title: name + ": loss of the integer model and of its float32 twin",
		X:     plot.Axis{Label: "step"},
		Y:     plot.Axis{Label: "nats per row", Format: func(v float64) string { return fmt.Sprintf("%.2f", v) }},
	}
	for _, part := range []struct {
		label  string
		style  plot.Style
		points []pair
	}{
		{"training", plot.Line, thinned(c.train, 100)},
		{"held out", plot.Points, c.val},
	} {
		float := plot.Series{Label: "float32, " + part.label, Style: part.style}
		integer := plot.Series{Label: "integer, " + part.label, Style: part.style}
		for _, p := range part.points {
			step := float64(p.step)
			float.X, float.Y = append(float.X, step), append(float.Y, p.float)
			integer.X, integer.Y = append(integer.X, step), append(integer.Y, p.integer)
		}
		chart.Series = append(chart.Series, float, integer)
	}
	return chart.SVG()
}
