package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func newBench(s streams) *cobra.Command {
	c := group(&cobra.Command{Use: "bench", Short: "Measure this machine's lanes"})
	c.AddCommand(newBenchKernels(s), newBenchStep(s), newBenchMemory(s), newBenchVolunteer(s))
	return c
}

// kernelResult is one lane's speed at one size.
type kernelResult struct {
	Device  string  `json:"device"`
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
				p, err := newProduct(n, n, n)
				if err != nil {
					return err
				}
				r, err := p.measureLanes(c.Context(), s, names, threads)
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
	c.Flags().StringSliceVar(names, "lanes", nil, "measure only these lanes")
	c.Flags().IntVar(threads, "threads", 0, "threads of the cpu lane; 0: all")
}

// product is a matrix product with its operands and its true result.
type product struct {
	m, n, k int
	program *program.Program
	a, b    []byte
	want    []int32
}

// newProduct makes a product of full-range int8 operands.
func newProduct(m, n, k int) (*product, error) {
	var b program.Builder
	x := b.Input("a", ops.Int8(-128, 127, m, k))
	y := b.Input("b", ops.Int8(-128, 127, n, k))
	b.Output("out", b.One(ops.MatmulOp, []program.Value{x, y}, ops.NT(m, n, k).Attrs()...))
	prog, err := b.Build()
	if err != nil {
		return nil, err
	}
	p := &product{m: m, n: n, k: k, program: prog, a: noise(1, m*k), b: noise(2, n*k)}
	p.want = make([]int32, m*n)
	for i := range m {
		for j := range n {
			s := int32(0)
			for c, v := range p.a[i*k : (i+1)*k] {
				s += int32(int8(v)) * int32(int8(p.b[j*k+c]))
			}
			p.want[i*n+j] = s
		}
	}
	return p, nil
}

func noise(seed uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(data.PCG(data.PCG(seed) + uint32(i)))
	}
	return b
}

// measureLanes measures every lane that this machine has.
func (p *product) measureLanes(ctx context.Context, s streams, names []string, threads int) ([]kernelResult, error) {
	var results []kernelResult
	for _, l := range lanes {
		if !wanted(names, l.name) {
			continue
		}
		d, busy, err := l.open(ctx, threads)
		if err != nil {
			fmt.Fprintf(s.err, "%s: %v\n", l.name, err)
			continue
		}
		seconds, exact, err := p.measure(ctx, d, busy)
		caps := d.Caps()
		if closed := d.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, fmt.Errorf("bench: %s: %w", l.name, err)
		}
		r := kernelResult{
			Device: l.name, Threads: caps.Threads, M: p.m, N: p.n, K: p.k, Exact: exact,
			GOPS: 2 * float64(p.m) * float64(p.n) * float64(p.k) / seconds / 1e9,
		}
		fmt.Fprintf(s.err, "%-12s %dx%dx%d  %8.2f GOP/s  exact %v  (%s)\n", r.Device, r.M, r.N, r.K, r.GOPS, r.Exact, caps.Detail)
		results = append(results, r)
	}
	return results, nil
}

// measure returns the shortest time of several runs.
func (p *product) measure(ctx context.Context, d device.Device, busy func() time.Duration) (seconds float64, exact bool, err error) {
	if busy == nil {
		start := time.Now()
		busy = func() time.Duration { return time.Since(start) }
	}
	exe, err := d.Load(p.program)
	if err != nil {
		return 0, false, err
	}
	defer exe.Close()
	var in []device.Buffer
	defer func() {
		for _, b := range in {
			b.Release()
		}
	}()
	for _, operand := range [][]byte{p.a, p.b} {
		b, err := d.Upload(operand)
		if err != nil {
			return 0, false, err
		}
		in = append(in, b)
	}
	out := make([]byte, 4*len(p.want))
	best := time.Duration(1<<63 - 1)
	for start, n := time.Now(), 0; n < 3 || time.Since(start) < time.Second; n++ {
		t := busy()
		res, err := exe.Run(ctx, in)
		if err != nil {
			return 0, false, err
		}
		best = min(best, busy()-t)
		err = res[0].Read(out)
		res[0].Release()
		if err != nil {
			return 0, false, err
		}
		if best > 5*time.Second {
			break // one run says enough of a lane this slow
		}
	}
	exact = true
	for i, w := range p.want {
		o := out[4*i:]
		exact = exact && int32(uint32(o[0])|uint32(o[1])<<8|uint32(o[2])<<16|uint32(o[3])<<24) == w
	}
	return best.Seconds(), exact, nil
}

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
