package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/testharness/plot"
)

// picture draws time and operations of verification against those of a run.
func (t table) picture() ([]byte, error) {
	c := plot.Chart{
		Title: "Verification by witness, as a share of running the shard again",
		X:     plot.Axis{Label: "width of the decoder", Format: func(v float64) string { return fmt.Sprint(math.Exp2(v)) }},
		Y:     plot.Axis{Label: "share", Format: plot.Percent, From: 0, To: 1},
	}
	add := func(label string, rows table, y func(row) float64) {
		s := plot.Series{Label: label}
		for _, r := range rows {
			s.X = append(s.X, math.Log2(float64(r.Width)))
			s.Y = append(s.Y, y(r))
		}
		c.Series = append(c.Series, s)
	}
	for _, lane := range t.lanes() {
		add("time, lane "+lane+", products worth it", t.lane(lane), func(r row) float64 { return r.share(r.Chosen) })
	}
	if len(t) > 0 {
		first := t.lane(t[0].Lane)
		add("time, lane "+t[0].Lane+", every product", first, func(r row) float64 { return r.share(r.All) })
		add("integer operations, every product", first, func(r row) float64 { return opsShare(r.All) })
	}
	return c.SVG()
}

// markers of what the command writes in the page.
const begin, end = "<!-- cost: measured, do not edit -->\n", "<!-- cost: end -->\n"

// writePage replaces the tables of the page.
func (t table) writePage(name string) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the tables: want a line %q and a line %q", name, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(name, []byte(before+begin+t.markdown()+end+after), 0o644)
}

func (t table) markdown() string {
	var b strings.Builder
	for _, lane := range t.lanes() {
		fmt.Fprintf(&b, "\nLane `%s`:\n\n", lane)
		b.WriteString("| width | products checked | run again | of it contractions | by witness | of it checks | time | operations | prover | witness | pays on a wire above |\n")
		b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range t.lane(lane) {
			for _, w := range []way{r.All, r.Chosen} {
				fmt.Fprintf(&b, "| %d | %d of %d | %s | %s | %s | %s | %.0f %% | %.1f %% | %.0f %% | %.0f MB | %s |\n",
					r.Width, w.Products, r.All.Products, ms(r.Rerun), ms(r.Contract), ms(w.Verify), ms(w.Check),
					100*r.share(w), 100*opsShare(w), 100*float64(w.Prover)/float64(r.Rerun), float64(w.Price.Witness)/1e6, r.wireText(w))
			}
		}
		b.WriteString("\n| width | contraction | check | other | byte of witness |\n|---|---|---|---|---|\n")
		for _, r := range t.lane(lane) {
			rates := r.rates()
			fmt.Fprintf(&b, "| %d | %.5f | %.4f | %.4f | %.2f |\n", r.Width, rates.Contract, rates.Check, rates.Other, rates.Byte)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// wireText leaves out speeds that no wire has: what is saved is then within
// the error of the measurement.
func (r row) wireText(w way) string {
	if s := r.wire(w); s > 0 && s < 1e10 {
		return fmt.Sprintf("%.0f MB/s", s/1e6)
	}
	return "never"
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
