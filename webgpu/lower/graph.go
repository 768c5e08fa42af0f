package lower

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// A Node is an expression after lowering: shared where equal, with what a
// printer needs to know about it. Operations are the kernel's, less those
// that lowering takes apart (OpShift, OpRne), plus unit loads. Printers only
// read it.
type Node struct {
	ID   int // arguments have smaller numbers than their users
	Op   kernel.Op
	K    int32
	Args []*Node

	// Unit marks a load of consecutive elements along the row: Args[0] is
	// the index of column 0.
	Unit bool

	Row, Col bool            // whether the value depends on the row, the column
	Bound    kernel.Interval // holds for every instance
	Stage    int             // how many reductions deep the value is known
	Weight   int             // rough cost of computing it, arguments apart
}

// Level orders values by how often they are computed.
type Level int

// The levels.
const (
	Uniform Level = iota // once a call
	PerCol               // the same in every row
	PerRow
	PerElem
)

// Level tells how often n is computed.
func (n *Node) Level() Level {
	switch {
	case n.Row && n.Col:
		return PerElem
	case n.Row:
		return PerRow
	case n.Col:
		return PerCol
	}
	return Uniform
}

// IsConst tells whether n is the constant v.
func (n *Node) IsConst(v int32) bool { return n.Op == kernel.OpConst && n.K == v }

// IsHere tells whether n is the dense index of an element, row*cols + col.
func (n *Node) IsHere() bool {
	if n.Op != kernel.OpAdd || n.Args[1].Op != kernel.OpCol || n.Args[0].Op != kernel.OpMul {
		return false
	}
	m := n.Args[0].Args
	return m[0].Op == kernel.OpRow && m[1].Op == kernel.OpCols
}

// Options say how a kernel is lowered.
type Options struct {
	// Units finds the loads of consecutive elements along the row.
	Units bool
	// Flat sees a kernel for which IsFlat holds as one long row, whose column
	// is the dense index.
	Flat bool
}

// Graph builds the nodes of one kernel, one for each distinct value.
type Graph struct {
	Nodes []*Node // by ID

	kernel *kernel.Kernel
	byKey  map[string]*Node
	byExpr map[*kernel.Expr]*Node
	units  bool
	flat   *Node // the dense index, in flat kernels
}

// New starts the graph of k. It has no nodes until expressions are lowered.
func New(k *kernel.Kernel, o Options) *Graph {
	g := &Graph{kernel: k, byKey: map[string]*Node{}, byExpr: map[*kernel.Expr]*Node{}, units: o.Units}
	if o.Flat {
		g.flat = g.Apply(kernel.OpCol)
		g.flat.Row = true // every element is its own
	}
	return g
}

var whole = kernel.Interval{Lo: -1 << 31, Hi: 1<<31 - 1}

func (g *Graph) intern(n *Node) *Node {
	key := fmt.Sprint(n.Op, n.K, n.Unit)
	for _, a := range n.Args {
		key += fmt.Sprint(" ", a.ID)
	}
	if old := g.byKey[key]; old != nil {
		return old
	}
	n.ID = len(g.Nodes)
	g.classify(n)
	g.Nodes = append(g.Nodes, n)
	g.byKey[key] = n
	return n
}

// Apply is the node of an operation on args, folded where its value is known.
func (g *Graph) Apply(op kernel.Op, args ...*Node) *Node {
	if n := g.fold(op, args); n != nil {
		return n
	}
	return g.intern(&Node{Op: op, Args: args})
}

// Constant is the node of v.
func (g *Graph) Constant(v int64) *Node {
	return g.intern(&Node{Op: kernel.OpConst, K: int32(v)})
}

// classify fills in what follows from the arguments.
func (g *Graph) classify(n *Node) {
	for _, a := range n.Args {
		n.Row = n.Row || a.Row
		n.Col = n.Col || a.Col
		n.Stage = max(n.Stage, a.Stage)
	}
	switch n.Op {
	case kernel.OpRow:
		n.Row = true
	case kernel.OpCol:
		n.Col = true
	case kernel.OpAcc:
		n.Row, n.Col = true, true
	case kernel.OpReduceOr, kernel.OpReduceMax, kernel.OpReduceSum:
		n.Row, n.Col = true, false
		n.Stage++
	case kernel.OpLoad:
		n.Col = n.Col || n.Unit
	}
	n.Bound = g.boundOf(n)
	n.Weight = weights[n.Op]
}

// weights are rough vector instructions for 16 elements.
var weights = map[kernel.Op]int{
	kernel.OpLoad: 1, kernel.OpAcc: 1, kernel.OpAdd: 1, kernel.OpSub: 1, kernel.OpMul: 2, kernel.OpAnd: 1, kernel.OpOr: 1, kernel.OpXor: 1,
	kernel.OpShl: 1, kernel.OpSar: 1, kernel.OpLt: 1, kernel.OpEq: 1, kernel.OpSelect: 1, kernel.OpMin: 1, kernel.OpMax: 1, kernel.OpAbs: 1,
	kernel.OpBitLen: 2, kernel.OpDiv: 16, kernel.OpIsqrt: 20, kernel.OpRand: 9,
}

// fold simplifies an operation whose value is known or is one of its
// arguments.
func (g *Graph) fold(op kernel.Op, args []*Node) *Node {
	if b := g.boundOf(&Node{Op: op, Args: args}); b.Lo == b.Hi && !op.IsReduce() {
		return g.Constant(b.Lo)
	}
	switch {
	case op == kernel.OpAdd && args[0].IsConst(0):
		return args[1]
	case (op == kernel.OpAdd || op == kernel.OpSub || op == kernel.OpShl || op == kernel.OpSar) && args[1].IsConst(0):
		return args[0]
	case op == kernel.OpSub && args[0].IsConst(0) && args[1].Op == kernel.OpSub && args[1].Args[0].IsConst(0):
		return args[1].Args[1]
	case op == kernel.OpMul && args[0].IsConst(1):
		return args[1]
	case op == kernel.OpMul && args[1].IsConst(1):
		return args[0]
	case op == kernel.OpMax && args[0].Bound.Lo >= args[1].Bound.Hi, op == kernel.OpMin && args[0].Bound.Hi <= args[1].Bound.Lo:
		return args[0]
	case op == kernel.OpMax && args[1].Bound.Lo >= args[0].Bound.Hi, op == kernel.OpMin && args[1].Bound.Hi <= args[0].Bound.Lo:
		return args[1]
	case op == kernel.OpAbs && args[0].Bound.Lo >= 0:
		return args[0]
	case op == kernel.OpSelect && args[0].Op == kernel.OpConst:
		if args[0].K != 0 {
			return args[1]
		}
		return args[2]
	}
	return nil
}

// boundOf is an interval that holds whatever the parameters and sizes: far
// weaker than a proof, but one compiled function serves every instance.
func (g *Graph) boundOf(n *Node) kernel.Interval {
	var x, y kernel.Interval
	if len(n.Args) > 0 {
		x = n.Args[0].Bound
	}
	if len(n.Args) > 1 {
		y = n.Args[1].Bound
	}
	b := whole
	switch n.Op {
	case kernel.OpConst:
		b = kernel.Point(int64(n.K))
	case kernel.OpRows, kernel.OpCols:
		b = kernel.Interval{Lo: 1, Hi: 1 << 30}
	case kernel.OpRow, kernel.OpCol:
		b = kernel.Interval{Lo: 0, Hi: 1 << 30}
	case kernel.OpLoad:
		b = g.kernel.Bufs[n.K].DType.Range()
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
		b = y.Hull(n.Args[2].Bound)
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
