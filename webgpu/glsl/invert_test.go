package glsl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// String tells an inversion: what is known of the column, how many digits of
// the row are, and what has to be tried.
func (v *inversion) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d digits", len(v.digits))
	switch {
	case v.column < 0:
		b.WriteString(", any column")
	case v.whole:
		fmt.Fprintf(&b, ", column is digit %d", v.column)
	default:
		fmt.Fprintf(&b, ", column has remainder digit %d", v.column)
	}
	for _, k := range v.rows {
		fmt.Fprintf(&b, ", row has digit %d", k.digit)
		if len(k.rest) > 0 {
			fmt.Fprintf(&b, " less %d terms", len(k.rest))
		}
	}
	if v.unique {
		b.WriteString(", one row")
	}
	for _, i := range v.tests {
		fmt.Fprintf(&b, ", try digit %d", i)
	}
	return b.String()
}

func TestInvert(t *testing.T) {
	// index adds one value at an index into rows of n: over images of h x w
	// pixels, say.
	index := func(name string, of func(k *kernel.Kernel) (index, value *kernel.Expr)) *kernel.Kernel {
		k := kernel.New(name, "n", "h", "w")
		k.Input("x", kernel.I32)
		k.Output("out", kernel.I32)
		k.Fan = kernel.Rows
		i, v := of(k)
		k.AddTo(1, i, v)
		return k
	}
	row, col, cols, x := kernel.Row, kernel.Col, kernel.Cols, kernel.Elem(0)
	shifted := func(k *kernel.Kernel) *kernel.Expr { // one pixel up, or one down in odd columns
		y := kernel.Rem(kernel.Div(row, k.P("w")), k.P("h"))
		return kernel.Sub(kernel.Add(y, kernel.And(col, kernel.C(2))), kernel.C(1))
	}
	clamped := func(k *kernel.Kernel) *kernel.Expr {
		y := kernel.Min(kernel.Max(shifted(k), kernel.C(0)), kernel.Sub(k.P("h"), kernel.C(1)))
		return kernel.Add(kernel.Mul(kernel.Add(kernel.Mul(kernel.Div(kernel.Div(row, k.P("w")), k.P("h")), k.P("h")), y), k.P("w")), kernel.Rem(row, k.P("w")))
	}
	for _, c := range []struct {
		kernel *kernel.Kernel
		want   string
		quad   bool
	}{
		{ops.ScatterRowsOp.Kernel, "2 digits, column is digit 0, try digit 1", true},
		{ops.SumRowsOp.Kernel, "2 digits, column is digit 0, row has digit 1", true},
		{ops.PatchesGradOp.Kernel, "4 digits, column has remainder digit 0, row has digit 1 less 3 terms, row has digit 2 less 2 terms, row has digit 3, one row", true},
		{index("here", func(*kernel.Kernel) (*kernel.Expr, *kernel.Expr) { return kernel.Here, x }),
			"2 digits, column is digit 0, row has digit 1, one row", true},
		{index("column", func(*kernel.Kernel) (*kernel.Expr, *kernel.Expr) { return col, x }),
			"1 digits, any column, try digit 0", false},
		{index("no radix", func(k *kernel.Kernel) (*kernel.Expr, *kernel.Expr) {
			return kernel.Add(kernel.Mul(row, k.P("n")), col), x // the column may be n and more
		}), "1 digits, any column, try digit 0", false},
		{index("radix of a row", func(*kernel.Kernel) (*kernel.Expr, *kernel.Expr) {
			n := kernel.At(0, row)
			return kernel.Add(kernel.Mul(row, n), kernel.Rem(col, n)), x
		}), "1 digits, any column, try digit 0", false},
		{index("second digit only", func(k *kernel.Kernel) (*kernel.Expr, *kernel.Expr) {
			return kernel.Add(kernel.Mul(kernel.Div(row, k.P("w")), cols), col), x
		}), "2 digits, column is digit 0, try digit 1", true},
		{index("clamped", func(k *kernel.Kernel) (*kernel.Expr, *kernel.Expr) { return clamped(k), x }),
			"3 digits, any column, row has digit 0, try digit 1, try digit 2", false},
		{index("clamped and zero", func(k *kernel.Kernel) (*kernel.Expr, *kernel.Expr) {
			y := shifted(k)
			return clamped(k), kernel.Mul(kernel.Mul(kernel.Lt(kernel.C(-1), y), x), kernel.Lt(y, k.P("h")))
		}), "3 digits, any column, row has digit 0, row has digit 1 less 2 terms, row has digit 2, one row", false},
		{index("zero on one side", func(k *kernel.Kernel) (*kernel.Expr, *kernel.Expr) {
			return clamped(k), kernel.Mul(x, kernel.Lt(shifted(k), k.P("h")))
		}), "3 digits, any column, row has digit 0, try digit 1, try digit 2", false},
		{index("columns out of step", func(k *kernel.Kernel) (*kernel.Expr, *kernel.Expr) {
			return kernel.Add(kernel.Mul(kernel.Add(kernel.At(0, row), kernel.Div(col, kernel.C(2))), k.P("n")), kernel.Rem(col, k.P("n"))), x
		}), "2 digits, column has remainder digit 0, try digit 1", false},
	} {
		g := lower.New(c.kernel, lower.Options{Units: true})
		st := c.kernel.Stores[0]
		s := &store{Store: st, index: g.Lower(st.Index), value: g.Lower(st.Value)}
		v := invert(s)
		if got := v.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.kernel.Name, got, c.want)
		}
		if got := (&gather{store: s, inverse: v}).quadRadix() != nil; got != c.quad {
			t.Errorf("%s: four elements at once: %v, want %v", c.kernel.Name, got, c.quad)
		}
	}
}
