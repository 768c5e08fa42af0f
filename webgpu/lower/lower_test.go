package lower_test

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// eval computes n as a machine does: in 32 bits that wrap.
func eval(t *testing.T, n *lower.Node, params []int32) int32 {
	t.Helper()
	a := make([]int32, len(n.Args))
	for i, x := range n.Args {
		a[i] = eval(t, x, params)
	}
	truth := func(b bool) int32 {
		if b {
			return 1
		}
		return 0
	}
	switch n.Op {
	case kernel.OpConst:
		return n.K
	case kernel.OpParam:
		return params[n.K]
	case kernel.OpAdd:
		return a[0] + a[1]
	case kernel.OpSub:
		return a[0] - a[1]
	case kernel.OpMul:
		return a[0] * a[1]
	case kernel.OpAnd:
		return a[0] & a[1]
	case kernel.OpShl, kernel.OpSar:
		if a[1] < 0 || a[1] > 31 {
			t.Fatalf("shift by %d", a[1])
		}
		if n.Op == kernel.OpShl {
			return a[0] << a[1]
		}
		return a[0] >> a[1]
	case kernel.OpLt:
		return truth(a[0] < a[1])
	case kernel.OpSelect:
		if a[0] != 0 {
			return a[1]
		}
		return a[2]
	case kernel.OpMin:
		return min(a[0], a[1])
	case kernel.OpMax:
		return max(a[0], a[1])
	}
	t.Fatalf("no meaning for %s", n.Op)
	return 0
}

var edges = []int32{
	-1 << 31, -1<<31 + 1, -1 << 30, -kernel.Sat, -65536, -32769, -32768, -129, -128, -3, -2, -1,
	0, 1, 2, 3, 5, 127, 128, 32767, 32768, 65535, kernel.Sat - 1, kernel.Sat, 1 << 30, 1<<31 - 1,
}

// TestShift holds what Shift is taken apart into to its definition, wherever
// the definition allows it.
func TestShift(t *testing.T) {
	k := kernel.New("shift", "x", "s")
	x, s := k.P("x"), k.P("s")
	for _, c := range []struct {
		name  string
		count *kernel.Expr // of the parameter s
		of    func(s int32) int32
	}{
		{"any", s, func(s int32) int32 { return s }},
		{"right", kernel.Max(s, kernel.C(0)), func(s int32) int32 { return max(s, 0) }},
		{"left", kernel.Min(s, kernel.C(0)), func(s int32) int32 { return min(s, 0) }},
	} {
		n := lower.New(k, lower.Options{}).Lower(kernel.Shift(x, c.count))
		for _, xv := range edges {
			for sv := int32(-40); sv <= 40; sv++ {
				if s := c.of(sv); s > 0 && s <= 30 && int64(xv)+1<<(s-1) > 1<<31-1 {
					continue // not legal: the half does not fit
				}
				want := kernel.ShiftValue(int64(xv), int64(c.of(sv)))
				if got := eval(t, n, []int32{xv, sv}); int64(got) != want {
					t.Fatalf("%s: shift(%d, %d) is %d, want %d", c.name, xv, sv, got, want)
				}
			}
		}
	}
}

// TestRne does the same for Rne.
func TestRne(t *testing.T) {
	k := kernel.New("rne", "x", "s")
	n := lower.New(k, lower.Options{}).Lower(kernel.Rne(k.P("x"), k.P("s")))
	for _, xv := range edges {
		for sv := int32(1); sv <= 30; sv++ {
			if int64(xv)+1<<(sv-1) > 1<<31-1 {
				continue // not legal: the half does not fit
			}
			want := kernel.RoundShift(int64(xv), uint(sv))
			if got := eval(t, n, []int32{xv, sv}); int64(got) != want {
				t.Fatalf("rne(%d, %d) is %d, want %d", xv, sv, got, want)
			}
		}
	}
}

// TestNodes checks what printers rely on.
func TestNodes(t *testing.T) {
	k := kernel.New("nodes", "p")
	x := k.Input("x", kernel.I8)
	here := kernel.Elem(x)
	top := kernel.ReduceMax(here)
	rest := kernel.Sub(top, here)

	g := lower.New(k, lower.Options{})
	n := g.Lower(rest)
	if n.Level() != lower.PerElem || n.Stage != 1 {
		t.Errorf("an element less its row's maximum is at level %d, stage %d", n.Level(), n.Stage)
	}
	if m := g.Lower(top); m.Level() != lower.PerRow || m.Bound != kernel.I8.Range() {
		t.Errorf("the maximum is at level %d, in %v", m.Level(), m.Bound)
	}
	if i := g.Lower(kernel.Here); !i.IsHere() {
		t.Error("the dense index is not known as such")
	}
	if a, b := g.Lower(kernel.Add(k.P("p"), kernel.C(1))), g.Lower(kernel.Add(k.P("p"), kernel.C(1))); a != b {
		t.Error("equal expressions have two nodes")
	}
	for i, n := range g.Nodes {
		for _, a := range n.Args {
			if a.ID >= i {
				t.Errorf("node %d uses node %d", i, a.ID)
			}
		}
	}

	g = lower.New(k, lower.Options{Units: true})
	if n := g.Lower(here); !n.Unit || n.Args[0].Col {
		t.Error("consecutive elements are not a unit load")
	}
	if lower.New(k, lower.Options{}).Lower(here).Unit {
		t.Error("unit loads without being asked for")
	}
}
