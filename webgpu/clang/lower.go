package clang

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// lower turns an expression into nodes.
func (g *graph) lower(e *kernel.Expr) *node {
	if n := g.byExpr[e]; n != nil {
		return n
	}
	n := g.lowerNew(e)
	g.byExpr[e] = n
	return n
}

func (g *graph) lowerNew(e *kernel.Expr) *node {
	if g.flat != nil && isHere(e) {
		return g.flat
	}
	args := make([]*node, len(e.Args))
	for i, a := range e.Args {
		args[i] = g.lower(a)
	}
	switch e.Op {
	case kernel.OpConst:
		return g.constant(int64(e.K))
	case kernel.OpParam:
		return g.intern(&node{op: e.Op, k: e.K})
	case kernel.OpLoad:
		return g.load(e.K, args[0])
	case kernel.OpRne:
		return g.rne(args[0], args[1])
	case kernel.OpShift:
		return g.shift(args[0], args[1])
	}
	return g.op(e.Op, args...)
}

// load reads buffer buf, as a unit load where the index is a column plus
// something the same along the row.
func (g *graph) load(buf int32, index *node) *node {
	if base := g.base(index); base != nil {
		return g.intern(&node{op: kernel.OpLoad, k: buf, args: []*node{base}, unit: true})
	}
	return g.intern(&node{op: kernel.OpLoad, k: buf, args: []*node{index}})
}

// base is index - Col where that is the same along the row, else nil.
func (g *graph) base(index *node) *node {
	switch index.op {
	case kernel.OpCol:
		return g.constant(0)
	case kernel.OpAdd:
		for i, a := range index.args {
			other := index.args[1-i]
			if other.col {
				continue
			}
			if b := g.base(a); b != nil {
				return g.op(kernel.OpAdd, b, other)
			}
		}
	case kernel.OpSub:
		if !index.args[1].col {
			if b := g.base(index.args[0]); b != nil {
				return g.op(kernel.OpSub, b, index.args[1])
			}
		}
	}
	return nil
}

// rne is x / 2^s rounded half to even for 1 <= s <= 30: add one less than
// half, and one more where the result would be odd.
func (g *graph) rne(x, s *node) *node {
	one := g.constant(1)
	half := g.op(kernel.OpSub, g.op(kernel.OpShl, one, g.op(kernel.OpSub, s, one)), one)
	odd := g.op(kernel.OpAnd, g.op(kernel.OpSar, x, s), one)
	return g.op(kernel.OpSar, g.op(kernel.OpAdd, g.op(kernel.OpAdd, x, half), odd), s)
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
func (g *graph) shift(x, s *node) *node {
	zero, one := g.constant(0), g.constant(1)
	down := g.op(kernel.OpSub, one, g.op(kernel.OpMin, g.op(kernel.OpMax, s, g.constant(-30)), one)) // n+1, or 0 for s > 0
	limit := g.op(kernel.OpSar, g.constant(whole.Hi), down)
	limit = g.op(kernel.OpSelect, g.op(kernel.OpLt, g.constant(30), s), zero, limit)
	if l := limit.bound.Lo; l < whole.Hi && (x.bound.Lo < -l || x.bound.Hi > l) {
		x = g.op(kernel.OpMin, g.op(kernel.OpMax, x, g.op(kernel.OpSub, zero, limit)), limit)
	}
	x = g.op(kernel.OpShl, x, g.op(kernel.OpMax, g.op(kernel.OpSub, down, one), zero))

	t := g.op(kernel.OpMin, g.op(kernel.OpMax, s, zero), g.constant(31))
	half := g.op(kernel.OpSar, g.op(kernel.OpSub, g.op(kernel.OpShl, one, t), one), one) // 1 << 31 wraps to where it should
	odd := g.op(kernel.OpAnd, g.op(kernel.OpSar, x, t), g.op(kernel.OpMin, t, one))
	return g.op(kernel.OpSar, g.op(kernel.OpAdd, g.op(kernel.OpAdd, x, half), odd), t)
}

// isHere tells whether e is row*cols + col.
func isHere(e *kernel.Expr) bool {
	if e.Op != kernel.OpAdd || e.Args[1].Op != kernel.OpCol || e.Args[0].Op != kernel.OpMul {
		return false
	}
	m := e.Args[0].Args
	return m[0].Op == kernel.OpRow && m[1].Op == kernel.OpCols
}

// isFlat tells whether k is a map whose expressions meet the iteration space
// only as the dense index.
func isFlat(k *kernel.Kernel) bool {
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
