package lower

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Lower turns an expression into nodes.
func (g *Graph) Lower(e *kernel.Expr) *Node {
	if n := g.byExpr[e]; n != nil {
		return n
	}
	n := g.lowerNew(e)
	g.byExpr[e] = n
	return n
}

func (g *Graph) lowerNew(e *kernel.Expr) *Node {
	if g.flat != nil && isHere(e) {
		return g.flat
	}
	args := make([]*Node, len(e.Args))
	for i, a := range e.Args {
		args[i] = g.Lower(a)
	}
	switch e.Op {
	case kernel.OpConst:
		return g.Constant(int64(e.K))
	case kernel.OpParam:
		return g.intern(&Node{Op: e.Op, K: e.K})
	case kernel.OpLoad:
		return g.load(e.K, args[0])
	case kernel.OpRne:
		return g.rne(args[0], args[1])
	case kernel.OpShift:
		return g.shift(args[0], args[1])
	}
	return g.Apply(e.Op, args...)
}

// load reads buffer buf, as a unit load where the index is a column plus
// something the same along the row.
func (g *Graph) load(buf int32, index *Node) *Node {
	if base := g.Base(index); g.units && base != nil {
		return g.intern(&Node{Op: kernel.OpLoad, K: buf, Args: []*Node{base}, Unit: true})
	}
	return g.intern(&Node{Op: kernel.OpLoad, K: buf, Args: []*Node{index}})
}

// Base is index - Col where that is the same along the row, else nil.
func (g *Graph) Base(index *Node) *Node {
	switch index.Op {
	case kernel.OpCol:
		return g.Constant(0)
	case kernel.OpAdd:
		for i, a := range index.Args {
			other := index.Args[1-i]
			if other.Col {
				continue
			}
			if b := g.Base(a); b != nil {
				return g.Apply(kernel.OpAdd, b, other)
			}
		}
	case kernel.OpSub:
		if !index.Args[1].Col {
			if b := g.Base(index.Args[0]); b != nil {
				return g.Apply(kernel.OpSub, b, index.Args[1])
			}
		}
	}
	return nil
}

// rne is x / 2^s rounded half to even for 1 <= s <= 30: add one less than
// half, and one more where the result would be odd.
func (g *Graph) rne(x, s *Node) *Node {
	one := g.Constant(1)
	half := g.Apply(kernel.OpSub, g.Apply(kernel.OpShl, one, g.Apply(kernel.OpSub, s, one)), one)
	odd := g.Apply(kernel.OpAnd, g.Apply(kernel.OpSar, x, s), one)
	return g.Apply(kernel.OpSar, g.Apply(kernel.OpAdd, g.Apply(kernel.OpAdd, x, half), odd), s)
}

// shift is kernel.OpShift without a branch: limit x, shift left by n, then
// round as rne does, by t, with a half and an odd bit that vanish for t = 0.
//
// The limit is 2^(30-n)-1 for s <= 0, 2^31-1 for s > 0 and 0 for s > 30, where
// (0 + 2^30-1) >> 31 is 0. That -2^31 becomes -2^31+1 for s > 0 does not show
// in what it is rounded to.
//
// Everything that depends on the count alone is computed as often as the
// count, usually once per row, and folding removes what a known sign of the
// count makes needless.
func (g *Graph) shift(x, s *Node) *Node {
	zero, one := g.Constant(0), g.Constant(1)
	down := g.Apply(kernel.OpSub, one, g.Apply(kernel.OpMin, g.Apply(kernel.OpMax, s, g.Constant(-30)), one)) // n+1, or 0 for s > 0
	limit := g.Apply(kernel.OpSar, g.Constant(whole.Hi), down)
	limit = g.Apply(kernel.OpSelect, g.Apply(kernel.OpLt, g.Constant(30), s), zero, limit)
	if l := limit.Bound.Lo; l < whole.Hi && (x.Bound.Lo < -l || x.Bound.Hi > l) {
		x = g.Apply(kernel.OpMin, g.Apply(kernel.OpMax, x, g.Apply(kernel.OpSub, zero, limit)), limit)
	}
	x = g.Apply(kernel.OpShl, x, g.Apply(kernel.OpMax, g.Apply(kernel.OpSub, down, one), zero))

	t := g.Apply(kernel.OpMin, g.Apply(kernel.OpMax, s, zero), g.Constant(31))
	half := g.Apply(kernel.OpSar, g.Apply(kernel.OpSub, g.Apply(kernel.OpShl, one, t), one), one) // 1 << 31 wraps to where it should
	odd := g.Apply(kernel.OpAnd, g.Apply(kernel.OpSar, x, t), g.Apply(kernel.OpMin, t, one))
	return g.Apply(kernel.OpSar, g.Apply(kernel.OpAdd, g.Apply(kernel.OpAdd, x, half), odd), t)
}

// isHere tells whether e is row*cols + col.
func isHere(e *kernel.Expr) bool {
	if e.Op != kernel.OpAdd || e.Args[1].Op != kernel.OpCol || e.Args[0].Op != kernel.OpMul {
		return false
	}
	m := e.Args[0].Args
	return m[0].Op == kernel.OpRow && m[1].Op == kernel.OpCols
}

// IsFlat tells whether k is a map whose expressions meet the iteration space
// only as the dense index.
func IsFlat(k *kernel.Kernel) bool {
	if k.Form() != kernel.Map {
		return false
	}
	flat, seen := true, map[*kernel.Expr]bool{}
	var visit func(e *kernel.Expr)
	visit = func(e *kernel.Expr) {
		if seen[e] || isHere(e) {
			return
		}
		seen[e] = true
		switch e.Op {
		case kernel.OpRow, kernel.OpCol, kernel.OpRows, kernel.OpCols:
			flat = false
		}
		for _, a := range e.Args {
			visit(a)
		}
	}
	for _, s := range k.Stores {
		flat = flat && isHere(s.Index)
		visit(s.Value)
	}
	return flat
}
