// Command curves measures the trust policy beside the published rules of
// others and draws the figures of TRUST.md.
//
//	go run ./hub/internal/simulate/cmd/curves              # all: some minutes on two cores
//	go run ./hub/internal/simulate/cmd/curves epsilon      # one figure and its points
//
// Seeds are fixed: the same command draws the same figures. The points are
// printed as they come.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "curves:", err)
		os.Exit(1)
	}
}

// figure is one or more pictures from the same runs.
type figure struct {
	name string
	draw func(*artist) error
}

var figures = []figure{
	{"cheaters", (*artist).cheaters},
	{"age", (*artist).age},
	{"epsilon", (*artist).epsilon},
	{"adaptive", (*artist).adaptive},
}

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("curves", flag.ContinueOnError)
	flags.SetOutput(log)
	out := flags.String("out", "hub/internal/trust", "directory of the pictures")
	volunteers := flags.Int("volunteers", 20000, "how many there are at any time; a tenth of it for the rules of others, where the number does not matter")
	days := flags.Int("days", 120, "of virtual time, a quarter for the rules of others; the figure of ages has three times as many")
	seed := flags.Uint64("seed", 1, "of all that is drawn")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, name := range flags.Args() {
		if !slices.ContainsFunc(figures, func(f figure) bool { return f.name == name }) {
			return fmt.Errorf("%q is no figure, want %s", name, strings.Join(names(), ", "))
		}
	}
	c := simulate.Default()
	c.Volunteers, c.Days, c.Seed = *volunteers, *days, *seed
	a := &artist{ctx: ctx, config: c, dir: *out, log: log}
	for _, f := range figures {
		if flags.NArg() > 0 && !slices.Contains(flags.Args(), f.name) {
			continue
		}
		if err := f.draw(a); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func names() []string {
	var list []string
	for _, f := range figures {
		list = append(list, f.name)
	}
	return list
}

// artist measures and draws.
type artist struct {
	ctx    context.Context
	config simulate.Config
	dir    string
	log    io.Writer
}

// measure runs one configuration and prints its point.
func (a *artist) measure(change func(*simulate.Config)) (simulate.Report, error) {
	c := a.config
	change(&c)
	if c.Rule != simulate.Shoal { // it learns nothing: neither size nor age change it
		c.Volunteers, c.Days = max(c.Volunteers/10, 20), max(c.Days/4, 1)
	}
	r, err := simulate.Run(a.ctx, c)
	if err != nil {
		return simulate.Report{}, err
	}
	_, err = fmt.Fprintf(a.log, "%-7s %-9s cheaters %-4g epsilon %-6g days %-3d overhead %.4f (in all %.4f, ramp-up %d days) wrong %d left %d of %d, told %d caught %d repaired %d\n",
		r.Rule, r.Strategy, r.Cheaters, r.Epsilon, r.Days, r.Overhead, r.OverheadTotal, r.RampUpDays,
		r.WrongAccepted, r.LiesLeft, r.Accepted, r.LiesTold, r.LiesCaught, r.LiesRepaired)
	return r, err
}

type picture interface{ SVG() ([]byte, error) }

func (a *artist) save(name string, p picture) error {
	svg, err := p.SVG()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, name+".svg"), svg, 0o644)
}
