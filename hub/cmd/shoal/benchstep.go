package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/examples"
	"github.com/shoal-compute/shoal/testharness/lab"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// stepResult is one lane's speed at training kjv-nano.
type stepResult struct {
	Device string  `json:"device"`
	Tokens float64 `json:"tokens_per_s"`
	lab.Steps
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
			"the update, and storing the new weights. Lanes on a GPU also say how often they were\n" +
			"spoken to and what was copied. The reference lane is measured only when\n" +
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
			in.read = func(_ context.Context, name string) ([]byte, error) { return examples.Data(name) }
			results := []stepResult{}
			for _, l := range lanes {
				if !wanted(names, l.name) || len(names) == 0 && l.name == "reference" {
					continue
				}
				m, err := measureSteps(c.Context(), l, in, settings{threads: threads, software: len(names) > 0}, steps)
				if errors.Is(err, device.ErrUnavailable) {
					fmt.Fprintf(s.err, "%s: %v\n", l.name, err)
					continue
				}
				if err != nil {
					return fmt.Errorf("bench: %s: %w", l.name, err)
				}
				r := stepResult{Device: l.name, Steps: m}
				r.Tokens = float64(in.spec.Train.Batch*in.spec.Model.Context) / m.Millis * 1e3
				fmt.Fprintf(s.err, "%-12s %d threads  %8.0f tokens/s  %7.1f ms/step  (%s)\n", r.Device, r.Threads, r.Tokens, r.Millis, r.Detail)
				if t := m.Traffic; t != nil {
					fmt.Fprintf(s.err, "%-12s each step: %.0f submits, %.0f dispatches, %.0f bytes written, %.0f read\n", "", t.Submits, t.Dispatches, t.Written, t.Read)
				}
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

func measureSteps(ctx context.Context, l lane, in *jobInput, s settings, n int) (m lab.Steps, err error) {
	if l.open == nil {
		err = runLab(ctx, in, labArgs(s, "train", l.page, n), &m, nothing)
		return m, err
	}
	d, err := l.open(ctx, s)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return lab.Train(ctx, d, in.spec, in.read, n)
}
