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
	// Values holds the interval of every node: printers drop what it makes
	// needless.
	Values map[*Expr]Interval
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
// range, a divisor could be below 1, an index leave its buffer, or a stored
// value its type.
func Prove(in *Instance) (*Proof, error) {
	k := in.Kernel
	if len(in.Params) != len(k.Params) || len(in.Lens) != len(k.Bufs) || len(in.Ranges) != len(k.Bufs) {
		return nil, fmt.Errorf("kernel: %s: instance has %d parameters and %d buffers, want %d and %d", k.Name, len(in.Params), len(in.Lens), len(k.Params), len(k.Bufs))
	}
	if in.Rows < 1 || in.Cols < 1 || in.Rows > 1<<30 || in.Cols > 1<<30 {
		return nil, fmt.Errorf("kernel: %s: %d rows of %d columns: each must be 1 to 2^30", k.Name, in.Rows, in.Cols)
	}
	p := &prover{in: in, proof: &Proof{Outputs: make([]Interval, len(k.Bufs)), Values: map[*Expr]Interval{}}}
	if k.Contract != nil {
		if err := p.contraction(); err != nil {
			return nil, err
		}
	}
	var err error
	k.Walk(func(e *Expr) {
		if err != nil {
			return
		}
		var iv Interval
		iv, err = p.eval(e)
		if err == nil && !iv.Fits(full) {
			err = p.fail(e, "value %v leaves 32 bits", iv)
		}
		p.proof.Values[e] = iv
	})
	if err != nil {
		return nil, err
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
	proof *Proof
	acc   Interval
}

func (p *prover) fail(e *Expr, format string, args ...any) error {
	return &RangeError{Kernel: p.in.Kernel.Name, Op: e.Op, Text: fmt.Sprintf(format, args...)}
}

func (p *prover) param(i int) int64 { return int64(p.in.Params[i]) }

// contraction bounds the accumulator and proves that every operand index lies
// in its buffer.
func (p *prover) contraction() error {
	c, in := p.in.Kernel.Contract, p.in
	e := &Expr{Op: OpAcc}
	m, b1, k := p.param(c.M), p.param(c.B1), p.param(c.K)
	if m < 1 || b1 < 1 || k < 1 {
		return p.fail(e, "m, b1, k = %d, %d, %d: each must be at least 1", m, b1, k)
	}
	if int64(in.Rows)%(m*b1) != 0 {
		return p.fail(e, "%d rows are not a multiple of b1*m = %d", in.Rows, m*b1)
	}
	b0 := int64(in.Rows) / (m * b1)
	span := func(name string, buf int, off int, terms ...[2]int64) error {
		lo, hi := p.param(off), p.param(off)
		for _, t := range terms { // extent, stride parameter
			reach := (t[0] - 1) * p.param(int(t[1]))
			lo, hi = lo+min(reach, 0), hi+max(reach, 0)
		}
		if lo < 0 || hi >= int64(in.Lens[buf]) {
			return p.fail(e, "operand %s reads elements %d to %d of %d", name, lo, hi, in.Lens[buf])
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
	iv := p.proof.Values[s.Value]
	if idx := p.proof.Values[s.Index]; idx.Lo < 0 || idx.Hi >= int64(in.Lens[s.Buf]) {
		return p.fail(s.Index, "output %s is stored at %v of %d elements", b.Name, idx, in.Lens[s.Buf])
	}
	if s.Add {
		fan, err := p.uniform(k.Fan)
		if err != nil {
			return err
		}
		iv = Interval{min(iv.Lo*fan, 0), max(iv.Hi*fan, 0)}
	}
	if !iv.Fits(b.DType.Range()) {
		return p.fail(s.Value, "output %s holds %v, which does not fit %s", b.Name, iv, b.DType)
	}
	p.proof.Outputs[s.Buf] = iv
	return nil
}

// uniform evaluates an expression of constants, parameters and extents.
func (p *prover) uniform(e *Expr) (int64, error) {
	var iv Interval
	sub := &Kernel{Name: p.in.Kernel.Name, Params: p.in.Kernel.Params, Bufs: p.in.Kernel.Bufs, Stores: []Store{{Index: C(0), Value: e}}}
	var err error
	sub.Walk(func(n *Expr) {
		if err == nil {
			iv, err = p.eval(n)
			p.proof.Values[n] = iv
		}
	})
	if err == nil && iv.Lo != iv.Hi {
		err = p.fail(e, "not uniform")
	}
	return iv.Lo, err
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

func (p *prover) eval(e *Expr) (Interval, error) {
	var a [3]Interval
	for i, x := range e.Args {
		a[i] = p.proof.Values[x]
	}
	x, y := a[0], a[1]
	switch e.Op {
	case OpConst:
		return Point(int64(e.K)), nil
	case OpParam:
		return Point(p.param(int(e.K))), nil
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
		if x.Lo < 0 || x.Hi >= int64(p.in.Lens[e.K]) {
			return x, p.fail(e, "%s is read at %v of %d elements", p.in.Kernel.Bufs[e.K].Name, x, p.in.Lens[e.K])
		}
		return p.in.Ranges[e.K], nil
	case OpAdd:
		return Interval{x.Lo + y.Lo, x.Hi + y.Hi}, nil
	case OpSub:
		if e.Args[0] == e.Args[1] {
			return Point(0), nil
		}
		return Interval{x.Lo - y.Hi, x.Hi - y.Lo}, nil
	case OpMul:
		iv := mul(x, y)
		if e.Args[0] == e.Args[1] {
			iv.Lo = 0
			if x.Lo > 0 {
				iv.Lo = x.Lo * x.Lo
			}
		}
		return iv, nil
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
		if x.Lo >= 0 && y.Lo >= 0 {
			return bitsHull(x.Hi | y.Hi), nil
		}
		return full, nil
	case OpShl, OpSar:
		if y.Lo < 0 || y.Hi > 31 {
			return x, p.fail(e, "shift count %v leaves 0..31", y)
		}
		if e.Op == OpShl {
			return Interval{min(x.Lo<<y.Lo, x.Lo<<y.Hi), max(x.Hi<<y.Lo, x.Hi<<y.Hi)}, nil
		}
		return Interval{min(x.Lo>>y.Lo, x.Lo>>y.Hi), max(x.Hi>>y.Lo, x.Hi>>y.Hi)}, nil
	case OpLt:
		switch {
		case x.Hi < y.Lo:
			return Point(1), nil
		case x.Lo >= y.Hi:
			return Point(0), nil
		}
		return Interval{0, 1}, nil
	case OpEq:
		if x.Hi < y.Lo || x.Lo > y.Hi {
			return Point(0), nil
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
			return x, p.fail(e, "argument %v may be -2^31", x)
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
			return x, p.fail(e, "argument %v may be negative", x)
		}
		return Interval{int64(bits.Len64(uint64(x.Lo))), int64(bits.Len64(uint64(x.Hi)))}, nil
	case OpDiv:
		if x.Lo < 0 || y.Lo < 1 {
			return x, p.fail(e, "dividend %v may be negative or divisor %v below 1", x, y)
		}
		return Interval{x.Lo / y.Hi, x.Hi / y.Lo}, nil
	case OpIsqrt:
		if x.Lo < 0 {
			return x, p.fail(e, "argument %v may be negative", x)
		}
		return Interval{isqrt(x.Lo), isqrt(x.Hi)}, nil
	case OpRne:
		if y.Lo < 1 || y.Hi > 30 {
			return x, p.fail(e, "shift count %v leaves 1..30", y)
		}
		if err := p.roundable(e, x, y.Hi); err != nil {
			return x, err
		}
		return Interval{
			min(RoundShift(x.Lo, uint(y.Lo)), RoundShift(x.Lo, uint(y.Hi))),
			max(RoundShift(x.Hi, uint(y.Lo)), RoundShift(x.Hi, uint(y.Hi))),
		}, nil
	case OpShift:
		if err := p.roundable(e, x, min(y.Hi, 30)); err != nil {
			return x, err
		}
		iv := Interval{min(ShiftValue(x.Lo, y.Lo), ShiftValue(x.Lo, y.Hi)), max(ShiftValue(x.Hi, y.Lo), ShiftValue(x.Hi, y.Hi))}
		if y.Lo <= 0 && y.Hi > 0 || y.Lo < 0 { // the left side saturates: its largest result need not be at an end
			n := uint(min(-y.Lo, 30))
			if x.Hi > int64(Sat)>>n {
				iv.Hi = max(iv.Hi, min(Sat, x.Hi<<n))
			}
			if x.Lo < -(int64(Sat) >> n) {
				iv.Lo = min(iv.Lo, max(-Sat, x.Lo<<n))
			}
		}
		return iv, nil
	case OpRand:
		return full, nil
	case OpReduceOr:
		if x.Lo < 0 {
			return x, p.fail(e, "argument %v may be negative", x)
		}
		return Interval{x.Lo, bitsHull(x.Hi).Hi}, nil
	case OpReduceMax:
		return x, nil
	case OpReduceSum:
		n := int64(p.in.Cols)
		return Interval{x.Lo * n, x.Hi * n}, nil
	}
	return x, p.fail(e, "unknown operation")
}

// roundable checks that adding the rounding half does not leave 32 bits.
func (p *prover) roundable(e *Expr, x Interval, s int64) error {
	if s < 1 {
		return nil
	}
	if half := int64(1) << (s - 1); x.Hi+half > full.Hi {
		return p.fail(e, "argument %v plus half of 2^%d leaves 32 bits", x, s)
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
