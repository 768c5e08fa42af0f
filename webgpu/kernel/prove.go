package kernel

import (
	"fmt"
	"math/bits"
)

// Interval is a closed range of values. Bounds are 64-bit so that a value
// leaving 32 bits can be seen.
type Interval struct{ Lo, Hi int64 }

// Point is the interval of one value.
func Point(v int64) Interval { return Interval{v, v} }

// Fits tells whether iv lies within limit.
func (iv Interval) Fits(limit Interval) bool { return iv.Lo >= limit.Lo && iv.Hi <= limit.Hi }

// Hull is the smallest interval holding both.
func (iv Interval) Hull(o Interval) Interval { return Interval{min(iv.Lo, o.Lo), max(iv.Hi, o.Hi)} }

func (iv Interval) abs() int64 { return max(-iv.Lo, iv.Hi) }

// String returns [lo, hi].
func (iv Interval) String() string { return fmt.Sprintf("[%d, %d]", iv.Lo, iv.Hi) }

var full = Interval{-1 << 31, 1<<31 - 1}

// Instance is a kernel with its numbers: what is proved, and what is run.
type Instance struct {
	Kernel     *Kernel
	Rows, Cols int
	Params     []int32
	Lens       []int      // elements of each buffer
	Ranges     []Interval // range of each input's values; outputs ignored
}

// Proof is what an instance is known to do.
type Proof struct {
	Outputs []Interval // per buffer; meaningful for outputs

	graph  *graph
	values []Interval // by node number
}

// Of is the interval of an expression of the proved kernel: printers drop what
// it makes needless.
func (p *Proof) Of(e *Expr) Interval {
	n, ok := p.graph.number[e]
	if !ok {
		panic("kernel: expression is not of the proved kernel")
	}
	return p.values[n]
}

// RangeError reports an expression that may leave its legal range.
type RangeError struct {
	Kernel string
	Op     Op
	Text   string
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("kernel: %s: %s: %s", e.Kernel, e.Op, e.Text)
}

// Prove carries an interval through every expression of the instance. It
// returns a *RangeError where a value could leave 32 bits, a shift count its
// range, a divisor could be below 1, an index leave its buffer, a stored value
// its type, or an element of an output be left out.
//
// Intervals know nothing of how values depend on one another, but for a few
// patterns that ops need: x - d*(x/d), ReduceMax(x) - x, a shift of x by
// BitLen(x) - b, and expressions met with themselves.
func Prove(in *Instance) (*Proof, error) {
	k := in.Kernel
	if len(in.Params) != len(k.Params) || len(in.Lens) != len(k.Bufs) || len(in.Ranges) != len(k.Bufs) {
		return nil, fmt.Errorf("kernel: %s: instance has %d parameters and %d buffers, want %d and %d", k.Name, len(in.Params), len(in.Lens), len(k.Params), len(k.Bufs))
	}
	if in.Rows < 1 || in.Cols < 1 || in.Rows > 1<<30 || in.Cols > 1<<30 {
		return nil, fmt.Errorf("kernel: %s: %d rows of %d columns: each must be 1 to 2^30", k.Name, in.Rows, in.Cols)
	}
	for i, b := range k.Bufs {
		if r := in.Ranges[i]; !b.Out && (r.Lo > r.Hi || !r.Fits(b.DType.Range())) {
			return nil, fmt.Errorf("kernel: %s: input %s has range %v, which is no range of %s", k.Name, b.Name, r, b.DType)
		}
	}
	g := k.graph()
	p := &prover{in: in, graph: g, proof: &Proof{
		Outputs: make([]Interval, len(k.Bufs)), graph: g, values: make([]Interval, len(g.nodes)),
	}}
	if k.Contract != nil {
		if err := p.contraction(); err != nil {
			return nil, err
		}
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		iv, err := p.eval(int32(i), n)
		if err != nil {
			return nil, err
		}
		if !iv.Fits(full) {
			return nil, p.fail(n.op, "value %v leaves 32 bits", iv)
		}
		p.proof.values[i] = iv
	}
	for _, s := range k.Stores {
		if err := p.store(s); err != nil {
			return nil, err
		}
	}
	return p.proof, nil
}

type prover struct {
	in    *Instance
	graph *graph
	proof *Proof
	acc   Interval
}

func (p *prover) fail(op Op, format string, args ...any) error {
	return &RangeError{Kernel: p.in.Kernel.Name, Op: op, Text: fmt.Sprintf(format, args...)}
}

func (p *prover) param(i int) int64 { return int64(p.in.Params[i]) }

// contraction bounds the accumulator and proves that every operand index lies
// in its buffer. The bound holds for every partial sum, in any order.
func (p *prover) contraction() error {
	c, in := p.in.Kernel.Contract, p.in
	m, b1, k := p.param(c.M), p.param(c.B1), p.param(c.K)
	if m < 1 || b1 < 1 || k < 1 {
		return p.fail(OpAcc, "m, b1, k = %d, %d, %d: each must be at least 1", m, b1, k)
	}
	if int64(in.Rows)%(m*b1) != 0 {
		return p.fail(OpAcc, "%d rows are not a multiple of b1*m = %d", in.Rows, m*b1)
	}
	b0 := int64(in.Rows) / (m * b1)
	span := func(name string, buf int, off int, terms ...[2]int64) error {
		lo, hi := p.param(off), p.param(off)
		for _, t := range terms { // extent, stride parameter
			reach := (t[0] - 1) * p.param(int(t[1]))
			if max(reach, -reach) > 1<<32 { // no buffer is as large; the sums below stay small
				return p.fail(OpAcc, "operand %s reads %d elements away", name, reach)
			}
			lo, hi = lo+min(reach, 0), hi+max(reach, 0)
		}
		if lo < 0 || hi >= int64(in.Lens[buf]) {
			return p.fail(OpAcc, "operand %s reads elements %d to %d of %d", name, lo, hi, in.Lens[buf])
		}
		return nil
	}
	if err := span("a", c.A, c.AOff, [2]int64{b0, int64(c.AB0)}, [2]int64{b1, int64(c.AB1)}, [2]int64{m, int64(c.AM)}, [2]int64{k, int64(c.AK)}); err != nil {
		return err
	}
	if err := span("b", c.B, c.BOff, [2]int64{b0, int64(c.BB0)}, [2]int64{b1, int64(c.BB1)}, [2]int64{int64(in.Cols), int64(c.BN)}, [2]int64{k, int64(c.BK)}); err != nil {
		return err
	}
	x := mul(in.Ranges[c.A], in.Ranges[c.B])
	p.acc = Interval{min(x.Lo*k, 0), max(x.Hi*k, 0)}
	return nil
}

func (p *prover) store(s Store) error {
	k, in := p.in.Kernel, p.in
	b := k.Bufs[s.Buf]
	iv, idx := p.proof.Of(s.Value), p.proof.Of(s.Index)
	if idx.Lo < 0 || idx.Hi >= int64(in.Lens[s.Buf]) {
		return p.fail(s.Index.Op, "output %s is stored at %v of %d elements", b.Name, idx, in.Lens[s.Buf])
	}
	if s.Add {
		fan := p.proof.Of(k.Fan)
		if fan.Lo != fan.Hi || fan.Lo < 1 {
			return p.fail(k.Fan.Op, "fan %v is not one number above 0", fan)
		}
		iv = Interval{min(iv.Lo*fan.Lo, 0), max(iv.Hi*fan.Lo, 0)}
	} else if n := int64(in.Lens[s.Buf]); idx.Lo != 0 || idx.Hi != n-1 {
		// Check saw to it that the index is Row or Here, so equal bounds mean
		// that every element is stored once.
		return p.fail(s.Index.Op, "output %s is stored at %v, which leaves some of %d elements out", b.Name, idx, n)
	}
	if !iv.Fits(b.DType.Range()) {
		return p.fail(s.Value.Op, "output %s holds %v, which does not fit %s", b.Name, iv, b.DType)
	}
	p.proof.Outputs[s.Buf] = iv
	return nil
}

func mul(a, b Interval) Interval {
	w, x, y, z := a.Lo*b.Lo, a.Lo*b.Hi, a.Hi*b.Lo, a.Hi*b.Hi
	return Interval{min(w, x, y, z), max(w, x, y, z)}
}

// bitsHull is [0, 2^n-1] with n the bits of hi.
func bitsHull(hi int64) Interval { return Interval{0, 1<<bits.Len64(uint64(hi)) - 1} }

// RoundShift is x / 2^s rounded half to even, s >= 1: what OpRne means.
func RoundShift(x int64, s uint) int64 {
	return (x + (int64(1)<<(s-1) - 1) + ((x >> s) & 1)) >> s
}

// ShiftValue is what OpShift means.
func ShiftValue(x, s int64) int64 {
	switch {
	case s > 30:
		return 0
	case s > 0:
		return RoundShift(x, uint(s))
	}
	n := uint(min(-s, 30))
	limit := int64(Sat) >> n
	return max(min(x, limit), -limit) << n
}

// eval is the interval of node i, given those of its arguments, which lie
// within 32 bits: products and sums of two cannot leave 64.
func (p *prover) eval(i int32, e *gnode) (Interval, error) {
	var a [3]Interval
	for j, n := range e.args {
		if n >= 0 {
			a[j] = p.proof.values[n]
		}
	}
	x, y := a[0], a[1]
	same := e.args[0] == e.args[1]
	switch e.op {
	case OpConst:
		return Point(int64(e.k)), nil
	case OpParam:
		return Point(p.param(int(e.k))), nil
	case OpRows:
		return Point(int64(p.in.Rows)), nil
	case OpCols:
		return Point(int64(p.in.Cols)), nil
	case OpRow:
		return Interval{0, int64(p.in.Rows) - 1}, nil
	case OpCol:
		return Interval{0, int64(p.in.Cols) - 1}, nil
	case OpAcc:
		return p.acc, nil
	case OpLoad:
		if x.Lo < 0 || x.Hi >= int64(p.in.Lens[e.k]) {
			return x, p.fail(e.op, "%s is read at %v of %d elements", p.in.Kernel.Bufs[e.k].Name, x, p.in.Lens[e.k])
		}
		return p.in.Ranges[e.k], nil
	case OpAdd:
		return Interval{x.Lo + y.Lo, x.Hi + y.Hi}, nil
	case OpSub:
		return p.difference(e, x, y), nil
	case OpMul:
		return p.product(i, e, x, y), nil
	case OpAnd:
		switch {
		case x.Lo >= 0 && y.Lo >= 0:
			return Interval{0, min(x.Hi, y.Hi)}, nil
		case y.Lo >= 0:
			return Interval{0, y.Hi}, nil
		case x.Lo >= 0:
			return Interval{0, x.Hi}, nil
		}
		return full, nil
	case OpOr, OpXor:
		switch {
		case same && e.op == OpXor:
			return Point(0), nil
		case x.Lo >= 0 && y.Lo >= 0:
			return bitsHull(x.Hi | y.Hi), nil
		}
		return full, nil
	case OpShl, OpSar:
		if y.Lo < 0 || y.Hi > 31 {
			return x, p.fail(e.op, "shift count %v leaves 0..31", y)
		}
		if e.op == OpShl {
			return Interval{min(x.Lo<<y.Lo, x.Lo<<y.Hi), max(x.Hi<<y.Lo, x.Hi<<y.Hi)}, nil
		}
		return Interval{min(x.Lo>>y.Lo, x.Lo>>y.Hi), max(x.Hi>>y.Lo, x.Hi>>y.Hi)}, nil
	case OpLt:
		switch {
		case x.Hi < y.Lo:
			return Point(1), nil
		case x.Lo >= y.Hi || same:
			return Point(0), nil
		}
		return Interval{0, 1}, nil
	case OpEq:
		switch {
		case x.Hi < y.Lo || x.Lo > y.Hi:
			return Point(0), nil
		case same || x == y && x.Lo == x.Hi:
			return Point(1), nil
		}
		return Interval{0, 1}, nil
	case OpSelect:
		switch {
		case x == Point(0):
			return a[2], nil
		case x.Lo > 0 || x.Hi < 0:
			return y, nil
		}
		return y.Hull(a[2]), nil
	case OpMin:
		return Interval{min(x.Lo, y.Lo), min(x.Hi, y.Hi)}, nil
	case OpMax:
		return Interval{max(x.Lo, y.Lo), max(x.Hi, y.Hi)}, nil
	case OpAbs:
		if x.Lo == full.Lo {
			return x, p.fail(e.op, "argument %v may be -2^31", x)
		}
		lo := int64(0)
		if x.Lo > 0 {
			lo = x.Lo
		} else if x.Hi < 0 {
			lo = -x.Hi
		}
		return Interval{lo, x.abs()}, nil
	case OpBitLen:
		if x.Lo < 0 {
			return x, p.fail(e.op, "argument %v may be negative", x)
		}
		return Interval{int64(bits.Len64(uint64(x.Lo))), int64(bits.Len64(uint64(x.Hi)))}, nil
	case OpDiv:
		if x.Lo < 0 || y.Lo < 1 {
			return x, p.fail(e.op, "dividend %v may be negative or divisor %v below 1", x, y)
		}
		return Interval{x.Lo / y.Hi, x.Hi / y.Lo}, nil
	case OpIsqrt:
		if x.Lo < 0 {
			return x, p.fail(e.op, "argument %v may be negative", x)
		}
		return Interval{isqrt(x.Lo), isqrt(x.Hi)}, nil
	case OpRne:
		if y.Lo < 1 || y.Hi > 30 {
			return x, p.fail(e.op, "shift count %v leaves 1..30", y)
		}
		if err := p.roundable(e, x, y.Hi); err != nil {
			return x, err
		}
		iv := Interval{
			min(RoundShift(x.Lo, uint(y.Lo)), RoundShift(x.Lo, uint(y.Hi))),
			max(RoundShift(x.Hi, uint(y.Lo)), RoundShift(x.Hi, uint(y.Hi))),
		}
		return p.normalised(e, x, iv), nil
	case OpShift:
		if err := p.roundable(e, x, min(y.Hi, 30)); err != nil {
			return x, err
		}
		return p.normalised(e, x, shiftRange(x, y)), nil
	case OpRand:
		return full, nil
	case OpReduceOr:
		if x.Lo < 0 {
			return x, p.fail(e.op, "argument %v may be negative", x)
		}
		return Interval{x.Lo, bitsHull(x.Hi).Hi}, nil
	case OpReduceMax:
		return x, nil
	case OpReduceSum:
		n := int64(p.in.Cols)
		return Interval{x.Lo * n, x.Hi * n}, nil
	}
	return x, p.fail(e.op, "unknown operation")
}

// difference is the interval of x - y.
func (p *prover) difference(e *gnode, x, y Interval) Interval {
	g := p.graph
	iv := Interval{x.Lo - y.Hi, x.Hi - y.Lo}
	if e.args[0] == e.args[1] {
		return Point(0)
	}
	if dividend, d, ok := g.quotient(e.args[1]); ok && dividend == e.args[0] { // a remainder
		return Interval{0, min(x.Hi, p.proof.values[d].Hi-1)}
	}
	if m := &g.nodes[e.args[0]]; m.op == OpReduceMax && m.args[0] == e.args[1] { // the distance from the maximum
		iv.Lo = 0
	}
	return iv
}

// product is the interval of x * y.
func (p *prover) product(i int32, e *gnode, x, y Interval) Interval {
	iv := mul(x, y)
	if e.args[0] == e.args[1] {
		lo := max(x.Lo, -x.Hi, 0) // the least magnitude
		iv.Lo = lo * lo
	}
	if dividend, d, ok := p.graph.quotient(i); ok { // x/d*d is at most x, and above x-d
		x, d := p.proof.values[dividend], p.proof.values[d]
		return Interval{max(iv.Lo, x.Lo-d.Hi+1), min(iv.Hi, x.Hi)}
	}
	return iv
}

// normalised narrows the interval of a shift that brings x >= 0 to b bits: its
// count is BitLen(x) - b. A value above 0 then has its top bit at b, or is 2^b
// where rounding carried.
func (p *prover) normalised(e *gnode, x, iv Interval) Interval {
	g := p.graph
	s := &g.nodes[e.args[1]]
	if s.op != OpSub {
		return iv
	}
	n, c := &g.nodes[s.args[0]], &g.nodes[s.args[1]]
	if n.op != OpBitLen || n.args[0] != e.args[0] || c.op != OpConst || c.k < 1 || c.k > 30 {
		return iv
	}
	iv.Hi = min(iv.Hi, 1<<c.k)
	if x.Lo > 0 {
		iv.Lo = max(iv.Lo, 1<<(c.k-1))
	}
	return iv
}

// shiftRange is the interval of OpShift. For one s the result grows with x.
// For one x it moves from the saturated value through x*2^-s towards 0, except
// that a saturated value shrinks again as s falls, because it is a multiple of
// 2^-s: so the extremes lie at the ends of s, at s = 1, or at saturation.
func shiftRange(x, s Interval) Interval {
	at := func(s int64) Interval { return Interval{ShiftValue(x.Lo, s), ShiftValue(x.Hi, s)} }
	iv := at(s.Lo).Hull(at(s.Hi))
	if s.Lo < 1 && s.Hi > 1 { // -2^31/2 is below -Sat
		iv = iv.Hull(at(1))
	}
	if s.Lo <= 0 {
		n := min(-s.Lo, 30)
		if x.Hi > Sat>>n {
			iv.Hi = max(iv.Hi, min(Sat, x.Hi<<n))
		}
		if x.Lo < -(Sat >> n) {
			iv.Lo = min(iv.Lo, max(-Sat, x.Lo<<n))
		}
	}
	return iv
}

// roundable checks that adding the rounding half does not leave 32 bits.
func (p *prover) roundable(e *gnode, x Interval, s int64) error {
	if s < 1 {
		return nil
	}
	if half := int64(1) << (s - 1); x.Hi+half > full.Hi {
		return p.fail(e.op, "argument %v plus half of 2^%d leaves 32 bits", x, s)
	}
	return nil
}

func isqrt(x int64) int64 {
	var r int64
	for b := int64(1) << 31; b > 0; b >>= 1 {
		if t := r | b; t*t <= x {
			r = t
		}
	}
	return r
}

// Isqrt32 is floor(sqrt(x)) for x >= 0: what OpIsqrt means.
func Isqrt32(x int32) int32 { return int32(isqrt(int64(x))) }

// RandValue is what OpRand means: the PCG-RXS-M-XS-32 output of x + y
// (O'Neill 2014, section 6.3.4), all modulo 2^32.
func RandValue(x, y int32) int32 {
	s := (uint32(x)+uint32(y))*747796405 + 2891336453
	w := ((s >> ((s >> 28) + 4)) ^ s) * 277803737
	return int32((w >> 22) ^ w)
}
