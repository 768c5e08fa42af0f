package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// Optimisers are maps over [w, state..., g]. The learning rate is an input of
// one element, so that one program serves every step.

// Bounds of the optimisers' state (SPEC.md, "Optimisers").
const (
	GradLimit     = 1 << 21 // Adam, Lion: gradients, Q12
	MomentumLimit = 1 << 26 // Adam, Lion: momentum, Q16
	SGDGradLimit  = 1 << 25 // SGD: gradients, Q16
	SGDMomentum   = 1 << 28 // SGD: momentum, Q16
	SquareLimit   = 1<<30 - 1
)

func limitWeight(w *Expr) *Expr { return Clamped(w, WeightLimit) }

// gradient is g (Q12) limited, as Q16.
func gradient(g *Expr) *Expr { return Shl(Clamped(g, GradLimit), C(4)) }

var (
	// AdamOp updates weights with Adam.
	AdamOp = func() *Def {
		k := New("adam", "s")
		w, m, v, g, lr := k.Input("w", I32), k.Input("m", I32), k.Input("v", I32), k.Input("g", I32), k.Input("lr", I32)
		wo, mo, vo := k.Output("w_out", I32), k.Output("m_out", I32), k.Output("v_out", I32)
		x := gradient(Elem(g))
		m1 := Clamped(Add(Elem(m), Rne(Mul(Sub(x, Elem(m)), C(13)), C(7))), MomentumLimit)
		v1 := secondMoment(Elem(v), Abs(x))
		r := overRoot(m1, v1)
		k.PutElem(wo, limitWeight(Sub(Elem(w), Rne(Mul(At(lr, C(0)), r), k.P("s")))))
		k.PutElem(mo, m1)
		k.PutElem(vo, v1)
		return define(112, "Adam: b1 = 115/128, b2 = 63/64, no epsilon; lr Q(26-12+s), bias correction included", k, []Attr{{"s", 6, 18}}, optimizer)
	}()

	// LionOp updates weights with Lion.
	LionOp = func() *Def {
		k := New("lion")
		w, m, g, lr := k.Input("w", I32), k.Input("m", I32), k.Input("g", I32), k.Input("lr", I32)
		wo, mo := k.Output("w_out", I32), k.Output("m_out", I32)
		d := Sub(gradient(Elem(g)), Elem(m))
		c := Add(Elem(m), Sub(Sar(d, C(3)), Sar(d, C(6))))
		sign := Sub(Lt(C(0), c), Lt(c, C(0)))
		k.PutElem(wo, limitWeight(Sub(Elem(w), Mul(At(lr, C(0)), sign))))
		k.PutElem(mo, Clamped(Add(Elem(m), Rne(d, C(7))), MomentumLimit))
		return define(113, "Lion: b1 = 1-7/64, b2 = 127/128; lr Q26", k, nil, optimizer)
	}()

	// SGDOp updates weights with SGD and momentum.
	SGDOp = func() *Def {
		k := New("sgd", "mu")
		w, m, g, lr := k.Input("w", I32), k.Input("m", I32), k.Input("g", I32), k.Input("lr", I32)
		wo, mo := k.Output("w_out", I32), k.Output("m_out", I32)
		m1 := Clamped(Add(mul256(Elem(m), k.P("mu")), Clamped(Elem(g), SGDGradLimit)), SGDMomentum)
		k.PutElem(wo, limitWeight(Sub(Elem(w), mul256(m1, At(lr, C(0))))))
		k.PutElem(mo, m1)
		return define(114, "SGD: m = m*mu/256 + g; w -= m*lr/256; g, m Q16, so lr is Q18", k, []Attr{{"mu", 0, 255}}, optimizer)
	}()
)

func optimizer(c *call) {
	rows, cols := c.matrix("w")
	for _, name := range c.def.Inputs[1 : len(c.def.Inputs)-1] {
		c.want(name, rows*cols)
	}
	c.want("lr", 1)
	c.space(rows, cols)
	for range c.def.Outputs {
		c.out(c.shape("w", 0)...)
	}
}

// mul256 is floor(x*k/256) from two 32-bit products, 0 <= k < 1024.
func mul256(x, k *Expr) *Expr {
	return Add(Mul(Sar(x, C(8)), k), Sar(Mul(And(x, C(255)), k), C(8)))
}

// secondMoment is v + (g^2 - v)/64 for v packed as exponent+32 in the top
// bits and a 24-bit mantissa: v = mantissa * 2^(exponent). g is rounded to 12
// bits before it is squared.
func secondMoment(v, g *Expr) *Expr {
	mant := And(v, C(1<<24-1))
	ev := Select(Eq(mant, C(0)), C(-16), Sub(Sar(v, C(24)), C(32)))
	e := Max(Sub(BitLen(g), C(12)), C(0))
	a := Min(Shift(g, e), C(4096))
	sq := Mul(a, a)
	es := Shl(e, C(1))
	top := Select(Eq(sq, C(0)), ev, Max(ev, es))
	down := func(x, s *Expr) *Expr { return Select(Lt(C(30), s), C(0), Sar(Shl(x, C(6)), Clamp(s, 0, 31))) }
	x := down(mant, Sub(top, ev))
	y := down(sq, Sub(top, es))
	x = Max(Add(x, Sar(Add(Sub(y, x), C(32)), C(6))), C(0))
	n := Sub(BitLen(x), C(24))
	mm := Shift(x, n)
	carry := Sar(mm, C(24))
	mm = Sar(mm, carry)
	ex := Add(Add(Sub(top, C(6)), n), Add(carry, C(32)))
	packed := Or(Shl(Clamp(ex, 0, 63), C(24)), Min(mm, C(1<<24-1)))
	return Select(Lt(ex, C(2)), C(0), Select(Eq(x, C(0)), C(0), packed))
}

// overRoot is m / sqrt(v), Q12, within ±8191; 0 where v is 0, and for |m| < 5:
// such a momentum no longer decays (a step of 13/128 of it rounds to 0) while v
// does, and would go on moving a weight whose gradient has long been 0.
func overRoot(m, v *Expr) *Expr {
	mant := And(v, C(1<<24-1))
	e := Sub(Sar(v, C(24)), C(38)) // of mant << 6
	odd := And(e, C(1))
	root := Max(Isqrt(Sar(Shl(mant, C(6)), odd)), C(1)) // [2^14, 2^15)
	half := Sar(Add(e, odd), C(1))
	mag := Abs(m)
	lz := Sub(C(30), BitLen(mag))
	q := Div(Shift(mag, Sub(C(0), lz)), root)
	r := Min(Shift(q, Sub(Add(lz, half), C(12))), C(8191))
	r = Select(Lt(m, C(0)), Sub(C(0), r), r)
	return Select(Or(Eq(mant, C(0)), Lt(mag, C(5))), C(0), r)
}
