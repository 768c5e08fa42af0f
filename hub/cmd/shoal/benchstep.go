package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/examples"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// stepResult is one lane's speed at training kjv-nano.
type stepResult struct {
	Device  string  `json:"device"`
	Threads int     `json:"threads"`
	Tokens  float64 `json:"tokens_per_s"`
	Millis  float64 `json:"ms_per_step"`
}

func newBenchStep(s streams) *cobra.Command {
	var (
		asJSON  bool
		names   []string
		threads int
		steps   int
		set     []string
	)
	c := &cobra.Command{
		Use:   "step",
		Short: "Measure training steps of kjv-nano on every lane",
		Long: "Measure whole training steps of kjv-nano: gradients of all micro-batches, their sum,\n" +
			"the update, and storing the new weights. The reference lane is measured only when\n" +
			"--lanes names it: it takes minutes.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if steps < 1 {
				return usagef(c, "--steps: must be at least 1, got %d", steps)
			}
			if err := checkLanes(c, names); err != nil {
				return err
			}
			text, err := examples.JobFile(examples.KJVNano)
			if err != nil {
				return err
			}
			in, err := parseJob(text, "-", set)
			if err != nil {
				return err
			}
			results := []stepResult{}
			for _, l := range lanes {
				if l.onlyBench || !wanted(names, l.name) || len(names) == 0 && l.name == "reference" {
					continue
				}
				d, _, err := l.open(c.Context(), threads)
				if err != nil {
					fmt.Fprintf(s.err, "%s: %v\n", l.name, err)
					continue
				}
				perStep, err := measureSteps(c.Context(), in, d, steps)
				r := stepResult{Device: l.name, Threads: d.Caps().Threads}
				if err = errors.Join(err, d.Close()); err != nil {
					return fmt.Errorf("bench: %s: %w", l.name, err)
				}
				r.Millis = perStep.Seconds() * 1e3
				r.Tokens = float64(in.spec.Train.Batch*in.spec.Model.Context) / perStep.Seconds()
				fmt.Fprintf(s.err, "%-12s %d threads  %8.0f tokens/s  %7.1f ms/step\n", r.Device, r.Threads, r.Tokens, r.Millis)
				results = append(results, r)
			}
			if asJSON {
				return writeJSON(s.out, map[string]any{"lanes": results})
			}
			return nil
		},
	}
	benchFlags(c, &asJSON, &names, &threads)
	c.Flags().IntVar(&steps, "steps", 20, "steps to measure, after one that is not")
	setFlag(c, &set)
	return c
}

// errMeasured ends a run that has been measured.
var errMeasured = errors.New("measured")

// measureSteps returns the mean time of n steps after the first.
func measureSteps(ctx context.Context, in *jobInput, d device.Device, n int) (time.Duration, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var first, last time.Time
	spec := *in.spec
	spec.Train.Steps = max(spec.Train.Steps, n+1)
	spec.Train.EvalEvery = 0
	_, err := local.Run(ctx, in.kind, &spec, local.Config{
		Device: d,
		Data:   func(_ context.Context, name string) ([]byte, error) { return examples.Data(name) },
		Progress: func(r job.Report) {
			switch r.Step {
			case 1:
				first = time.Now()
			case n + 1:
				if last.IsZero() {
					last = time.Now()
					stop(errMeasured)
				}
			}
		},
	})
	if !last.IsZero() && errors.Is(context.Cause(ctx), errMeasured) {
		return last.Sub(first) / time.Duration(n), nil
	}
	return 0, err
}
