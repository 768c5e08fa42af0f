package ptx_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ptx"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// samples are small kernels that show what the printer does with each form, and
// the variant to look at.
func samples() map[string]*kernel.Kernel {
	flat := kernel.New("flat", "s")
	x, o := flat.Input("x", kernel.I32), flat.Output("out", kernel.I16)
	flat.PutElem(o, kernel.Clamped(kernel.Shift(kernel.Elem(x), flat.P("s")), 32767))

	rows := kernel.New("rows")
	x, p, z := rows.Input("x", kernel.I8), rows.Output("p", kernel.I8), rows.Output("z", kernel.I32)
	rows.PutElem(p, kernel.Lt(kernel.Elem(x), kernel.ReduceMax(kernel.Elem(x))))
	rows.Put(z, kernel.Row, kernel.ReduceSum(kernel.Elem(x)))

	scatter := kernel.New("scatter")
	x, ids, o := scatter.Input("x", kernel.I32), scatter.Input("ids", kernel.I32), scatter.Output("out", kernel.I32)
	scatter.Fan = kernel.Rows
	scatter.AddTo(o, kernel.Add(kernel.Mul(kernel.At(ids, kernel.Row), kernel.Cols), kernel.Col), kernel.Elem(x))

	matmul := kernel.NewMatmul("matmul", "s")
	o = matmul.Output("out", kernel.I32)
	matmul.PutElem(o, kernel.Shift(kernel.Acc, matmul.P("s")))
	return map[string]*kernel.Kernel{
		"flat map4": flat, "flat map1": flat, "rows rows32x4x1": rows, "rows rows256x1x0": rows, "scatter scatter": scatter,
		"matmul mma32x32x64w4": matmul, "pack rows": matmul, "pack columns by words": matmul,
	}
}

// TestGolden compares what is printed for every sample. Rewrite with -update,
// and read the difference.
func TestGolden(t *testing.T) {
	p := ptx.New(options())
	for key, k := range samples() {
		if err := k.Check(); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range p.Codes(k) {
			if c.Key == key {
				got = c.Text
			}
		}
		if got == "" {
			t.Errorf("%s is not printed", key)
			continue
		}
		path := filepath.Join("testdata", strings.ReplaceAll(key, " ", "_")+".expected.ptx")
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
			t.Errorf("%s: printed text differs from %s:\n%s", key, path, got)
		}
	}
}
