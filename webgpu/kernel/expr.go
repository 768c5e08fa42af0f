package kernel

// Op is the operation of an expression node.
type Op uint8

// The operations. x, y, s are arguments; all values are signed 32-bit.
const (
	OpConst     Op = iota // K
	OpParam               // uniform parameter number K
	OpRows                // number of rows of the iteration space
	OpCols                // number of columns
	OpRow                 // this row, 0 <= row < rows
	OpCol                 // this column
	OpLoad                // element Args[0] of buffer K
	OpAcc                 // the contraction's accumulator at (row, col)
	OpAdd                 // x + y
	OpSub                 // x - y
	OpMul                 // x * y
	OpAnd                 // x & y
	OpOr                  // x | y
	OpXor                 // x ^ y
	OpShl                 // x << s, 0 <= s <= 31, nothing lost
	OpSar                 // x >> s, arithmetic, 0 <= s <= 31
	OpLt                  // x < y ? 1 : 0
	OpEq                  // x == y ? 1 : 0
	OpSelect              // c != 0 ? x : y (both sides must be legal)
	OpMin                 // min(x, y)
	OpMax                 // max(x, y)
	OpAbs                 // |x|, x > -2^31
	OpBitLen              // bits needed for x >= 0: 0 for 0, 31 for 2^30
	OpDiv                 // floor(x / y), x >= 0, y >= 1
	OpIsqrt               // floor(sqrt(x)), x >= 0
	OpRne                 // x / 2^s rounded to nearest, ties to even, 1 <= s <= 30
	OpShift               // x / 2^s for any s: Rne for s > 0 (0 beyond 30); for s <= 0, x limited to ±(Sat>>n), times 2^n, n = min(-s, 30)
	OpRand                // 32 random bits: PCG-RXS-M-XS of x + y modulo 2^32
	OpReduceOr            // bitwise or of x >= 0 over the row's columns
	OpReduceMax           // maximum of x over the row's columns
	OpReduceSum           // sum of x over the row's columns
	opCount
)

var opNames = [opCount]string{
	"const", "param", "rows", "cols", "row", "col", "load", "acc",
	"add", "sub", "mul", "and", "or", "xor", "shl", "sar", "lt", "eq", "select", "min", "max", "abs",
	"bitlen", "div", "isqrt", "rne", "shift", "rand", "reduce_or", "reduce_max", "reduce_sum",
}

// String returns the lower-case name.
func (o Op) String() string {
	if o < opCount {
		return opNames[o]
	}
	return "op?"
}

// Sat is the bound of the saturating streams: the sum of two values within
// ±Sat fits in 32 bits.
const Sat = 1<<30 - 1

// Expr is a node of an expression graph. Nodes are immutable and may be
// shared; sharing has no meaning beyond saving work.
type Expr struct {
	Op   Op
	Args []*Expr
	K    int32 // OpConst: value; OpParam: parameter; OpLoad: buffer
}

func node(op Op, args ...*Expr) *Expr { return &Expr{Op: op, Args: args} }

// C is the constant v.
func C(v int32) *Expr { return &Expr{Op: OpConst, K: v} }

// Row, Col, Rows and Cols are the coordinates and extents of the iteration
// space; Acc is the contraction's accumulator.
var (
	Row  = node(OpRow)
	Col  = node(OpCol)
	Rows = node(OpRows)
	Cols = node(OpCols)
	Acc  = node(OpAcc)
)

// The constructors below build one node each; see the Op constants for their
// meaning.

// Add is x + y.
func Add(x, y *Expr) *Expr { return node(OpAdd, x, y) }

// Sub is x - y.
func Sub(x, y *Expr) *Expr { return node(OpSub, x, y) }

// Mul is x * y.
func Mul(x, y *Expr) *Expr { return node(OpMul, x, y) }

// And is x & y.
func And(x, y *Expr) *Expr { return node(OpAnd, x, y) }

// Or is x | y.
func Or(x, y *Expr) *Expr { return node(OpOr, x, y) }

// Xor is x ^ y.
func Xor(x, y *Expr) *Expr { return node(OpXor, x, y) }

// Shl is x << s; the interval proof shows that no bit is lost.
func Shl(x, s *Expr) *Expr { return node(OpShl, x, s) }

// Sar is x >> s.
func Sar(x, s *Expr) *Expr { return node(OpSar, x, s) }

// Lt is 1 where x < y, else 0.
func Lt(x, y *Expr) *Expr { return node(OpLt, x, y) }

// Eq is 1 where x == y, else 0.
func Eq(x, y *Expr) *Expr { return node(OpEq, x, y) }

// Select is x where c is not 0, else y.
func Select(c, x, y *Expr) *Expr { return node(OpSelect, c, x, y) }

// Min is the smaller of x and y.
func Min(x, y *Expr) *Expr { return node(OpMin, x, y) }

// Max is the larger of x and y.
func Max(x, y *Expr) *Expr { return node(OpMax, x, y) }

// Abs is |x|.
func Abs(x *Expr) *Expr { return node(OpAbs, x) }

// BitLen is the number of bits of x >= 0.
func BitLen(x *Expr) *Expr { return node(OpBitLen, x) }

// Div is floor(x / y) for x >= 0 and y >= 1.
func Div(x, y *Expr) *Expr { return node(OpDiv, x, y) }

// Isqrt is floor(sqrt(x)) for x >= 0.
func Isqrt(x *Expr) *Expr { return node(OpIsqrt, x) }

// Rne is x / 2^s rounded half to even, 1 <= s <= 30.
func Rne(x, s *Expr) *Expr { return node(OpRne, x, s) }

// Shift is x / 2^s for any s: rounded half to even to the right, saturating
// at ±Sat to the left.
func Shift(x, s *Expr) *Expr { return node(OpShift, x, s) }

// Rand is 32 random bits that depend on key and counter alone.
func Rand(key, counter *Expr) *Expr { return node(OpRand, key, counter) }

// ReduceOr is the bitwise or of x >= 0 over the columns of the row.
func ReduceOr(x *Expr) *Expr { return node(OpReduceOr, x) }

// ReduceMax is the maximum of x over the columns of the row.
func ReduceMax(x *Expr) *Expr { return node(OpReduceMax, x) }

// ReduceSum is the sum of x over the columns of the row.
func ReduceSum(x *Expr) *Expr { return node(OpReduceSum, x) }

// Compositions used by many ops.

// Clamp limits x to [lo, hi].
func Clamp(x *Expr, lo, hi int32) *Expr { return Min(Max(x, C(lo)), C(hi)) }

// Clamped limits x to ±limit.
func Clamped(x *Expr, limit int32) *Expr { return Clamp(x, -limit, limit) }

// Rem is x mod y for x >= 0 and y >= 1.
func Rem(x, y *Expr) *Expr { return Sub(x, Mul(Div(x, y), y)) }

// AddSat is x + y limited to ±Sat, for x and y within ±Sat.
func AddSat(x, y *Expr) *Expr { return Clamped(Add(x, y), Sat) }

// Stochastic is x / 2^s rounded down after adding random bits below 2^s:
// unbiased. 0 <= s <= 30 and |x| <= 2^30.
func Stochastic(x, s, random *Expr) *Expr {
	return Sar(Add(x, And(random, Sub(Shl(C(1), s), C(1)))), s)
}

// Exp2Neg is 2^(-t/1024) in Q15 for t >= 0: a quartic for the fraction, a
// truncating shift for the whole part, 0 from 2^-16 on. Its relative error
// before truncation is below 2^-13.
func Exp2Neg(t *Expr) *Expr { return Sar(exp2Fraction(And(t, C(1023))), Min(Sar(t, C(10)), C(16))) }

// Exp2NegWide is Exp2Neg with extra fraction bits, 0 <= extra <= 15, kept
// through the shift: Q(15+extra). Long sums lose less by truncation.
func Exp2NegWide(t, extra *Expr) *Expr {
	return Sar(Shl(exp2Fraction(And(t, C(1023))), extra), Min(Sar(t, C(10)), C(31)))
}

// exp2Fraction is 2^(-f/1024) in Q15 for 0 <= f < 1024: the quartic through
// the Chebyshev nodes of [0, 1), Horner's rule in Q18, rounded
// (TestExp2Fraction bounds the error).
func exp2Fraction(f *Expr) *Expr {
	p := C(exp2Coef[4])
	for i := 3; i >= 0; i-- {
		p = Add(C(exp2Coef[i]), Sar(Mul(p, f), C(10)))
	}
	return Sar(Add(p, C(4)), C(3))
}

// exp2Coef are the coefficients of 2^-x, Q18, lowest first.
var exp2Coef = [5]int32{262143, -181679, 62765, -13949, 1792}

// Log2 is log2(x) in Q16 for 1 <= x < 2^30: the bit length, and a quintic in
// the twelve bits after the leading one. Its error is below 2^-11 (TestLog2).
func Log2(x *Expr) *Expr {
	n := BitLen(x)
	f := And(Sar(Shift(x, Sub(n, C(30))), C(17)), C(4095))
	p := C(log2Coef[5])
	for i := 4; i >= 0; i-- {
		p = Add(C(log2Coef[i]), Sar(Mul(p, f), C(12)))
	}
	return Add(p, Shl(Max(Sub(n, C(1)), C(0)), C(16)))
}

// log2Coef are the coefficients of log2(1+x), Q16, lowest first.
var log2Coef = [6]int32{1, 94470, -46300, 26835, -12287, 2818}
