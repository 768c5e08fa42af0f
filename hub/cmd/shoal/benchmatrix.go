package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/testharness/lab"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// matrixRow is how one device did in every suite.
type matrixRow struct {
	Device string      `json:"device"`
	Detail string      `json:"detail,omitempty"`
	Suites []lab.Suite `json:"suites"`
	Error  string      `json:"error,omitempty"` // why it did not end, or is not here
	Absent bool        `json:"absent,omitempty"`
}

func newBenchMatrix(s streams) *cobra.Command {
	var (
		asJSON bool
		names  []string
		o      lab.SuiteOptions
	)
	c := &cobra.Command{
		Use:   "matrix",
		Short: "Compare every lane of this machine with the reference, byte by byte",
		Long: "Run single ops, random programs and whole models on every lane of this machine, the\n" +
			"browser's in a page, and compare each output with the reference byte by byte. GPUs that\n" +
			"a processor plays take part. It fails if anything differs.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Cases < 1 || o.Programs < 1 || o.MaxOps < 1 {
				return usagef(c, "--cases, --programs and --max-ops: must be at least 1")
			}
			if err := checkLanes(c, names); err != nil {
				return err
			}
			var rows []matrixRow
			for _, l := range matrixLanes() {
				if !wanted(names, l.name) || len(names) == 0 && l.name == "reference" {
					continue
				}
				row, err := l.suites(c.Context(), o, func(text string) { fmt.Fprintf(s.err, "%s: %s\n", l.name, text) })
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
			if err := showMatrix(s.err, rows); err != nil {
				return err
			}
			if asJSON {
				if err := writeJSON(s.out, map[string]any{"seed": o.Seed, "devices": rows}); err != nil {
					return err
				}
			}
			return differing(rows)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	c.Flags().StringSliceVar(&names, "lanes", nil, "only these lanes: "+laneNames())
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the cases")
	c.Flags().IntVar(&o.Cases, "cases", 12, "cases of each op")
	c.Flags().IntVar(&o.Programs, "programs", 24, "random programs")
	c.Flags().IntVar(&o.MaxOps, "max-ops", 24, "ops of a random program at most")
	return c
}

// matrixLanes are the lanes, with one of vulkan for each adapter.
func matrixLanes() []lane {
	var all []lane
	for _, l := range lanes {
		adapters := gpu.Adapters()
		if l.name != "vulkan" || len(adapters) < 2 {
			all = append(all, l)
			continue
		}
		for _, a := range adapters {
			one := l
			one.open = func(ctx context.Context, s settings) (device.Device, error) {
				return gpu.Device(ctx, gpu.Config{Adapter: a.Name, Software: s.software, Version: "shoal"})
			}
			all = append(all, one)
		}
	}
	return all
}

// suites runs all of them. What is wrong with the lane is in the row; an error
// is about this command.
func (l lane) suites(ctx context.Context, o lab.SuiteOptions, say func(string)) (matrixRow, error) {
	row := matrixRow{Device: l.name}
	done := func(s lab.Suite) {
		row.Suites = append(row.Suites, s)
		say(fmt.Sprintf("%s: %d of %d differ %s", s.Name, s.Differ, s.Run, s.First))
	}
	var err error
	if l.open == nil {
		var at struct{ Detail string }
		args := labArgs(settings{software: true}, "suites", l.page, int(o.Seed), o.Cases, o.Programs, o.MaxOps)
		err = runLab(ctx, nil, args, &at, func(m labMessage) error {
			var s lab.Suite
			if err := json.Unmarshal([]byte(m.Value), &s); err != nil {
				return err
			}
			done(s)
			return nil
		})
		row.Detail = at.Detail
	} else {
		err = l.suitesHere(ctx, o, &row, done)
	}
	if ctx.Err() != nil {
		return row, ctx.Err()
	}
	if err != nil {
		row.Error, row.Absent = err.Error(), errors.Is(err, device.ErrUnavailable)
		say(row.Error)
	}
	return row, nil
}

func (l lane) suitesHere(ctx context.Context, o lab.SuiteOptions, row *matrixRow, done func(lab.Suite)) (err error) {
	d, err := l.open(ctx, settings{software: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	row.Detail = d.Caps().Detail
	return lab.Suites(ctx, d, o, done)
}

func showMatrix(out io.Writer, rows []matrixRow) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "device\tops\tprograms\tmodels\tdetail")
	for _, r := range rows {
		cells := []any{r.Device, "-", "-", "-", r.Detail}
		for i, s := range r.Suites {
			cells[1+i] = fmt.Sprintf("%d/%d", s.Differ, s.Run)
		}
		if r.Absent {
			cells[4] = "not here"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", cells...)
	}
	fmt.Fprintln(table, "(cases that differ / cases run)")
	return table.Flush()
}

// differing fails where a device that is here did not give every byte.
func differing(rows []matrixRow) error {
	for _, r := range rows {
		if r.Error != "" && !r.Absent {
			return fmt.Errorf("%s: %s", r.Device, r.Error)
		}
		for _, s := range r.Suites {
			if s.Differ > 0 {
				return &verificationError{fmt.Sprintf("%s: %s: %d of %d differ", r.Device, s.Name, s.Differ, s.Run)}
			}
		}
	}
	return nil
}
