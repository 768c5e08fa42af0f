package wgsl_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sample is an instance of a small kernel, and what of its printed text is
// worth a golden file.
type sample struct {
	name     string
	kernel   *kernel.Kernel
	options  wgsl.Options
	rows     int
	cols     int
	params   []int32
	lens     []int
	passes   int
	bindings int64 // bytes of a binding; 0: as limits says
}

// samples show what the printer does with each form.
func samples() []sample {
	flat := kernel.New("flat", "s")
	x, o := flat.Input("x", kernel.I32), flat.Output("out", kernel.I16)
	flat.PutElem(o, kernel.Clamped(kernel.Shift(kernel.Elem(x), flat.P("s")), 32767))

	// A word of p holds elements of two rows where rows are not whole words.
	rows := kernel.New("rows")
	x = rows.Input("x", kernel.I32)
	p, z := rows.Output("p", kernel.I8), rows.Output("z", kernel.I32)
	top := kernel.ReduceMax(kernel.Elem(x))
	rows.PutElem(p, kernel.Lt(kernel.Elem(x), top))
	rows.Put(z, kernel.Row, kernel.BitLen(kernel.Max(top, kernel.C(0))))

	scatter := kernel.New("scatter")
	x, ids, o := scatter.Input("x", kernel.I32), scatter.Input("ids", kernel.I32), scatter.Output("out", kernel.I32)
	scatter.Fan = kernel.Rows
	scatter.AddTo(o, kernel.Add(kernel.Mul(kernel.At(ids, kernel.Row), kernel.Cols), kernel.Col), kernel.Elem(x))

	matmul := kernel.NewMatmul("matmul", "s")
	o = matmul.Output("out", kernel.I32)
	matmul.PutElem(o, kernel.Shift(kernel.Acc, matmul.P("s")))
	linear := []int32{64, 1, 2048, 0, 0, 0, 2048, 1, 0, 0, 0, 2048, 1, 3}
	gradient := []int32{64, 1, 2050, 0, 0, 0, 1, 64, 0, 0, 0, 1, 32, 3}
	return []sample{
		{name: "flat", kernel: flat, rows: 5, cols: 7, params: []int32{3}, lens: []int{35, 35}, passes: 1},
		{name: "flat_parts", kernel: flat, rows: 5, cols: 64, params: []int32{3}, lens: []int{320, 320}, passes: 5, bindings: 256},
		{name: "rows", kernel: rows, rows: 9, cols: 64, lens: []int{576, 576, 9}, passes: 1},
		{name: "rows_four", kernel: rows, rows: 9, cols: 63, lens: []int{567, 567, 9}, passes: 1},
		{name: "scatter", kernel: scatter, rows: 4, cols: 8, lens: []int{32, 4, 80}, passes: 1},
		{name: "scatter_parts", kernel: scatter, rows: 4, cols: 8, lens: []int{32, 4, 160}, passes: 1, bindings: 256},
		{name: "matmul", kernel: matmul, rows: 64, cols: 32, params: linear, lens: []int{64 * 2048, 32 * 2048, 2048}, passes: 1},
		{
			name: "matmul_shared", kernel: matmul, options: wgsl.Options{Dot4: true, Tile: wgsl.Tile{M: 4, N: 4, Shared: true}},
			rows: 64, cols: 32, params: gradient, lens: []int{64 * 2050, 32 * 2050, 2048}, passes: 2,
		},
	}
}

func (s sample) instance() *kernel.Instance {
	return &kernel.Instance{Kernel: s.kernel, Rows: s.rows, Cols: s.cols, Params: s.params, Lens: s.lens}
}

// instances are those of all samples, in the same order.
func instances(t *testing.T) []*kernel.Instance {
	t.Helper()
	var all []*kernel.Instance
	for _, s := range samples() {
		if err := s.kernel.Check(); err != nil {
			t.Fatal(err)
		}
		all = append(all, s.instance())
	}
	return all
}

func (s sample) step(t *testing.T) *launch.Step {
	t.Helper()
	o := s.options
	o.Limits = limits
	if s.bindings != 0 {
		o.Limits.Binding = s.bindings
	}
	step, err := wgsl.New(o).Step(s.instance())
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// TestGolden compares what is printed for every sample. Rewrite with -update,
// and read the difference.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		step := s.step(t)
		if len(step.Passes) != s.passes {
			t.Errorf("%s takes %d passes, want %d", s.name, len(step.Passes), s.passes)
		}
		got := step.Passes[0].Code.Text
		path := filepath.Join("testdata", s.name+".expected.wgsl")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // golden files are readable
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: printed text differs from %s:\n%s", s.name, path, got)
		}
	}
}
