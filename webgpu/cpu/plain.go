package cpu

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// plain is a routine in Go: a kernel as a list of instructions, each of which
// works on a stretch of columns at once, so that the cost of interpreting is
// shared by many elements.
type plain struct {
	in   *kernel.Instance
	code []instruction // values that are the same along a row, in order
	last []instruction // what the stores need at every column
	st   []plainStore
	n    int // value slots
}

// stretch is how many columns an instruction computes at once.
const stretch = 256

// instruction computes one node. A reduction carries the instructions of its
// argument.
type instruction struct {
	op   kernel.Op
	k    int32
	dst  int
	args []int
	wide bool // a value for every column
	cols []instruction
}

type plainStore struct {
	kernel.Store
	index, value int
	wide         bool
}

func newPlain(in *kernel.Instance) *plain {
	p := &plain{in: in}
	k := in.Kernel
	levels := k.Levels()
	slots := map[*kernel.Expr]int{}
	var order []*kernel.Expr
	k.Walk(func(e *kernel.Expr) {
		slots[e] = len(order)
		order = append(order, e)
	})
	p.n = len(order)
	instr := func(e *kernel.Expr) instruction {
		i := instruction{op: e.Op, k: e.K, dst: slots[e], wide: levels[e] == kernel.PerCol}
		for _, a := range e.Args {
			i.args = append(i.args, slots[a])
		}
		return i
	}
	columns := func(roots ...*kernel.Expr) []instruction {
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
		var code []instruction
		for _, e := range order {
			if need[e] {
				code = append(code, instr(e))
			}
		}
		return code
	}
	for _, e := range order {
		if levels[e] == kernel.PerCol {
			continue
		}
		i := instr(e)
		if e.Op.IsReduce() {
			i.cols = columns(e.Args[0])
		}
		p.code = append(p.code, i)
	}
	var roots []*kernel.Expr
	for _, s := range k.Stores {
		st := plainStore{Store: s, index: slots[s.Index], value: slots[s.Value]}
		st.wide = max(levels[s.Index], levels[s.Value]) == kernel.PerCol
		if st.wide {
			roots = append(roots, s.Index, s.Value)
		}
		p.st = append(p.st, st)
	}
	p.last = columns(roots...)
	return p
}

func (p *plain) needs() clang.Needs {
	for _, s := range p.st {
		if s.Add {
			return clang.Needs{Adds: true}
		}
	}
	return clang.Needs{}
}

// frame is the state of one call: a stretch of values for every slot. Slots
// that are the same along a row are filled with copies, so that instructions
// need not tell them apart.
type frame struct {
	*plain
	bufs []([]byte)
	vals [][]int32
	row  int
	col  int // first column of the stretch
	dot  *dotter
}

func (p *plain) run(c *call) {
	f := &frame{plain: p, bufs: c.bufs, vals: make([][]int32, p.n)}
	width := min(stretch, p.in.Cols)
	all := make([]int32, width*p.n)
	for i := range f.vals {
		f.vals[i] = all[i*width : (i+1)*width]
	}
	if p.in.Kernel.Contract != nil {
		f.dot = newDotter(p.in, c.bufs)
	}
	for f.row = int(c.args.row0); f.row < int(c.args.row1); f.row++ {
		f.runRow(width)
	}
}

func (f *frame) runRow(width int) {
	if f.dot != nil {
		f.dot.row(f.row)
	}
	for i := range f.code {
		x := &f.code[i]
		if x.op.IsReduce() {
			f.reduce(x, width)
			continue
		}
		f.eval(x, 1)
		f.fill(x.dst)
	}
	for _, s := range f.st {
		if !s.wide {
			f.store(s, 1)
		}
	}
	if len(f.last) == 0 && !slices.ContainsFunc(f.st, func(s plainStore) bool { return s.wide }) {
		return
	}
	for f.col = 0; f.col < f.in.Cols; f.col += width {
		n := min(width, f.in.Cols-f.col)
		for i := range f.last {
			f.eval(&f.last[i], n)
		}
		for _, s := range f.st {
			if s.wide {
				f.store(s, n)
			}
		}
	}
}

// fill copies the first element of a slot to the others.
func (f *frame) fill(slot int) {
	v := f.vals[slot]
	x := v[0]
	for i := range v {
		v[i] = x
	}
}

func (f *frame) reduce(x *instruction, width int) {
	var acc int32
	if x.op == kernel.OpReduceMax {
		acc = math.MinInt32
	}
	for f.col = 0; f.col < f.in.Cols; f.col += width {
		n := min(width, f.in.Cols-f.col)
		for i := range x.cols {
			f.eval(&x.cols[i], n)
		}
		v := f.vals[x.args[0]][:n]
		switch x.op {
		case kernel.OpReduceOr:
			for _, a := range v {
				acc |= a
			}
		case kernel.OpReduceMax:
			for _, a := range v {
				acc = max(acc, a)
			}
		default:
			for _, a := range v {
				acc += a
			}
		}
	}
	f.vals[x.dst][0] = acc
	f.fill(x.dst)
}

func (f *frame) store(s plainStore, n int) {
	idx, v, b := f.vals[s.index][:n], f.vals[s.value][:n], f.bufs[s.Buf]
	switch f.in.Kernel.Bufs[s.Buf].DType {
	case kernel.I8:
		for i, at := range idx {
			x := v[i]
			if s.Add {
				x += int32(int8(b[at]))
			}
			b[at] = byte(x)
		}
	case kernel.I16:
		for i, at := range idx {
			x, p := v[i], b[2*int(at):]
			if s.Add {
				x += int32(int16(binary.LittleEndian.Uint16(p)))
			}
			binary.LittleEndian.PutUint16(p, uint16(x))
		}
	default:
		for i, at := range idx {
			x, p := v[i], b[4*int(at):]
			if s.Add {
				x += int32(binary.LittleEndian.Uint32(p))
			}
			binary.LittleEndian.PutUint32(p, uint32(x))
		}
	}
}

// eval computes n elements of one node. Everything it computes was proved to
// stay within 32 bits, but for the intermediate results of rounding.
func (f *frame) eval(x *instruction, n int) {
	d := f.vals[x.dst][:n]
	var a, b, c []int32
	switch len(x.args) {
	case 3:
		c = f.vals[x.args[2]][:n]
		fallthrough
	case 2:
		b = f.vals[x.args[1]][:n]
		fallthrough
	case 1:
		a = f.vals[x.args[0]][:n]
	}
	switch x.op {
	case kernel.OpConst:
		d[0] = x.k
	case kernel.OpParam:
		d[0] = f.in.Params[x.k]
	case kernel.OpRows:
		d[0] = int32(f.in.Rows)
	case kernel.OpCols:
		d[0] = int32(f.in.Cols)
	case kernel.OpRow:
		d[0] = int32(f.row)
	case kernel.OpCol:
		for i := range d {
			d[i] = int32(f.col + i)
		}
	case kernel.OpAcc:
		copy(d, f.dot.sums[f.col:])
	case kernel.OpLoad:
		f.load(x, d, a)
	case kernel.OpAdd:
		for i := range d {
			d[i] = a[i] + b[i]
		}
	case kernel.OpSub:
		for i := range d {
			d[i] = a[i] - b[i]
		}
	case kernel.OpMul:
		for i := range d {
			d[i] = a[i] * b[i]
		}
	case kernel.OpAnd:
		for i := range d {
			d[i] = a[i] & b[i]
		}
	case kernel.OpOr:
		for i := range d {
			d[i] = a[i] | b[i]
		}
	case kernel.OpXor:
		for i := range d {
			d[i] = a[i] ^ b[i]
		}
	case kernel.OpShl:
		for i := range d {
			d[i] = a[i] << (b[i] & 31)
		}
	case kernel.OpSar:
		for i := range d {
			d[i] = a[i] >> (b[i] & 31)
		}
	case kernel.OpLt:
		for i := range d {
			d[i] = truth(a[i] < b[i])
		}
	case kernel.OpEq:
		for i := range d {
			d[i] = truth(a[i] == b[i])
		}
	case kernel.OpSelect:
		for i := range d {
			v := c[i]
			if a[i] != 0 {
				v = b[i]
			}
			d[i] = v
		}
	case kernel.OpMin:
		for i := range d {
			d[i] = min(a[i], b[i])
		}
	case kernel.OpMax:
		for i := range d {
			d[i] = max(a[i], b[i])
		}
	case kernel.OpAbs:
		for i := range d {
			d[i] = max(a[i], -a[i])
		}
	case kernel.OpBitLen:
		for i := range d {
			d[i] = int32(bits.Len32(uint32(a[i])))
		}
	case kernel.OpDiv:
		for i := range d {
			d[i] = int32(uint32(a[i]) / uint32(b[i]))
		}
	case kernel.OpIsqrt:
		for i := range d {
			d[i] = kernel.Isqrt32(a[i])
		}
	case kernel.OpRne:
		for i := range d {
			d[i] = int32(kernel.RoundShift(int64(a[i]), uint(b[i])))
		}
	case kernel.OpShift:
		for i := range d {
			d[i] = int32(kernel.ShiftValue(int64(a[i]), int64(b[i])))
		}
	case kernel.OpRand:
		for i := range d {
			d[i] = kernel.RandValue(a[i], b[i])
		}
	}
}

func truth(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

func (f *frame) load(x *instruction, d, idx []int32) {
	b := f.bufs[x.k]
	switch f.in.Kernel.Bufs[x.k].DType {
	case kernel.I8:
		for i, at := range idx {
			d[i] = int32(int8(b[at]))
		}
	case kernel.I16:
		for i, at := range idx {
			d[i] = int32(int16(binary.LittleEndian.Uint16(b[2*int(at):])))
		}
	default:
		for i, at := range idx {
			d[i] = int32(binary.LittleEndian.Uint32(b[4*int(at):]))
		}
	}
}
