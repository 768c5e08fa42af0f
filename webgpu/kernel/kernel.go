package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// DType is the storage type of a buffer. Values are widened to 32 bits when
// loaded; a store must be proved to fit.
type DType uint8

// The storage types, little-endian, two's complement.
const (
	I8 DType = iota + 1
	I16
	I32
)

// Size is the number of bytes of an element.
func (d DType) Size() int {
	switch d {
	case I8:
		return 1
	case I16:
		return 2
	case I32:
		return 4
	}
	return 0
}

// Range is the interval of values the type holds.
func (d DType) Range() Interval {
	switch d {
	case I8:
		return Interval{-128, 127}
	case I16:
		return Interval{-32768, 32767}
	default:
		return Interval{-1 << 31, 1<<31 - 1}
	}
}

// String returns i8, i16 or i32.
func (d DType) String() string {
	switch d {
	case I8:
		return "i8"
	case I16:
		return "i16"
	case I32:
		return "i32"
	}
	return "dtype?"
}

// Buf is a buffer of a kernel: an input (only loaded) or an output (only
// stored).
type Buf struct {
	Name  string
	DType DType
	Out   bool
}

// Store writes one value at every element of the iteration space (Index is
// Here) or at every row (Index is Row), so that every element of the output is
// stored exactly once. With Add set the index is free: the output starts as
// zeros and values are added.
type Store struct {
	Buf   int
	Index *Expr
	Value *Expr
	Add   bool
}

// Contraction says what Acc is: the sum over k of A[a(row)+k*AK] * B[b(row) +
// col*BN + k*BK]. Rows run over two batch dimensions and M: row = (b0*B1 +
// b1)*M + m. All its numbers are parameters, so that one compiled kernel
// serves every layout: normal, transposed, batched, strided.
type Contraction struct {
	A, B int // buffers, both I8
	// Parameter numbers.
	M, B1, K               int
	AOff, AB0, AB1, AM, AK int
	BOff, BB0, BB1, BN, BK int
}

// Kernel is one op's meaning, for any sizes and parameters.
type Kernel struct {
	Name     string
	Params   []string
	Bufs     []Buf
	Stores   []Store
	Contract *Contraction
	// Fan is how many adding stores may reach one element of an output; nil
	// without adding stores. The op's author answers for it.
	Fan *Expr

	memo atomic.Pointer[graph]
}

// New starts a kernel with the given parameters.
func New(name string, params ...string) *Kernel { return &Kernel{Name: name, Params: params} }

// P is the named parameter.
func (k *Kernel) P(name string) *Expr { return &Expr{Op: OpParam, K: int32(k.param(name))} }

func (k *Kernel) param(name string) int {
	for i, p := range k.Params {
		if p == name {
			return i
		}
	}
	panic("kernel: " + k.Name + " has no parameter " + name)
}

// Input declares an input and returns its number.
func (k *Kernel) Input(name string, t DType) int {
	k.Bufs = append(k.Bufs, Buf{Name: name, DType: t})
	return len(k.Bufs) - 1
}

// Output declares an output and returns its number. Outputs come after all
// inputs.
func (k *Kernel) Output(name string, t DType) int {
	k.Bufs = append(k.Bufs, Buf{Name: name, DType: t, Out: true})
	return len(k.Bufs) - 1
}

// At loads the element index of input buf.
func At(buf int, index *Expr) *Expr {
	return &Expr{Op: OpLoad, K: int32(buf), Args: []*Expr{index}}
}

// Here is the dense index of the current element: row*cols + col.
var Here = Add(Mul(Row, Cols), Col)

// Elem loads input buf at Here.
func Elem(buf int) *Expr { return At(buf, Here) }

// Put stores value at index of output buf.
func (k *Kernel) Put(buf int, index, value *Expr) {
	k.Stores = append(k.Stores, Store{Buf: buf, Index: index, Value: value})
}

// PutElem stores value at Here.
func (k *Kernel) PutElem(buf int, value *Expr) { k.Put(buf, Here, value) }

// AddTo adds value to index of output buf.
func (k *Kernel) AddTo(buf int, index, value *Expr) {
	k.Stores = append(k.Stores, Store{Buf: buf, Index: index, Value: value, Add: true})
}

// ContractParams are the parameters every matmul kernel begins with.
var ContractParams = []string{
	"m", "b1", "k",
	"a_off", "a_b0", "a_b1", "a_m", "a_k",
	"b_off", "b_b0", "b_b1", "b_n", "b_k",
}

// NewMatmul starts a matmul kernel: ContractParams and then params, inputs a
// and b declared.
func NewMatmul(name string, params ...string) *Kernel {
	k := New(name, append(append([]string(nil), ContractParams...), params...)...)
	a, b := k.Input("a", I8), k.Input("b", I8)
	k.Contract = &Contraction{
		A: a, B: b, M: 0, B1: 1, K: 2,
		AOff: 3, AB0: 4, AB1: 5, AM: 6, AK: 7,
		BOff: 8, BB0: 9, BB1: 10, BN: 11, BK: 12,
	}
	return k
}

// Form names the form of a kernel.
type Form string

// The four forms.
const (
	Map     Form = "map"
	RowForm Form = "rows"
	Matmul  Form = "matmul"
	Scatter Form = "scatter"
)

// Form tells the form of k.
func (k *Kernel) Form() Form {
	if k.Contract != nil {
		return Matmul
	}
	form := Map
	k.Walk(func(e *Expr) {
		if e.Op.IsReduce() && form == Map {
			form = RowForm
		}
	})
	for _, s := range k.Stores {
		if s.Add {
			form = Scatter
		}
	}
	return form
}

// IsReduce tells whether the operation is a reduction over the columns.
func (o Op) IsReduce() bool { return o == OpReduceOr || o == OpReduceMax || o == OpReduceSum }

// Walk calls f for every node of k once, arguments before their users.
func (k *Kernel) Walk(f func(*Expr)) {
	for _, e := range k.graph().order {
		f(e)
	}
}

// Level says what an expression varies with.
type Level uint8

// An expression is the same everywhere, the same along a row, or different at
// every column.
const (
	Uniform Level = iota
	PerRow
	PerCol
)

// Levels computes the level of every node of k.
func (k *Kernel) Levels() map[*Expr]Level {
	g := k.graph()
	levels := make(map[*Expr]Level, len(g.order))
	for _, e := range g.order {
		levels[e] = g.nodes[g.number[e]].level
	}
	return levels
}

var arity = [opCount]int{
	OpLoad: 1, OpAdd: 2, OpSub: 2, OpMul: 2, OpAnd: 2, OpOr: 2, OpXor: 2, OpShl: 2, OpSar: 2, OpLt: 2, OpEq: 2,
	OpSelect: 3, OpMin: 2, OpMax: 2, OpAbs: 1, OpBitLen: 1, OpDiv: 2, OpIsqrt: 1, OpRne: 2, OpShift: 2, OpRand: 2,
	OpReduceOr: 1, OpReduceMax: 1, OpReduceSum: 1,
}

// Check reports what is malformed about k, whatever its parameters.
func (k *Kernel) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("kernel: %s: "+format, append([]any{k.Name}, args...)...))
	}
	outs := 0
	for i, b := range k.Bufs {
		if b.Out {
			outs++
		} else if outs > 0 {
			bad("input %s (%d) comes after an output", b.Name, i)
		}
	}
	if c := k.Contract; c != nil {
		for _, b := range []int{c.A, c.B} {
			if b < 0 || b >= len(k.Bufs) || k.Bufs[b].Out || k.Bufs[b].DType != I8 {
				bad("contracts buffer %d, which is no i8 input", b)
			}
		}
	}
	g := k.graph()
	stored := map[int]int{}
	for _, s := range k.Stores {
		if s.Buf < 0 || s.Buf >= len(k.Bufs) || !k.Bufs[s.Buf].Out {
			bad("stores into buffer %d, which is no output", s.Buf)
			continue
		}
		stored[s.Buf]++
		if s.Add && k.Fan == nil {
			bad("adds into %s without a fan", k.Bufs[s.Buf].Name)
		}
		if s.Add && k.Contract != nil {
			bad("adds into %s in a contraction", k.Bufs[s.Buf].Name)
		}
		switch index := g.number[s.Index]; {
		case s.Add, index == g.here:
		case index != g.row:
			bad("stores %s neither at Here nor at Row", k.Bufs[s.Buf].Name)
		case g.nodes[g.number[s.Value]].level == PerCol:
			bad("stores %s once a row, a value that differs by column", k.Bufs[s.Buf].Name)
		}
	}
	for i, b := range k.Bufs {
		if b.Out && stored[i] != 1 {
			bad("output %s is stored by %d statements, want 1", b.Name, stored[i])
		}
	}
	for i := range g.nodes { // the fan's as well
		e := g.nodes[i].expr
		switch {
		case e.Op >= opCount || len(e.Args) != arity[e.Op]:
			bad("malformed %s", e.Op)
		case e.Op == OpParam && (e.K < 0 || int(e.K) >= len(k.Params)):
			bad("no parameter %d", e.K)
		case e.Op == OpLoad && (e.K < 0 || int(e.K) >= len(k.Bufs) || k.Bufs[e.K].Out):
			bad("loads from buffer %d, which is no input", e.K)
		case e.Op == OpAcc && k.Contract == nil:
			bad("uses the accumulator without a contraction")
		}
		if e.Op.IsReduce() && k.Contract != nil {
			bad("reduces over the columns of a contraction")
		}
	}
	return errors.Join(errs...)
}
