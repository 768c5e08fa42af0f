package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/testharness/lab"
	"github.com/shoal-compute/shoal/webgpu/device"
)

func newBench(s streams) *cobra.Command {
	c := group(&cobra.Command{Use: "bench", Short: "Measure this machine's lanes"})
	c.AddCommand(newBenchKernels(s), newBenchStep(s), newBenchMatrix(s), newBenchMemory(s), newBenchVolunteer(s))
	return c
}

// kernelResult is one lane's speed at one size.
type kernelResult struct {
	Device  string  `json:"device"`
	Detail  string  `json:"detail"` // adapter and driver
	Threads int     `json:"threads"`
	M       int     `json:"m"`
	N       int     `json:"n"`
	K       int     `json:"k"`
	GOPS    float64 `json:"gops"`  // 2mnk/t, in 10^9 per second
	Exact   bool    `json:"exact"` // every output equals the definition
}

func newBenchKernels(s streams) *cobra.Command {
	var (
		asJSON  bool
		sizes   []int
		names   []string
		threads int
	)
	c := &cobra.Command{
		Use:   "kernels",
		Short: "Measure the int8 matrix product of every lane and check it",
		Args:  exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, n := range sizes {
				if n < 1 || n > 4096 {
					return usagef(c, "--size: must be between 1 and 4096, got %d", n)
				}
			}
			if err := checkLanes(c, names); err != nil {
				return err
			}
			results := []kernelResult{}
			for _, n := range sizes {
				r, err := measureLanes(c.Context(), s, n, names, threads)
				if err != nil {
					return err
				}
				results = append(results, r...)
			}
			if asJSON {
				return writeJSON(s.out, map[string]any{"lanes": results})
			}
			return nil
		},
	}
	c.Flags().IntSliceVar(&sizes, "size", []int{512}, "m = n = k; may be a list")
	benchFlags(c, &asJSON, &names, &threads)
	return c
}

func benchFlags(c *cobra.Command, asJSON *bool, names *[]string, threads *int) {
	c.Flags().BoolVar(asJSON, "json", false, "print one JSON object on the last line")
	c.Flags().StringSliceVar(names, "lanes", nil, "only these lanes: "+laneNames()+"; a GPU that a processor plays counts only if its lane is named")
	c.Flags().IntVar(threads, "threads", 0, "threads of the cpu lane; 0: all")
}

// measureLanes measures a product on every lane that this machine has.
func measureLanes(ctx context.Context, s streams, n int, names []string, threads int) ([]kernelResult, error) {
	p, err := lab.NewProduct(n, n, n)
	if err != nil {
		return nil, err
	}
	want := p.Sum()
	var results []kernelResult
	for _, l := range lanes {
		if !wanted(names, l.name) {
			continue
		}
		m, err := measureProduct(ctx, l, p, settings{threads: threads, software: len(names) > 0})
		if errors.Is(err, device.ErrUnavailable) {
			fmt.Fprintf(s.err, "%s: %v\n", l.name, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("bench: %s: %w", l.name, err)
		}
		r := kernelResult{
			Device: l.name, Detail: m.Detail, Threads: m.Threads, M: n, N: n, K: n, Exact: m.Sum == want,
			GOPS: 2 * float64(n) * float64(n) * float64(n) / m.Seconds / 1e9,
		}
		fmt.Fprintf(s.err, "%-12s %dx%dx%d  %8.2f GOP/s  exact %v  (%s)\n", r.Device, r.M, r.N, r.K, r.GOPS, r.Exact, r.Detail)
		results = append(results, r)
	}
	return results, nil
}

func measureProduct(ctx context.Context, l lane, p *lab.Product, s settings) (m lab.Measured, err error) {
	if l.open == nil {
		err = runLab(ctx, nil, labArgs(s, "product", l.page, p.N), &m, nothing)
		return m, err
	}
	d, err := l.open(ctx, s)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return p.Measure(ctx, d)
}

// labArgs are the arguments of the page's program.
func labArgs(s settings, what, lane string, numbers ...int) []string {
	var args []string
	if s.software {
		args = append(args, "-software")
	}
	args = append(args, what, lane)
	for _, n := range numbers {
		args = append(args, strconv.Itoa(n))
	}
	return args
}

func nothing(labMessage) error { return nil }

// checkLanes refuses names that no lane has.
func checkLanes(c *cobra.Command, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(lanes, func(l lane) bool { return l.name == name }) {
			return usagef(c, "--lanes: there is no lane %q", name)
		}
	}
	return nil
}

func wanted(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}
