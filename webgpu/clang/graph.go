package clang

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// A node is an expression after lowering: shared where equal, with what the
// printer needs to know about it. Operations are the kernel's, less those
// that lowering takes apart (OpShift, OpRne), plus unit loads.
type node struct {
	id   int
	op   kernel.Op
	k    int32
	args []*node

	// unit marks a load of consecutive elements along the row: args[0] is
	// the index of column 0.
	unit bool

	row, col bool            // whether the value depends on the row, the column
	bound    kernel.Interval // holds for every instance
	stage    int             // how many reductions deep the value is known
	weight   int             // rough cost of computing it, arguments apart
}

// level orders values by how often they are computed.
type level int

const (
	uniform level = iota // once a call
	perCol               // the same in every row: a table
	perRow
	perElem
)

func (n *node) level() level {
	switch {
	case n.row && n.col:
		return perElem
	case n.row:
		return perRow
	case n.col:
		return perCol
	}
	return uniform
}

// graph builds nodes, one for each distinct value.
type graph struct {
	kernel *kernel.Kernel
	nodes  []*node
	byKey  map[string]*node
	byExpr map[*kernel.Expr]*node
	flat   *node // the dense index, in flat kernels: the column of one long row
}

func newGraph(k *kernel.Kernel) *graph {
	return &graph{kernel: k, byKey: map[string]*node{}, byExpr: map[*kernel.Expr]*node{}}
}

var whole = kernel.Interval{Lo: -1 << 31, Hi: 1<<31 - 1}

func (g *graph) intern(n *node) *node {
	key := fmt.Sprint(n.op, n.k, n.unit)
	for _, a := range n.args {
		key += fmt.Sprint(" ", a.id)
	}
	if old := g.byKey[key]; old != nil {
		return old
	}
	n.id = len(g.nodes)
	g.classify(n)
	g.nodes = append(g.nodes, n)
	g.byKey[key] = n
	return n
}

func (g *graph) op(op kernel.Op, args ...*node) *node {
	if n := g.fold(op, args); n != nil {
		return n
	}
	return g.intern(&node{op: op, args: args})
}

func (g *graph) constant(v int64) *node {
	return g.intern(&node{op: kernel.OpConst, k: int32(v)})
}

// classify fills in what follows from the arguments.
func (g *graph) classify(n *node) {
	for _, a := range n.args {
		n.row = n.row || a.row
		n.col = n.col || a.col
		n.stage = max(n.stage, a.stage)
	}
	switch n.op {
	case kernel.OpRow:
		n.row = true
	case kernel.OpCol:
		n.col = true
	case kernel.OpAcc:
		n.row, n.col = true, true
	case kernel.OpReduceOr, kernel.OpReduceMax, kernel.OpReduceSum:
		n.row, n.col = true, false
		n.stage++
	case kernel.OpLoad:
		n.col = n.col || n.unit
	}
	n.bound = g.boundOf(n)
	n.weight = weights[n.op]
}

// weights are rough vector instructions for 16 elements.
var weights = map[kernel.Op]int{
	kernel.OpLoad: 1, kernel.OpAcc: 1, kernel.OpAdd: 1, kernel.OpSub: 1, kernel.OpMul: 2, kernel.OpAnd: 1, kernel.OpOr: 1, kernel.OpXor: 1,
	kernel.OpShl: 1, kernel.OpSar: 1, kernel.OpLt: 1, kernel.OpEq: 1, kernel.OpSelect: 1, kernel.OpMin: 1, kernel.OpMax: 1, kernel.OpAbs: 1,
	kernel.OpBitLen: 2, kernel.OpDiv: 16, kernel.OpIsqrt: 20, kernel.OpRand: 9,
}

// isConst tells whether n is the constant v.
func (n *node) isConst(v int32) bool { return n.op == kernel.OpConst && n.k == v }

// fold simplifies an operation whose value is known or is one of its
// arguments.
func (g *graph) fold(op kernel.Op, args []*node) *node {
	if b := g.boundOf(&node{op: op, args: args}); b.Lo == b.Hi && !op.IsReduce() {
		return g.constant(b.Lo)
	}
	switch {
	case op == kernel.OpAdd && args[0].isConst(0):
		return args[1]
	case (op == kernel.OpAdd || op == kernel.OpSub || op == kernel.OpShl || op == kernel.OpSar) && args[1].isConst(0):
		return args[0]
	case op == kernel.OpSub && args[0].isConst(0) && args[1].op == kernel.OpSub && args[1].args[0].isConst(0):
		return args[1].args[1]
	case op == kernel.OpMul && args[0].isConst(1):
		return args[1]
	case op == kernel.OpMul && args[1].isConst(1):
		return args[0]
	case op == kernel.OpMax && args[0].bound.Lo >= args[1].bound.Hi, op == kernel.OpMin && args[0].bound.Hi <= args[1].bound.Lo:
		return args[0]
	case op == kernel.OpMax && args[1].bound.Lo >= args[0].bound.Hi, op == kernel.OpMin && args[1].bound.Hi <= args[0].bound.Lo:
		return args[1]
	case op == kernel.OpAbs && args[0].bound.Lo >= 0:
		return args[0]
	case op == kernel.OpSelect && args[0].op == kernel.OpConst:
		if args[0].k != 0 {
			return args[1]
		}
		return args[2]
	}
	return nil
}

// boundOf is an interval that holds whatever the parameters and sizes: far
// weaker than a proof, but one compiled function serves every instance.
func (g *graph) boundOf(n *node) kernel.Interval {
	var x, y kernel.Interval
	if len(n.args) > 0 {
		x = n.args[0].bound
	}
	if len(n.args) > 1 {
		y = n.args[1].bound
	}
	b := whole
	switch n.op {
	case kernel.OpConst:
		b = kernel.Point(int64(n.k))
	case kernel.OpRows, kernel.OpCols:
		b = kernel.Interval{Lo: 1, Hi: 1 << 30}
	case kernel.OpRow, kernel.OpCol:
		b = kernel.Interval{Lo: 0, Hi: 1 << 30}
	case kernel.OpLoad:
		b = g.kernel.Bufs[n.k].DType.Range()
	case kernel.OpAdd:
		b = kernel.Interval{Lo: x.Lo + y.Lo, Hi: x.Hi + y.Hi}
	case kernel.OpSub:
		b = kernel.Interval{Lo: x.Lo - y.Hi, Hi: x.Hi - y.Lo}
	case kernel.OpMul:
		p, q, r, s := x.Lo*y.Lo, x.Lo*y.Hi, x.Hi*y.Lo, x.Hi*y.Hi
		b = kernel.Interval{Lo: min(p, q, r, s), Hi: max(p, q, r, s)}
	case kernel.OpAnd:
		if x.Lo == x.Hi && y.Lo == y.Hi {
			return kernel.Point(x.Lo & y.Lo)
		}
		switch {
		case x.Lo >= 0 && y.Lo >= 0:
			b = kernel.Interval{Lo: 0, Hi: min(x.Hi, y.Hi)}
		case y.Lo >= 0:
			b = kernel.Interval{Lo: 0, Hi: y.Hi}
		case x.Lo >= 0:
			b = kernel.Interval{Lo: 0, Hi: x.Hi}
		}
	case kernel.OpOr, kernel.OpXor:
		if x.Lo >= 0 && y.Lo >= 0 {
			b = kernel.Interval{Lo: 0, Hi: 1<<bitLen(x.Hi|y.Hi) - 1}
		}
	case kernel.OpShl:
		if y.Lo >= 0 && y.Hi <= 31 {
			b = kernel.Interval{Lo: min(x.Lo<<y.Lo, x.Lo<<y.Hi), Hi: max(x.Hi<<y.Lo, x.Hi<<y.Hi)}
		}
	case kernel.OpSar:
		if y.Lo >= 0 && y.Hi <= 31 {
			b = kernel.Interval{Lo: min(x.Lo>>y.Lo, x.Lo>>y.Hi), Hi: max(x.Hi>>y.Lo, x.Hi>>y.Hi)}
		} else if x.Lo >= 0 {
			b = kernel.Interval{Lo: 0, Hi: x.Hi}
		}
	case kernel.OpLt:
		b = kernel.Interval{Lo: 0, Hi: 1}
		if x.Hi < y.Lo {
			b.Lo = 1
		} else if x.Lo >= y.Hi {
			b.Hi = 0
		}
	case kernel.OpEq:
		b = kernel.Interval{Lo: 0, Hi: 1}
		if x.Hi < y.Lo || x.Lo > y.Hi {
			b.Hi = 0
		} else if x.Lo == x.Hi && x == y {
			b.Lo = 1
		}
	case kernel.OpSelect:
		b = y.Hull(n.args[2].bound)
	case kernel.OpMin:
		b = kernel.Interval{Lo: min(x.Lo, y.Lo), Hi: min(x.Hi, y.Hi)}
	case kernel.OpMax:
		b = kernel.Interval{Lo: max(x.Lo, y.Lo), Hi: max(x.Hi, y.Hi)}
	case kernel.OpAbs:
		b = kernel.Interval{Lo: max(0, x.Lo, -x.Hi), Hi: min(max(-x.Lo, x.Hi), whole.Hi)}
	case kernel.OpBitLen:
		b = kernel.Interval{Lo: 0, Hi: bitLen(max(x.Hi, 0))}
	case kernel.OpDiv:
		b = kernel.Interval{Lo: 0, Hi: max(x.Hi, 0)}
		if y.Lo > 0 {
			b.Hi /= y.Lo
		}
	case kernel.OpIsqrt:
		b = kernel.Interval{Lo: 0, Hi: int64(kernel.Isqrt32(int32(max(x.Hi, 0))))}
	case kernel.OpReduceOr:
		b = kernel.Interval{Lo: 0, Hi: 1<<bitLen(max(x.Hi, 0)) - 1}
	case kernel.OpReduceMax:
		b = x
	case kernel.OpReduceSum:
		if x.Lo >= 0 {
			b.Lo = 0
		}
	}
	// What leaves 32 bits here does not in any instance that runs, but then
	// nothing is known.
	if b.Lo < whole.Lo || b.Hi > whole.Hi {
		return whole
	}
	return b
}

func bitLen(x int64) int64 {
	var n int64
	for ; x > 0; x >>= 1 {
		n++
	}
	return n
}
