package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// apply computes f(x) for every x, which lie in the given range.
func apply(t *testing.T, f func(x *kernel.Expr) *kernel.Expr, within kernel.Interval, xs []int64) ([]int64, kernel.Interval) {
	t.Helper()
	in := single(f(loadX), within)
	in.Cols, in.Lens = len(xs), []int{len(xs), len(xs)}
	proof, err := kernel.Prove(in)
	if err != nil {
		t.Fatal(err)
	}
	bufs := [][]byte{make([]byte, 4*len(xs)), make([]byte, 4*len(xs))}
	for i, x := range xs {
		put(bufs[0], kernel.I32, i, x)
	}
	interpret(t, in, bufs)
	out := make([]int64, len(xs))
	for i := range out {
		out[i] = get(bufs[1], kernel.I32, i)
	}
	return out, proof.Outputs[1]
}

// TestExp2Fraction bounds the error of the quartic that stands for 2^-x, at
// all of its 1024 arguments, and of the shifts around it.
func TestExp2Fraction(t *testing.T) {
	var xs []int64
	for x := range int64(40 << 10) {
		xs = append(xs, x)
	}
	exp2, _ := apply(t, kernel.Exp2Neg, iv(0, 1<<26), xs)
	wide, _ := apply(t, func(x *kernel.Expr) *kernel.Expr { return kernel.Exp2NegWide(x, kernel.C(8)) }, iv(0, 1<<26), xs)
	worst := 0.0
	for i, x := range xs {
		exact := math.Exp2(-float64(x) / 1024)
		if x < 1024 {
			worst = max(worst, math.Abs(float64(exp2[i])/(exact*(1<<15))-1))
		}
		// Truncation takes less than one unit more.
		for _, v := range []struct{ got, scale float64 }{{float64(exp2[i]), 1 << 15}, {float64(wide[i]), 1 << 23}} {
			want := exact * v.scale
			if v.got > want*(1+0x1p-13) || v.got < want*(1-0x1p-13)-1 {
				t.Fatalf("2^-(%d/1024): got %g/%g, want %g", x, v.got, v.scale, want)
			}
		}
		if i > 0 && exp2[i] > exp2[i-1] {
			t.Errorf("2^-(%d/1024) = %d is above its predecessor %d", x, exp2[i], exp2[i-1])
		}
	}
	if exp2[0] != 1<<15 || exp2[16<<10] != 0 {
		t.Errorf("2^0 is %d and 2^-16 is %d, want 2^15 and 0", exp2[0], exp2[16<<10])
	}
	if worst >= 0x1p-13 {
		t.Errorf("the relative error reaches 2^%.2f, want below 2^-13", math.Log2(worst))
	}
	t.Logf("relative error of the fraction: 2^%.2f", math.Log2(worst))
}

// TestLog2 bounds the error of the logarithm: at all small arguments, at all
// mantissas, and at random.
func TestLog2(t *testing.T) {
	var xs []int64
	for x := int64(1); x < 1<<14; x++ {
		xs = append(xs, x)
	}
	for f := range int64(1 << 12) {
		xs = append(xs, (1<<12+f)<<17, (1<<12+f)<<17|(1<<17-1))
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		xs = append(xs, 1+r.Int64N(1<<30-1)>>r.IntN(30))
	}
	got, within := apply(t, kernel.Log2, iv(1, 1<<30-1), xs)
	worst := 0.0
	for i, x := range xs {
		worst = max(worst, math.Abs(float64(got[i])/(1<<16)-math.Log2(float64(x))))
	}
	if worst >= 0x1p-11 {
		t.Errorf("the error reaches 2^%.2f, want below 2^-11", math.Log2(worst))
	}
	t.Logf("error: 2^%.2f; proved to lie in %v", math.Log2(worst), within)
}

// TestStochastic checks that stochastic rounding never misses by 1 or more,
// and that it is unbiased over all random bits.
func TestStochastic(t *testing.T) {
	const s = 4
	var xs, want []int64
	for x := int64(-50); x <= 50; x++ {
		for range 1 << s {
			xs = append(xs, x)
		}
		want = append(want, x)
	}
	got, _ := apply(t, func(x *kernel.Expr) *kernel.Expr { return kernel.Stochastic(x, kernel.C(s), kernel.Col) }, iv(-50, 50), xs)
	for i, x := range want {
		sum := int64(0)
		for _, v := range got[i<<s : (i+1)<<s] {
			if d := v<<s - x; d <= -1<<s || d >= 1<<s {
				t.Errorf("%d / 2^%d was rounded to %d", x, s, v)
			}
			sum += v
		}
		if sum != x {
			t.Errorf("%d / 2^%d is %d / 2^%d on average", x, s, sum, s)
		}
	}
}

// TestRandValue holds the generator to three outputs worked out apart from
// its definition, and checks that counters give distinct values: the output
// function is a permutation.
func TestRandValue(t *testing.T) {
	for x, want := range map[int32]uint32{0: 0x07bb2fe2, 1: 0xa8beea3c, -1: 0xe62a4902} {
		if got := uint32(kernel.RandValue(x, 0)); got != want {
			t.Errorf("RandValue(%d, 0) = %#08x, want %#08x", x, got, want)
		}
	}
	seen := map[int32]bool{}
	for i := range int32(100000) {
		v := kernel.RandValue(1<<31-50000, i)
		if seen[v] {
			t.Fatalf("counter %d repeats a value", i)
		}
		seen[v] = true
	}
}

// TestCheck checks every way a kernel can be malformed.
func TestCheck(t *testing.T) {
	fresh := func() (*kernel.Kernel, int, int) {
		k := kernel.New("k", "p")
		return k, k.Input("x", kernel.I32), k.Output("out", kernel.I32)
	}
	bad := map[string]func() *kernel.Kernel{
		"input after output": func() *kernel.Kernel {
			k, x, o := fresh()
			k.Input("late", kernel.I32)
			k.PutElem(o, kernel.Elem(x))
			return k
		},
		"output never stored": func() *kernel.Kernel { k, _, _ := fresh(); return k },
		"output stored twice": func() *kernel.Kernel {
			k, x, o := fresh()
			k.PutElem(o, kernel.Elem(x))
			k.PutElem(o, kernel.Elem(x))
			return k
		},
		"store into an input": func() *kernel.Kernel {
			k, x, o := fresh()
			k.PutElem(o, kernel.Elem(x))
			k.PutElem(x, kernel.Elem(x))
			return k
		},
		"load from an output": func() *kernel.Kernel { k, _, o := fresh(); k.PutElem(o, kernel.Elem(o)); return k },
		"no such buffer":      func() *kernel.Kernel { k, _, o := fresh(); k.PutElem(o, kernel.Elem(7)); return k },
		"no such parameter": func() *kernel.Kernel {
			k, _, o := fresh()
			k.PutElem(o, &kernel.Expr{Op: kernel.OpParam, K: 1})
			return k
		},
		"accumulator":          func() *kernel.Kernel { k, _, o := fresh(); k.PutElem(o, kernel.Acc); return k },
		"adding without a fan": func() *kernel.Kernel { k, x, o := fresh(); k.AddTo(o, kernel.Row, kernel.Elem(x)); return k },
		"missing argument": func() *kernel.Kernel {
			k, x, o := fresh()
			k.PutElem(o, &kernel.Expr{Op: kernel.OpAdd, Args: []*kernel.Expr{kernel.Elem(x)}})
			return k
		},
		"unknown operation":    func() *kernel.Kernel { k, _, o := fresh(); k.PutElem(o, &kernel.Expr{Op: 200}); return k },
		"store anywhere":       func() *kernel.Kernel { k, x, o := fresh(); k.Put(o, kernel.Elem(x), kernel.C(1)); return k },
		"column stored by row": func() *kernel.Kernel { k, x, o := fresh(); k.Put(o, kernel.Row, kernel.Elem(x)); return k },
		"malformed fan": func() *kernel.Kernel {
			k, x, o := fresh()
			k.Fan = &kernel.Expr{Op: kernel.OpParam, K: 9}
			k.AddTo(o, kernel.Row, kernel.Elem(x))
			return k
		},
		"reduction of a contraction": func() *kernel.Kernel {
			k := kernel.NewMatmul("k")
			k.PutElem(k.Output("out", kernel.I32), kernel.ReduceMax(kernel.Acc))
			return k
		},
		"adding contraction": func() *kernel.Kernel {
			k := kernel.NewMatmul("k")
			k.Fan = kernel.C(1)
			k.AddTo(k.Output("out", kernel.I32), kernel.Here, kernel.Acc)
			return k
		},
		"wide operand": func() *kernel.Kernel {
			k := kernel.NewMatmul("k")
			k.Bufs[0].DType = kernel.I16
			k.PutElem(k.Output("out", kernel.I32), kernel.Acc)
			return k
		},
	}
	for name, make := range bad {
		if err := make().Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	k, x, o := fresh()
	k.PutElem(o, kernel.Elem(x))
	if err := k.Check(); err != nil {
		t.Error(err)
	}
}

// TestForms checks the form of one kernel each, and that a kernel changed
// after its form was asked for is seen as changed.
func TestForms(t *testing.T) {
	k := kernel.New("k")
	x, o, s := k.Input("x", kernel.I32), k.Output("out", kernel.I32), k.Output("sum", kernel.I32)
	k.PutElem(o, kernel.Elem(x))
	if got := k.Form(); got != kernel.Map {
		t.Errorf("got %s, want map", got)
	}
	k.Put(s, kernel.Row, kernel.ReduceSum(kernel.Elem(x)))
	if got := k.Form(); got != kernel.RowForm {
		t.Errorf("got %s, want rows", got)
	}
	k.Stores[1] = kernel.Store{Buf: s, Index: kernel.Row, Value: kernel.Elem(x), Add: true}
	k.Fan = kernel.Cols
	if got := k.Form(); got != kernel.Scatter {
		t.Errorf("got %s, want scatter", got)
	}
	m := kernel.NewMatmul("m")
	m.PutElem(m.Output("out", kernel.I32), kernel.Acc)
	if got := m.Form(); got != kernel.Matmul {
		t.Errorf("got %s, want matmul", got)
	}
}

// TestCost recounts a small kernel by hand.
func TestCost(t *testing.T) {
	k := kernel.New("k")
	x, o, s := k.Input("x", kernel.I32), k.Output("out", kernel.I32), k.Output("sum", kernel.I32)
	sum := kernel.ReduceSum(kernel.Elem(x))
	k.PutElem(o, kernel.Div(kernel.Elem(x), kernel.C(3)))
	k.Put(s, kernel.Row, kernel.Sub(sum, kernel.C(1)))
	in := &kernel.Instance{Kernel: k, Rows: 5, Cols: 7, Lens: []int{35, 35, 5}}
	// Once per row: row*cols, the difference and its store. Once per element:
	// the index's sum, the load, the reduction, the division (8), the store.
	if got, want := kernel.Cost(in), int64(5*3+35*(1+1+1+8+1)); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	m := kernel.NewMatmul("m")
	m.PutElem(m.Output("out", kernel.I32), kernel.Acc)
	in = &kernel.Instance{Kernel: m, Rows: 5, Cols: 7, Params: make([]int32, len(m.Params))}
	in.Params[m.Contract.K] = 11
	if got, want := kernel.Cost(in), int64(5+35*(1+1+2*11)); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

// TestSimplify checks single rewrites, and that what is not shown to be
// needless stays.
func TestSimplify(t *testing.T) {
	x, y, z, c := loadX, loadY, loadZ, kernel.C
	for _, tc := range []struct {
		name   string
		e      *kernel.Expr
		ranges []kernel.Interval
		want   *kernel.Expr
	}{
		{"clamp that never limits", kernel.Clamped(x, 100), []kernel.Interval{iv(-100, 100)}, x},
		{"clamp of one side", kernel.Clamped(x, 100), []kernel.Interval{iv(-100, 101)}, kernel.Min(x, c(100))},
		{"select that always goes one way", kernel.Select(kernel.Lt(x, c(5)), y, z), []kernel.Interval{iv(0, 4), iv(0, 1), iv(2, 3)}, y},
		{"select of equals", kernel.Select(x, y, y), []kernel.Interval{iv(0, 4), iv(0, 1)}, y},
		{"constants", kernel.Add(x, kernel.Sar(c(-7), c(1))), []kernel.Interval{iv(0, 4)}, kernel.Add(x, c(-4))},
		{"neutral elements", kernel.Mul(kernel.Add(kernel.Shl(x, c(0)), c(0)), c(1)), []kernel.Interval{iv(0, 4)}, x},
		{"magnitude of a positive", kernel.Abs(x), []kernel.Interval{iv(0, 4)}, x},
		{"mask of bits that are clear", kernel.And(x, c(1023)), []kernel.Interval{iv(0, 1023)}, x},
		{"mask with holes", kernel.And(x, c(5)), []kernel.Interval{iv(0, 5)}, kernel.And(x, c(5))},
		{"quotient of a small value", kernel.Div(x, c(10)), []kernel.Interval{iv(0, 9)}, c(0)},
		{"remainder of a small value", kernel.Rem(x, c(10)), []kernel.Interval{iv(0, 9)}, x},
		{"shift to the right", kernel.Shift(x, y), []kernel.Interval{iv(-9, 9), iv(1, 30)}, kernel.Rne(x, y)},
		{"shift by 0", kernel.Shift(x, c(0)), []kernel.Interval{iv(-kernel.Sat, kernel.Sat)}, x},
		{"shift by 0 that limits", kernel.Shift(x, c(0)), []kernel.Interval{iv(0, kernel.Sat+1)}, kernel.Shift(x, c(0))},
		{"shift to the left", kernel.Shift(x, c(-4)), []kernel.Interval{iv(-9, 9)}, kernel.Shl(x, c(4))},
		{"shift that saturates", kernel.Shift(x, c(-4)), []kernel.Interval{iv(0, 1<<28)}, kernel.Shift(x, c(-4))},
		{"shift of everything", kernel.Shift(x, y), []kernel.Interval{iv(-9, 9), iv(31, 40)}, c(0)},
		{"parameters stay", kernel.Add(&kernel.Expr{Op: kernel.OpParam}, x), []kernel.Interval{iv(0, 1)}, kernel.Add(&kernel.Expr{Op: kernel.OpParam}, x)},
	} {
		in := single(tc.e, tc.ranges...)
		in.Kernel.Params, in.Params = []string{"p"}, []int32{3}
		proof, err := kernel.Prove(in)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := kernel.Simplify(in.Kernel, proof).Stores[0].Value; text(got) != text(tc.want) {
			t.Errorf("%s: got %s, want %s", tc.name, text(got), text(tc.want))
		}
	}
}

// text is an expression in prefix form.
func text(e *kernel.Expr) string {
	s := "(" + e.Op.String()
	if e.Op == kernel.OpConst || e.Op == kernel.OpLoad {
		s += fmt.Sprint(" ", e.K)
	}
	for _, a := range e.Args {
		s += " " + text(a)
	}
	return s + ")"
}
