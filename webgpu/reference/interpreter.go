package reference

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Interpret runs one proved kernel instance. bufs are the kernel's buffers,
// little-endian and dense; outputs must be zeroed. It panics when a value
// leaves 32 bits: then the proof was wrong.
func Interpret(ctx context.Context, in *kernel.Instance, bufs [][]byte) error {
	m := newMachine(in, bufs)
	for r := range in.Rows {
		if r&63 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		m.row(r)
	}
	return nil
}

// machine evaluates a kernel with one value slot per expression node.
type machine struct {
	in    *kernel.Instance
	bufs  [][]byte
	slots map[*kernel.Expr]int
	vals  []int64

	perRow []step  // in order; a reduction's step holds the column steps of its argument
	stores []store // column stores hold their column steps
	aBase  int     // operand a's offset at this row
	bBase  int
}

// step evaluates one node. Its arguments were evaluated before.
type step struct {
	e    *kernel.Expr
	slot int
	args []int
	cols []step // for a reduction: what to evaluate at every column
}

type store struct {
	kernel.Store
	index, value int
	perCol       bool
}

func newMachine(in *kernel.Instance, bufs [][]byte) *machine {
	m := &machine{in: in, bufs: bufs, slots: map[*kernel.Expr]int{}}
	levels := in.Kernel.Levels()
	var order []*kernel.Expr
	in.Kernel.Walk(func(e *kernel.Expr) {
		m.slots[e] = len(order)
		order = append(order, e)
	})
	m.vals = make([]int64, len(order))
	newStep := func(e *kernel.Expr) step {
		s := step{e: e, slot: m.slots[e]}
		for _, a := range e.Args {
			s.args = append(s.args, m.slots[a])
		}
		return s
	}
	// columns lists the per-column nodes that the roots need, in order.
	columns := func(roots ...*kernel.Expr) []step {
		need := map[*kernel.Expr]bool{}
		var visit func(*kernel.Expr)
		visit = func(e *kernel.Expr) {
			if levels[e] != kernel.PerCol || need[e] {
				return
			}
			need[e] = true
			for _, a := range e.Args {
				visit(a)
			}
		}
		for _, r := range roots {
			visit(r)
		}
		var steps []step
		for _, e := range order {
			if need[e] {
				steps = append(steps, newStep(e))
			}
		}
		return steps
	}
	for _, e := range order {
		if levels[e] == kernel.PerCol {
			continue
		}
		s := newStep(e)
		if e.Op.IsReduce() {
			s.cols = columns(e.Args[0])
		}
		m.perRow = append(m.perRow, s)
	}
	var roots []*kernel.Expr
	for _, s := range in.Kernel.Stores {
		st := store{Store: s, index: m.slots[s.Index], value: m.slots[s.Value]}
		st.perCol = max(levels[s.Index], levels[s.Value]) == kernel.PerCol
		if st.perCol {
			roots = append(roots, s.Index, s.Value)
		}
		m.stores = append(m.stores, st)
	}
	m.perRow = append(m.perRow, step{cols: columns(roots...)}) // the last step: the stores' columns
	return m
}

// row evaluates row r: uniforms and row values in order, every reduction over
// all columns where it stands, then the stores.
func (m *machine) row(r int) {
	if c := m.in.Kernel.Contract; c != nil {
		p := func(i int) int { return int(m.in.Params[i]) }
		batch, row := r/p(c.M), r%p(c.M)
		b0, b1 := batch/p(c.B1), batch%p(c.B1)
		m.aBase = p(c.AOff) + b0*p(c.AB0) + b1*p(c.AB1) + row*p(c.AM)
		m.bBase = p(c.BOff) + b0*p(c.BB0) + b1*p(c.BB1)
	}
	last := len(m.perRow) - 1
	for _, s := range m.perRow[:last] {
		if !s.e.Op.IsReduce() {
			m.eval(s, r, 0)
			continue
		}
		arg := s.args[0]
		for c := range m.in.Cols {
			for _, cs := range s.cols {
				m.eval(cs, r, c)
			}
			v := m.vals[arg]
			if c == 0 {
				m.vals[s.slot] = v
				continue
			}
			switch acc := &m.vals[s.slot]; s.e.Op {
			case kernel.OpReduceOr:
				*acc |= v
			case kernel.OpReduceMax:
				*acc = max(*acc, v)
			default:
				*acc += v
			}
		}
		m.check(s)
	}
	for _, st := range m.stores {
		if !st.perCol {
			m.put(st)
		}
	}
	for c := range m.in.Cols {
		for _, cs := range m.perRow[last].cols {
			m.eval(cs, r, c)
		}
		for _, st := range m.stores {
			if st.perCol {
				m.put(st)
			}
		}
	}
}

func (m *machine) check(s step) {
	if v := m.vals[s.slot]; v != int64(int32(v)) {
		panic(fmt.Sprintf("reference: %s: %s = %d leaves 32 bits: the proof is wrong", m.in.Kernel.Name, s.e.Op, v))
	}
}

func (m *machine) put(st store) {
	i, v := m.vals[st.index], int32(m.vals[st.value])
	b := m.bufs[st.Buf]
	t := m.in.Kernel.Bufs[st.Buf].DType
	if st.Add {
		v += load(b, t, i)
	}
	switch t {
	case kernel.I8:
		b[i] = byte(v)
	case kernel.I16:
		b[2*i], b[2*i+1] = byte(v), byte(v>>8)
	default:
		b[4*i], b[4*i+1], b[4*i+2], b[4*i+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
}

func load(b []byte, t kernel.DType, i int64) int32 {
	switch t {
	case kernel.I8:
		return int32(int8(b[i]))
	case kernel.I16:
		return int32(int16(uint16(b[2*i]) | uint16(b[2*i+1])<<8))
	default:
		return int32(uint32(b[4*i]) | uint32(b[4*i+1])<<8 | uint32(b[4*i+2])<<16 | uint32(b[4*i+3])<<24)
	}
}

// eval computes one node at (r, c) in 64 bits and checks that it fits 32.
func (m *machine) eval(s step, r, c int) {
	var x, y int64
	if len(s.args) > 0 {
		x = m.vals[s.args[0]]
	}
	if len(s.args) > 1 {
		y = m.vals[s.args[1]]
	}
	v := &m.vals[s.slot]
	switch s.e.Op {
	case kernel.OpConst:
		*v = int64(s.e.K)
	case kernel.OpParam:
		*v = int64(m.in.Params[s.e.K])
	case kernel.OpRows:
		*v = int64(m.in.Rows)
	case kernel.OpCols:
		*v = int64(m.in.Cols)
	case kernel.OpRow:
		*v = int64(r)
	case kernel.OpCol:
		*v = int64(c)
	case kernel.OpLoad:
		*v = int64(load(m.bufs[s.e.K], m.in.Kernel.Bufs[s.e.K].DType, x))
	case kernel.OpAcc:
		*v = m.contract(c)
	case kernel.OpAdd:
		*v = x + y
	case kernel.OpSub:
		*v = x - y
	case kernel.OpMul:
		*v = x * y
	case kernel.OpAnd:
		*v = x & y
	case kernel.OpOr:
		*v = x | y
	case kernel.OpXor:
		*v = x ^ y
	case kernel.OpShl:
		*v = x << y
	case kernel.OpSar:
		*v = x >> y
	case kernel.OpLt:
		*v = truth(x < y)
	case kernel.OpEq:
		*v = truth(x == y)
	case kernel.OpSelect:
		*v = m.vals[s.args[2]]
		if x != 0 {
			*v = y
		}
	case kernel.OpMin:
		*v = min(x, y)
	case kernel.OpMax:
		*v = max(x, y)
	case kernel.OpAbs:
		*v = max(x, -x)
	case kernel.OpBitLen:
		*v = int64(bits.Len64(uint64(x)))
	case kernel.OpDiv:
		*v = x / y
	case kernel.OpIsqrt:
		*v = int64(kernel.Isqrt32(int32(x)))
	case kernel.OpRne:
		*v = kernel.RoundShift(x, uint(y))
	case kernel.OpShift:
		*v = kernel.ShiftValue(x, y)
	case kernel.OpRand:
		*v = int64(kernel.RandValue(int32(x), int32(y)))
	}
	m.check(s)
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// contract is the accumulator at column c of the current row.
func (m *machine) contract(c int) int64 {
	k := m.in.Kernel.Contract
	p := func(i int) int { return int(m.in.Params[i]) }
	a, b := m.bufs[k.A], m.bufs[k.B]
	ai, bi, as, bs := m.aBase, m.bBase+c*p(k.BN), p(k.AK), p(k.BK)
	var sum int64
	for range p(k.K) {
		sum += int64(int8(a[ai])) * int64(int8(b[bi]))
		ai, bi = ai+as, bi+bs
	}
	return sum
}
