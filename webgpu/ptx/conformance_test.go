package ptx_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/ptx"
	"github.com/shoal-compute/shoal/webgpu/ptx/ptxtest"
)

func options() ptx.Options { return ptx.Options{Limits: ptxtest.Limits(), Units: 4} }

// emulated is a device that runs what printer prints in the emulator.
func emulated(t *testing.T, printer launch.Printer) device.Device {
	t.Helper()
	d, err := gpu.New(t.Context(), gpu.Config{Machine: ptxtest.New(), Printer: printer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestConformance holds the printed code to the bytes of the reference.
func TestConformance(t *testing.T) {
	devicetest.Run(t, emulated(t, ptx.New(options())), devicetest.Options{Cases: 24, Programs: 24})
}

// TestTiles does so for the matmuls, with each tile alone.
func TestTiles(t *testing.T) {
	var cases []devicetest.Case
	for _, c := range devicetest.Cases(2, 5) {
		if strings.HasPrefix(c.Name, "matmul") {
			cases = append(cases, c)
		}
	}
	hopper := options()
	hopper.Hopper = true
	all := ptx.Variants(hopper)
	for _, tile := range []string{"mma32x32x64", "wgmma128x128x128"} {
		o := hopper
		o.Tile, o.Split = tile, 3
		all = append(all, o)
	}
	for _, o := range all {
		t.Run(ptx.New(o).Name(), func(t *testing.T) {
			d := emulated(t, ptx.New(o))
			for _, c := range append(cases, product(t, 150, 260, 200), product(t, 33, 65, 900)) {
				if err := devicetest.Compare(t.Context(), d, c); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// product multiplies more than one tile.
func product(t *testing.T, m, n, k int) devicetest.Case {
	t.Helper()
	var b program.Builder
	layouts := []ops.Layout{ops.NT(m, n, k), ops.NN(m, n, k), ops.TN(m, n, k)}
	x, y := b.Input("x", ops.Int8(-128, 127, m*k)), b.Input("y", ops.Int8(-128, 127, n*k))
	for i, l := range layouts {
		b.Output(fmt.Sprint("out", i), b.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
	}
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return devicetest.Case{Name: fmt.Sprintf("product %dx%dx%d", m, n, k), Program: p, Seed: 1}
}

// recorder notes which codes a printer's steps use.
type recorder struct {
	*ptx.Printer
	used map[string]bool
}

func (r *recorder) Step(in *kernel.Instance) (*launch.Step, error) {
	s, err := r.Printer.Step(in)
	if err == nil {
		for _, p := range s.Passes {
			r.used[p.Code.Key] = true
		}
	}
	return s, err
}

// TestRows runs kernels with reductions over rows of every length that is a
// limit of some variant, and checks that every variant ran.
func TestRows(t *testing.T) {
	r := &recorder{ptx.New(options()), map[string]bool{}}
	d := emulated(t, r)
	kernels := map[string]*ops.Def{"quantize_rows": ops.QuantizeRowsOp, "rmsnorm": ops.RMSNormOp, "cross_entropy_grad": ops.CrossEntropyGradOp}
	for _, cols := range []int{1, 2, 3, 4, 31, 33, 64, 68, 127, 128, 132, 256, 260, 511, 512, 513, 516, 1024, 1028, 2047, 2048, 2052, 16383, 16384, 16385, 40_000} {
		rows := 11
		if cols > 2000 {
			rows = 2
		}
		for name, op := range kernels {
			if err := devicetest.Compare(t.Context(), d, rowsCase(t, op, name, rows, cols)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, def := range kernels {
		for _, c := range r.Codes(def.Kernel) {
			if !r.used[c.Key] {
				t.Errorf("%s did not run", c.Key)
			}
		}
	}
}

func rowsCase(t *testing.T, op *ops.Def, name string, rows, cols int) devicetest.Case {
	t.Helper()
	var b program.Builder
	in := []program.Value{b.Input("x", ops.Int32(-1<<30+1, 1<<30-1, rows, cols))}
	var attrs []int32
	switch op {
	case ops.QuantizeRowsOp:
		attrs = []int32{int32(cols)}
	case ops.CrossEntropyGradOp:
		in = append(in, b.Input("target", ops.Int32(0, int64(cols-1), rows)))
	}
	for i, v := range b.Apply(op, in, attrs...) {
		b.Output(fmt.Sprint("out", i), v)
	}
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return devicetest.Case{Name: fmt.Sprintf("%s %dx%d", name, rows, cols), Program: p, Seed: uint64(cols)}
}

// TestScatter runs kernels that add over so many rows that a thread takes
// several: into one row, into two in turn, and where the rows say.
func TestScatter(t *testing.T) {
	const rows, cols = 2001, 130
	d := emulated(t, ptx.New(options()))
	var b program.Builder
	x, ids := b.Input("x", ops.Int32(-1000, 1000, rows, cols)), b.Input("ids", ops.Int32(0, 2, rows))
	for i, period := range []int32{1, 2, 700} {
		b.Output(fmt.Sprint("sum", i), b.One(ops.SumRowsOp, []program.Value{x}, period, 0, 1000))
	}
	b.Output("scattered", b.One(ops.ScatterRowsOp, []program.Value{x, ids}, 3, 0))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := devicetest.Compare(t.Context(), d, devicetest.Case{Name: "scatter", Program: p, Seed: 3}); err != nil {
		t.Fatal(err)
	}
}

// TestStores runs a kernel of forms that no op has: rows that add, scatters
// that store too, maps and products that store once a row, of all types.
func TestStores(t *testing.T) {
	for _, cols := range []int{5, 8, 600} {
		for name, in := range oddKernels(cols) {
			for _, split := range []int{0, 3} {
				o := options()
				o.Split = split
				if err := compareInstance(t.Context(), o, in); err != nil {
					t.Errorf("%s with %d columns, split %d: %v", name, cols, split, err)
				}
			}
		}
	}
}

// TestCoverage checks that the kernels of all ops and fusions can be printed
// in every variant, and that no two codes share a key.
func TestCoverage(t *testing.T) {
	p := ptx.New(options())
	seen := map[string]string{}
	for _, k := range append(plan.Kernels(), plan.FusedKernels()...) {
		codes := p.Codes(k)
		if len(codes) == 0 {
			t.Errorf("%s has no code", k.Name)
		}
		for _, c := range codes {
			if old, ok := seen[c.Key]; ok && old != c.Text {
				t.Errorf("%s names two texts", c.Key)
			}
			seen[c.Key] = c.Text
		}
	}
	t.Logf("%d codes", len(seen))
}
