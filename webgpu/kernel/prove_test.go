package kernel_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

func iv(lo, hi int64) kernel.Interval { return kernel.Interval{Lo: lo, Hi: hi} }

// single is an instance of one output of e over inputs x, y, z with the given ranges,
// one element each.
func single(e *kernel.Expr, ranges ...kernel.Interval) *kernel.Instance {
	k := kernel.New("test")
	in := &kernel.Instance{Kernel: k, Rows: 1, Cols: 1}
	for i, r := range ranges {
		k.Input(string(rune('x'+i)), kernel.I32)
		in.Ranges, in.Lens = append(in.Ranges, r), append(in.Lens, 1)
	}
	k.PutElem(k.Output("out", kernel.I32), e)
	in.Ranges, in.Lens = append(in.Ranges, iv(0, 0)), append(in.Lens, 1)
	return in
}

var loadX, loadY, loadZ = kernel.Elem(0), kernel.Elem(1), kernel.Elem(2)

// points are where rules change: around 0, powers of two, the saturation
// bound, and the ends of 32 bits.
var points = []int64{
	-1 << 31, -1<<31 + 1, -1 << 30, -1<<30 + 1, -7, -2, -1, 0, 1, 6, 1<<30 - 1, 1 << 30, 1<<31 - 2, 1<<31 - 1,
}

var counts = []int64{-1 << 31, -33, -31, -30, -29, -28, -2, -1, 0, 1, 2, 3, 29, 30, 31, 32, 1<<31 - 1}

// TestRules checks the interval rule of every operation by brute force: for
// all pairs of ranges between the points, an accepted operation must be
// defined and inside its interval at all points of the ranges, and for the
// rules that are exact both ends of the interval must be reached and a refusal
// must be justified.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		op    kernel.Op
		unary bool
		y     []int64
		exact bool // the interval has no slack when the arguments are independent
	}{
		{op: kernel.OpAdd, exact: true},
		{op: kernel.OpSub, exact: true},
		{op: kernel.OpMul, exact: true},
		{op: kernel.OpAnd},
		{op: kernel.OpOr},
		{op: kernel.OpXor},
		{op: kernel.OpShl, y: counts, exact: true},
		{op: kernel.OpSar, y: counts, exact: true},
		{op: kernel.OpLt, exact: true},
		{op: kernel.OpEq},
		{op: kernel.OpMin, exact: true},
		{op: kernel.OpMax, exact: true},
		{op: kernel.OpAbs, unary: true},
		{op: kernel.OpBitLen, unary: true, exact: true},
		{op: kernel.OpDiv, exact: true},
		{op: kernel.OpIsqrt, unary: true, exact: true},
		{op: kernel.OpRne, y: counts, exact: true},
		{op: kernel.OpShift, y: counts},
		{op: kernel.OpRand},
	} {
		t.Run(c.op.String(), func(t *testing.T) {
			ys := c.y
			if ys == nil {
				ys = points
			}
			if c.unary {
				ys = []int64{0}
			}
			args := []*kernel.Expr{loadX, loadY}
			if c.unary {
				args = args[:1]
			}
			in := single(&kernel.Expr{Op: c.op, Args: args}, iv(0, 0), iv(0, 0))
			for i := range points {
				for j := i; j < len(points); j++ {
					for k := range ys {
						for l := k; l < len(ys); l++ {
							in.Ranges[0], in.Ranges[1] = iv(points[i], points[j]), iv(ys[k], ys[l])
							checkRule(t, in, c.op, points[i:j+1], ys[k:l+1], c.unary, c.exact)
							if t.Failed() {
								return
							}
						}
					}
				}
			}
		})
	}
}

func checkRule(t *testing.T, in *kernel.Instance, op kernel.Op, xs, ys []int64, unary, exact bool) {
	t.Helper()
	proof, err := kernel.Prove(in)
	var lo, hi int64 = 1 << 62, -1 << 62
	undefined := false
	for _, x := range xs {
		for _, y := range ys {
			args := []int64{x, y}
			if unary {
				args = args[:1]
			}
			v, bad := value(op, args...)
			if bad != nil {
				undefined = true
				if err == nil {
					t.Errorf("%v in %v was accepted", bad, in.Ranges[:2])
					return
				}
				continue
			}
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	switch {
	case err != nil && exact && !undefined:
		t.Errorf("%s of %v was refused without need: %v", op, in.Ranges[:2], err)
	case err == nil && !iv(lo, hi).Fits(proof.Outputs[len(in.Lens)-1]):
		t.Errorf("%s of %v reaches [%d, %d], outside %v", op, in.Ranges[:2], lo, hi, proof.Outputs[len(in.Lens)-1])
	case err == nil && exact && proof.Outputs[len(in.Lens)-1] != iv(lo, hi):
		t.Errorf("%s of %v lies in [%d, %d], but the proof says %v", op, in.Ranges[:2], lo, hi, proof.Outputs[len(in.Lens)-1])
	}
}

// TestShiftRange checks OpShift exhaustively around its corners: all counts,
// all values near saturation.
func TestShiftRange(t *testing.T) {
	in := single(kernel.Shift(loadX, loadY), iv(0, 0), iv(0, 0))
	r := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		x := []int64{draw(r, iv(-1<<31, 1<<31-1)), draw(r, iv(-1<<31, 1<<31-1))}
		s := []int64{draw(r, iv(-34, 34)), draw(r, iv(-34, 34))}
		in.Ranges[0] = iv(min(x[0], x[1]), max(x[0], x[1]))
		in.Ranges[1] = iv(min(s[0], s[1]), max(s[0], s[1]))
		proof, err := kernel.Prove(in)
		if err != nil {
			continue
		}
		for s := in.Ranges[1].Lo; s <= in.Ranges[1].Hi; s++ {
			for _, x := range append(points, draw(r, in.Ranges[0]), in.Ranges[0].Lo, in.Ranges[0].Hi) {
				if x < in.Ranges[0].Lo || x > in.Ranges[0].Hi {
					continue
				}
				v, bad := value(kernel.OpShift, x, s)
				if bad != nil || !kernel.Point(v).Fits(proof.Outputs[2]) {
					t.Fatalf("shift(%d, %d) = %d, %v; the proof for %v says %v", x, s, v, bad, in.Ranges[:2], proof.Outputs[2])
				}
			}
		}
	}
}

// TestRelations checks the patterns that intervals alone would lose.
func TestRelations(t *testing.T) {
	x, y, z := loadX, loadY, loadZ
	for _, c := range []struct {
		name   string
		e      *kernel.Expr
		ranges []kernel.Interval
		want   kernel.Interval
	}{
		{"remainder", kernel.Rem(x, y), []kernel.Interval{iv(0, 1000), iv(1, 10)}, iv(0, 9)},
		{"remainder of a small value", kernel.Rem(x, y), []kernel.Interval{iv(0, 3), iv(5, 10)}, iv(0, 3)},
		{"remainder, factors swapped", kernel.Sub(x, kernel.Mul(y, kernel.Div(x, y))), []kernel.Interval{iv(0, 1000), iv(1, 10)}, iv(0, 9)},
		{"remainder of equal expressions", kernel.Rem(kernel.Add(x, kernel.C(1)), y), []kernel.Interval{iv(0, 999), iv(7, 7)}, iv(0, 6)},
		{"no remainder: other divisor", kernel.Sub(x, kernel.Mul(kernel.Div(x, y), z)), []kernel.Interval{iv(0, 20), iv(10, 10), iv(10, 10)}, iv(-20, 20)},
		{"quotient times divisor", kernel.Mul(kernel.Div(x, y), y), []kernel.Interval{iv(100, 1<<31-1), iv(1, 1<<20)}, iv(0, 1<<31-1)},
		{"square", kernel.Mul(x, x), []kernel.Interval{iv(-5, 3)}, iv(0, 25)},
		{"square of negatives", kernel.Mul(x, x), []kernel.Interval{iv(-5, -2)}, iv(4, 25)},
		{"itself subtracted", kernel.Sub(kernel.Add(x, y), kernel.Add(x, y)), []kernel.Interval{iv(0, 5), iv(0, 5)}, iv(0, 0)},
		{"itself exclusive or", kernel.Xor(x, x), []kernel.Interval{iv(-5, 5)}, iv(0, 0)},
		{"equal to itself", kernel.Eq(x, x), []kernel.Interval{iv(-5, 5)}, iv(1, 1)},
		{"below itself", kernel.Lt(x, x), []kernel.Interval{iv(-5, 5)}, iv(0, 0)},
		{"below the maximum", kernel.Sub(kernel.ReduceMax(x), x), []kernel.Interval{iv(-5, 5)}, iv(0, 10)},
		{"above the maximum of something else", kernel.Sub(kernel.ReduceMax(x), y), []kernel.Interval{iv(-5, 5), iv(-5, 5)}, iv(-10, 10)},
		{"normalised", kernel.Shift(x, kernel.Sub(kernel.BitLen(x), kernel.C(15))), []kernel.Interval{iv(1, 1<<30)}, iv(1<<14, 1<<15)},
		{"normalised, 0 included", kernel.Shift(x, kernel.Sub(kernel.BitLen(x), kernel.C(15))), []kernel.Interval{iv(0, 1<<30)}, iv(0, 1<<15)},
		{"select, always", kernel.Select(x, y, z), []kernel.Interval{iv(1, 4), iv(1, 2), iv(5, 6)}, iv(1, 2)},
		{"select, always by negatives", kernel.Select(x, y, z), []kernel.Interval{iv(-4, -1), iv(1, 2), iv(5, 6)}, iv(1, 2)},
		{"select, never", kernel.Select(x, y, z), []kernel.Interval{iv(0, 0), iv(1, 2), iv(5, 6)}, iv(5, 6)},
		{"select, either", kernel.Select(x, y, z), []kernel.Interval{iv(0, 1), iv(1, 2), iv(5, 6)}, iv(1, 6)},
		{"and with a mask of negatives", kernel.And(x, y), []kernel.Interval{iv(-100, 100), iv(0, 7)}, iv(0, 7)},
		{"and of a value with a negative mask", kernel.And(x, y), []kernel.Interval{iv(0, 29), iv(-2, -2)}, iv(0, 29)},
	} {
		proof, err := kernel.Prove(single(c.e, c.ranges...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := proof.Of(c.e); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestReductions checks the rules of reductions over rows.
func TestReductions(t *testing.T) {
	for _, c := range []struct {
		e    *kernel.Expr
		x    kernel.Interval
		cols int
		want kernel.Interval
		bad  bool
	}{
		{e: kernel.ReduceSum(loadX), x: iv(-3, 5), cols: 7, want: iv(-21, 35)},
		{e: kernel.ReduceSum(loadX), x: iv(-5, -3), cols: 7, want: iv(-35, -21)},
		{e: kernel.ReduceSum(loadX), x: iv(0, 1<<24), cols: 128, bad: true},
		{e: kernel.ReduceSum(loadX), x: iv(-1<<24, 0), cols: 128, want: iv(-1<<31, 0)},
		{e: kernel.ReduceSum(loadX), x: iv(-1<<31, 1<<31-1), cols: 1 << 28, bad: true},
		{e: kernel.ReduceOr(loadX), x: iv(3, 9), cols: 7, want: iv(3, 15)},
		{e: kernel.ReduceOr(loadX), x: iv(0, 0), cols: 7, want: iv(0, 0)},
		{e: kernel.ReduceOr(loadX), x: iv(-1, 9), cols: 7, bad: true},
		{e: kernel.ReduceMax(loadX), x: iv(-9, 4), cols: 7, want: iv(-9, 4)},
		{e: kernel.ReduceSum(kernel.ReduceMax(loadX)), x: iv(-9, 4), cols: 7, want: iv(-63, 28)},
	} {
		in := single(c.e, c.x)
		in.Cols, in.Lens = c.cols, []int{c.cols, c.cols}
		proof, err := kernel.Prove(in)
		if c.bad {
			if err == nil {
				t.Errorf("%s of %v over %d columns was accepted", c.e.Op, c.x, c.cols)
			}
			continue
		}
		if err != nil {
			t.Error(err)
		} else if got := proof.Of(c.e); got != c.want {
			t.Errorf("%s of %v over %d columns: got %v, want %v", c.e.Op, c.x, c.cols, got, c.want)
		}
	}
}

// TestRefusals checks every reason for which an instance is refused.
func TestRefusals(t *testing.T) {
	matmul := func(change func(p []int32)) *kernel.Instance {
		k := kernel.NewMatmul("mm")
		k.PutElem(k.Output("out", kernel.I32), kernel.Acc)
		p := []int32{2, 1, 3, 0, 0, 0, 3, 1, 0, 0, 0, 3, 1} // [2,3] x [4,3] transposed
		change(p)
		return &kernel.Instance{
			Kernel: k, Rows: 2, Cols: 4, Params: p, Lens: []int{6, 12, 8},
			Ranges: []kernel.Interval{iv(-128, 127), iv(-128, 127), {}},
		}
	}
	scatter := func(index, fan *kernel.Expr) *kernel.Instance {
		k := kernel.New("scatter")
		x := k.Input("x", kernel.I32)
		k.Fan = fan
		k.AddTo(k.Output("out", kernel.I32), index, kernel.Elem(x))
		return &kernel.Instance{Kernel: k, Rows: 4, Cols: 1, Lens: []int{4, 2}, Ranges: []kernel.Interval{iv(-5, 5), {}}}
	}
	change := func(in *kernel.Instance, f func(*kernel.Instance)) *kernel.Instance {
		f(in)
		return in
	}
	i8 := func(e *kernel.Expr, r kernel.Interval) *kernel.Instance {
		in := single(e, r)
		in.Kernel.Bufs[1].DType = kernel.I8
		return in
	}
	x, y := loadX, loadY
	c := kernel.C
	for _, tc := range []struct {
		name string
		in   *kernel.Instance
		op   kernel.Op // of the RangeError
		want string
	}{
		{"overflow", single(kernel.Add(x, c(1)), iv(0, 1<<31-1)), kernel.OpAdd, "leaves 32 bits"},
		{"underflow", single(kernel.Sub(x, c(1)), iv(-1<<31, 0)), kernel.OpSub, "leaves 32 bits"},
		{"lost bits", single(kernel.Shl(x, c(1)), iv(0, 1<<30)), kernel.OpShl, "leaves 32 bits"},
		{"shift count above 31", single(kernel.Sar(x, y), iv(0, 5), iv(0, 32)), kernel.OpSar, "shift count [0, 32] leaves 0..31"},
		{"negative shift count", single(kernel.Shl(x, y), iv(0, 5), iv(-1, 3)), kernel.OpShl, "shift count [-1, 3] leaves 0..31"},
		{"rounding by 0", single(kernel.Rne(x, y), iv(0, 5), iv(0, 3)), kernel.OpRne, "leaves 1..30"},
		{"rounding by 31", single(kernel.Rne(x, y), iv(0, 5), iv(1, 31)), kernel.OpRne, "leaves 1..30"},
		{"no room to round", single(kernel.Rne(x, c(4)), iv(0, 1<<31-8)), kernel.OpRne, "plus half of 2^4 leaves 32 bits"},
		{"no room to round a shift", single(kernel.Shift(x, c(4)), iv(0, 1<<31-8)), kernel.OpShift, "plus half of 2^4 leaves 32 bits"},
		{"divisor 0", single(kernel.Div(x, y), iv(0, 5), iv(0, 3)), kernel.OpDiv, "below 1"},
		{"negative dividend", single(kernel.Div(x, y), iv(-1, 5), iv(1, 3)), kernel.OpDiv, "may be negative"},
		{"root of a negative", single(kernel.Isqrt(x), iv(-1, 5)), kernel.OpIsqrt, "may be negative"},
		{"bits of a negative", single(kernel.BitLen(x), iv(-1, 5)), kernel.OpBitLen, "may be negative"},
		{"or of negatives", single(kernel.ReduceOr(x), iv(-1, 5)), kernel.OpReduceOr, "may be negative"},
		{"magnitude of the least value", single(kernel.Abs(x), iv(-1<<31, 5)), kernel.OpAbs, "may be -2^31"},
		{"both sides of a select", single(kernel.Select(kernel.Lt(c(0), y), kernel.Div(x, y), c(0)), iv(0, 5), iv(0, 3)), kernel.OpDiv, "below 1"},
		{"index above", single(kernel.At(0, x), iv(0, 1)), kernel.OpLoad, "x is read at [0, 1] of 1 elements"},
		{"index below", single(kernel.At(0, x), iv(-1, 0)), kernel.OpLoad, "x is read at [-1, 0] of 1 elements"},
		{"narrow output", i8(x, iv(-129, 0)), kernel.OpLoad, "output out holds [-129, 0], which does not fit i8"},
		{"output too short", change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Cols, in.Lens = 2, []int{2, 1} }), kernel.OpAdd, "output out is stored at [0, 1] of 1 elements"},
		{"output too long", change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Lens[1] = 2 }), kernel.OpAdd, "leaves some of 2 elements out"},
		{"scatter index", scatter(kernel.Row, kernel.Rows), kernel.OpRow, "output out is stored at [0, 3] of 2 elements"},
		{"scatter sum", change(scatter(c(0), kernel.Rows), func(in *kernel.Instance) { in.Ranges[0] = iv(0, 1<<29) }), kernel.OpLoad, "does not fit i32"},
		{"fan that varies", scatter(c(0), kernel.Row), kernel.OpRow, "is not one number above 0"},
		{"fan of 0", scatter(c(0), c(0)), kernel.OpConst, "is not one number above 0"},
		{"contraction too long", matmul(func(p []int32) { p[2], p[7], p[12] = 1<<17+1, 0, 0 }), kernel.OpAcc, "leaves 32 bits"},
		{"contraction of nothing", matmul(func(p []int32) { p[2] = 0 }), kernel.OpAcc, "each must be at least 1"},
		{"contraction of broken batches", matmul(func(p []int32) { p[0] = 3 }), kernel.OpAcc, "not a multiple"},
		{"operand a read above", matmul(func(p []int32) { p[3] = 1 }), kernel.OpAcc, "operand a reads elements 1 to 6 of 6"},
		{"operand a read below", matmul(func(p []int32) { p[6] = -1 }), kernel.OpAcc, "operand a reads elements -1 to 2 of 6"},
		{"operand b read above", matmul(func(p []int32) { p[11] = 4 }), kernel.OpAcc, "operand b reads elements 0 to 14 of 12"},
		{"operand read far away", matmul(func(p []int32) { p[2], p[7], p[12] = 1<<31-1, 1<<31-1, 1<<31-1 }), kernel.OpAcc, "away"},
		{"matmul of huge batches", matmul(func(p []int32) { p[0], p[1] = 1<<31-1, 1<<31-1 }), kernel.OpAcc, "not a multiple"},
	} {
		if err := tc.in.Kernel.Check(); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		_, err := kernel.Prove(tc.in)
		var re *kernel.RangeError
		switch {
		case !errors.As(err, &re):
			t.Errorf("%s: got %v, want a RangeError", tc.name, err)
		case re.Op != tc.op || !strings.Contains(err.Error(), tc.want):
			t.Errorf("%s: got %v of %s, want %q of %s", tc.name, err, re.Op, tc.want, tc.op)
		}
	}
	for name, in := range map[string]*kernel.Instance{
		"no rows":          change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Rows = 0 }),
		"too many columns": change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Cols = 1<<30 + 1 }),
		"missing buffer":   change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Lens = in.Lens[:1] }),
		"missing range":    change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Ranges = in.Ranges[:1] }),
		"extra parameter":  change(single(x, iv(0, 1)), func(in *kernel.Instance) { in.Params = []int32{1} }),
		"range beyond i32": single(x, iv(0, 1<<31)),
		"empty range":      single(x, iv(1, 0)),
		"range beyond i8":  change(single(x, iv(0, 200)), func(in *kernel.Instance) { in.Kernel.Bufs[0].DType = kernel.I8 }),
	} {
		if _, err := kernel.Prove(in); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// tape gives choices to a generator: from bytes, and 0 when they end.
type tape struct{ data []byte }

func (t *tape) choose(n int) int {
	if len(t.data) == 0 {
		return 0
	}
	v := int(t.data[0])
	t.data = t.data[1:]
	if n > 256 && len(t.data) > 0 {
		v = v<<8 | int(t.data[0])
		t.data = t.data[1:]
	}
	return v % n
}

// number is an integer of any size, often near a power of two.
func (t *tape) number() int64 {
	v := int64(1)<<t.choose(32) + int64(t.choose(7)) - 3
	if t.choose(2) == 1 {
		v = -v
	}
	return max(-1<<31, min(v, 1<<31-1))
}

// expression is a random one over two loads, a parameter and the coordinates,
// reusing earlier nodes so that relations occur.
func (t *tape) expression(depth int, made *[]*kernel.Expr) *kernel.Expr {
	var e *kernel.Expr
	sub := func() *kernel.Expr { return t.expression(depth-1, made) }
	pick := t.choose(28)
	if depth == 0 {
		pick = t.choose(5)
	}
	switch pick {
	case 0:
		e = kernel.Elem(t.choose(2))
	case 1:
		e = kernel.C(int32(t.number()))
	case 2:
		e = []*kernel.Expr{kernel.Row, kernel.Col, kernel.Rows, kernel.Cols}[t.choose(4)]
	case 3:
		e = &kernel.Expr{Op: kernel.OpParam}
	case 4:
		if n := len(*made); n > 0 {
			return (*made)[t.choose(n)]
		}
		e = kernel.Elem(0)
	case 5, 6:
		e = kernel.Add(sub(), sub())
	case 7, 8:
		e = kernel.Sub(sub(), sub())
	case 9, 10:
		e = kernel.Mul(sub(), sub())
	case 11:
		e = kernel.And(sub(), sub())
	case 12:
		e = kernel.Or(sub(), sub())
	case 13:
		e = kernel.Xor(sub(), sub())
	case 14:
		e = kernel.Shl(sub(), kernel.Clamp(sub(), 0, int32(t.choose(32))))
	case 15:
		e = kernel.Sar(sub(), kernel.Clamp(sub(), 0, 31))
	case 16:
		e = kernel.Lt(sub(), sub())
	case 17:
		e = kernel.Eq(sub(), sub())
	case 18:
		e = kernel.Select(sub(), sub(), sub())
	case 19:
		x := sub()
		e = kernel.Clamp(x, int32(-t.choose(1<<15)), int32(t.choose(1<<15)))
	case 20:
		e = kernel.BitLen(kernel.Max(sub(), kernel.C(0)))
	case 21:
		x, y := kernel.Max(sub(), kernel.C(0)), kernel.Max(sub(), kernel.C(1))
		e = []*kernel.Expr{kernel.Div(x, y), kernel.Rem(x, y), kernel.Mul(kernel.Div(x, y), y)}[t.choose(3)]
	case 22:
		e = kernel.Isqrt(kernel.Max(sub(), kernel.C(0)))
	case 23:
		e = kernel.Rne(sub(), kernel.Clamp(sub(), 1, 30))
	case 24:
		e = kernel.Shift(sub(), sub())
	case 25:
		x := kernel.Max(sub(), kernel.C(0))
		e = kernel.Shift(x, kernel.Sub(kernel.BitLen(x), kernel.C(int32(1+t.choose(30)))))
	case 26:
		x := sub()
		e = []*kernel.Expr{kernel.ReduceMax(x), kernel.ReduceSum(x), kernel.ReduceOr(kernel.Max(x, kernel.C(0))), kernel.Sub(kernel.ReduceMax(x), x)}[t.choose(4)]
	case 27:
		x := sub()
		e = []*kernel.Expr{kernel.Abs(x), kernel.Rand(x, sub()), kernel.Mul(x, x)}[t.choose(3)]
	}
	*made = append(*made, e)
	return e
}

// instance is a random kernel of one or two outputs with ranges.
func (t *tape) instance() *kernel.Instance {
	k := kernel.New("random", "p")
	a, b := k.Input("a", kernel.I32), k.Input("b", kernel.I16)
	var made []*kernel.Expr
	k.PutElem(k.Output("out", kernel.I32), t.expression(2+t.choose(4), &made))
	in := &kernel.Instance{Kernel: k, Rows: 1 + t.choose(3), Cols: 1 + t.choose(4), Params: []int32{int32(t.number())}}
	n := in.Rows * in.Cols
	in.Lens = []int{n, n, n}
	for _, i := range []int{a, b} {
		full := k.Bufs[i].DType.Range()
		x, y := min(max(t.number(), full.Lo), full.Hi), min(max(t.number(), full.Lo), full.Hi)
		in.Ranges = append(in.Ranges, iv(min(x, y), max(x, y)))
	}
	in.Ranges = append(in.Ranges, iv(0, 0))
	return in
}

// checkProof runs an accepted instance on random inputs: every operation must
// be defined and every value inside its interval, the interpreter must store
// what the evaluator computes, and so must the simplified kernel.
func checkProof(t *testing.T, in *kernel.Instance, r *rand.Rand) (proved bool) {
	if err := in.Kernel.Check(); err != nil {
		t.Fatal(err)
	}
	proof, err := kernel.Prove(in)
	if err != nil {
		return false
	}
	bufs := buffers(r, in)
	out := len(in.Lens) - 1
	var want []int64
	last := in.Kernel.Stores[0].Value
	seen := map[*kernel.Expr]int64{}
	err = evaluate(in, bufs, func(e *kernel.Expr, v int64) {
		seen[e] = v
		if !kernel.Point(v).Fits(proof.Of(e)) {
			t.Errorf("%s = %d, but the proof says %v", e.Op, v, proof.Of(e))
		}
		if e == last {
			want = append(want, v)
		}
	})
	if err != nil {
		t.Fatalf("an accepted kernel: %v", err)
	}
	interpret(t, in, bufs)
	simple := *in
	simple.Kernel = kernel.Simplify(in.Kernel, proof)
	if _, err := kernel.Prove(&simple); err != nil {
		t.Fatalf("the simplified kernel is refused: %v", err)
	}
	again := append([][]byte(nil), bufs...)
	again[out] = make([]byte, len(bufs[out]))
	interpret(t, &simple, again)
	if string(again[out]) != string(bufs[out]) {
		t.Fatal("the simplified kernel stores other bytes")
	}
	if len(want) == in.Lens[out] { // the stored value was not seen as part of a reduction as well
		for i, v := range want {
			if got := get(bufs[out], kernel.I32, i); got != v {
				t.Fatalf("element %d: the interpreter stored %d, want %d", i, got, v)
			}
		}
	}
	return true
}

// TestProveSound checks random expressions on random inputs.
func TestProveSound(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	proved := 0
	for range 20000 {
		data := make([]byte, 20+r.IntN(150))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if checkProof(t, (&tape{data}).instance(), r) {
			proved++
		}
		if t.Failed() {
			t.Fatalf("tape %x", data)
		}
	}
	if proved < 2000 {
		t.Errorf("only %d expressions were accepted: the generator tests too little", proved)
	}
}

// FuzzProve looks for an accepted kernel that leaves its proof.
func FuzzProve(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		data := make([]byte, 60)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 400 {
			return
		}
		checkProof(t, (&tape{data}).instance(), rand.New(rand.NewPCG(uint64(len(data)), 1)))
	})
}

// TestOpsSound checks the kernels of all ops in the same way, on the
// instances of the conformance suite.
func TestOpsSound(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, c := range devicetest.Cases(21, 8) {
		a := c.Program.Nodes()[0].Applied
		if a.Instance.Kernel.Contract != nil || a.Instance.Rows*a.Instance.Cols*a.Instance.Cols > 20000 {
			continue
		}
		bufs := buffers(r, &a.Instance)
		bad := false
		err := evaluate(&a.Instance, bufs, func(e *kernel.Expr, v int64) {
			if !bad && !kernel.Point(v).Fits(a.Proof.Of(e)) {
				bad = true
				t.Errorf("%s: %s = %d, but the proof says %v", c.Name, e.Op, v, a.Proof.Of(e))
			}
		})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}
