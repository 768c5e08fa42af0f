package clang_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// samples are small kernels that show what the printer does with each form.
func samples() []*kernel.Kernel {
	flat := kernel.New("flat", "s")
	x, o := flat.Input("x", kernel.I32), flat.Output("out", kernel.I16)
	flat.PutElem(o, kernel.Clamped(kernel.Shift(kernel.Elem(x), flat.P("s")), 32767))

	// The shifted value costs more than keepFrom and is needed by two stages.
	rows := kernel.New("rows")
	x, e := rows.Input("x", kernel.I32), rows.Input("e", kernel.I32)
	p, z := rows.Output("p", kernel.I8), rows.Output("z", kernel.I32)
	t := kernel.Shift(kernel.Elem(x), kernel.Elem(e))
	top := kernel.ReduceMax(t)
	rows.PutElem(p, kernel.Lt(t, top))
	rows.Put(z, kernel.Row, top)

	// Where a column lies in its group of three is the same in every row.
	table := kernel.New("table")
	x, o = table.Input("x", kernel.I32), table.Output("out", kernel.I32)
	third := kernel.Rem(kernel.Col, kernel.C(3))
	table.PutElem(o, kernel.Add(kernel.At(x, kernel.Row), third))

	scatter := kernel.New("scatter")
	x, ids, o := scatter.Input("x", kernel.I32), scatter.Input("ids", kernel.I32), scatter.Output("out", kernel.I32)
	scatter.Fan = kernel.Rows
	scatter.AddTo(o, kernel.Add(kernel.Mul(kernel.At(ids, kernel.Row), kernel.Cols), kernel.Col), kernel.Elem(x))

	matmul := kernel.NewMatmul("matmul", "s")
	o = matmul.Output("out", kernel.I32)
	matmul.PutElem(o, kernel.Shift(kernel.Acc, matmul.P("s")))
	return []*kernel.Kernel{flat, rows, table, scatter, matmul}
}

// TestGolden compares what is printed for every sample, less what is printed
// for none. Rewrite with -update, and read the difference.
func TestGolden(t *testing.T) {
	common := clang.Print()
	for _, k := range samples() {
		if err := k.Check(); err != nil {
			t.Fatal(err)
		}
		got, ok := bytes.CutPrefix(clang.Print(k), common)
		if !ok {
			t.Fatalf("%s: the text does not begin with the prelude", k.Name)
		}
		path := filepath.Join("testdata", k.Name+".expected.c")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // golden files are readable
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: printed text differs from %s:\n%s", k.Name, path, got)
		}
	}
}

// TestNeeds checks what the samples need of their callers.
func TestNeeds(t *testing.T) {
	const rows, cols = 10, 100
	want := map[string]clang.Needs{
		"flat":    {Flat: true},
		"rows":    {Scratch: 8192 * 4},
		"table":   {Scratch: 448},
		"scatter": {Adds: true},
	}
	for _, k := range samples() {
		if k.Contract != nil {
			continue
		}
		in := &kernel.Instance{Kernel: k, Rows: rows, Cols: cols, Params: make([]int32, len(k.Params))}
		if got := clang.NeedsOf(in); got != want[k.Name] {
			t.Errorf("%s needs %+v, want %+v", k.Name, got, want[k.Name])
		}
	}
}

// TestFingerprint checks that no two ops share a fingerprint, and that it
// follows what a kernel computes.
func TestFingerprint(t *testing.T) {
	seen := map[uint64]string{}
	for _, d := range ops.All {
		f := clang.Fingerprint(d.Kernel)
		if seen[f] != "" {
			t.Errorf("%s and %s have the same fingerprint", d.Name, seen[f])
		}
		seen[f] = d.Name
	}
	masked := func(v int32) *kernel.Kernel {
		k := kernel.New("k")
		x, o := k.Input("x", kernel.I32), k.Output("out", kernel.I32)
		k.PutElem(o, kernel.And(kernel.Elem(x), kernel.C(v)))
		return k
	}
	one := clang.Fingerprint(masked(1))
	if again := clang.Fingerprint(masked(1)); again != one {
		t.Error("equal kernels have different fingerprints")
	}
	if clang.Fingerprint(masked(2)) == one {
		t.Error("kernels with different constants have the same fingerprint")
	}
}
