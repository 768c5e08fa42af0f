package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// q10 is x (Q16) as Q10 within 16 bits.
func q10(x *Expr) *Expr { return Clamped(Rne(x, C(FX-10)), 32767) }

// mantissa14 brings a row of x within ±2^14. It returns the mantissas and the
// exponent.
func mantissa14(x *Expr) (m, s *Expr) {
	s = Sub(rowBits(x), C(14))
	return Clamped(Shift(x, s), 1<<14), s
}

// sigmoid of x (Q10), Q15: 1 / (1 + 2^-|x log2 e|), mirrored for x < 0.
func sigmoid(x *Expr) *Expr {
	e := Exp2Neg(Sar(Mul(Abs(x), C(1477)), C(10)))
	p := Div(C(1<<30), Add(C(1<<15), e))
	return Select(Lt(x, C(0)), Sub(C(1<<15), p), p)
}

// silu of x (Q10) with its sigmoid s (Q15), Q10.
func silu(x, s *Expr) *Expr { return Rne(Mul(x, s), C(15)) }

var (
	// ReLUOp is max(x, 0).
	ReLUOp = func() *Def {
		k := New("relu")
		x, o := k.Input("x", I32), k.Output("out", I32)
		k.PutElem(o, Max(Elem(x), C(0)))
		return define(48, "max(x, 0)", k, nil, dense)
	}()

	// ReLUGradOp is its gradient.
	ReLUGradOp = func() *Def {
		k := New("relu_grad")
		d, x, o := k.Input("d", I32), k.Input("x", I32), k.Output("dx", I32)
		k.PutElem(o, Select(Lt(C(0), Elem(x)), Elem(d), C(0)))
		return define(49, "d where x > 0, else 0", k, nil, dense)
	}()

	// ReLU2Op is the squared ReLU.
	ReLU2Op = func() *Def {
		k := New("relu2")
		x, a, h := k.Input("x", I32), k.Output("a", I32), k.Output("h", I16)
		v := q10(Elem(x))
		r := Max(v, C(0))
		k.PutElem(a, Sar(Add(Mul(r, r), C(8)), C(4)))
		k.PutElem(h, v)
		return define(50, "a = max(x, 0)^2, Q16; h = x in Q10", k, nil, dense)
	}()

	// ReLU2GradOp is its gradient.
	ReLU2GradOp = func() *Def {
		k := New("relu2_grad")
		d, h, o := k.Input("d", I32), k.Input("h", I16), k.Output("dx", I32)
		t, s := mantissa14(Elem(d))
		k.PutElem(o, Shift(Mul(t, Max(Elem(h), C(0))), Sub(C(9), s)))
		return define(51, "d * 2 max(h, 0)", k, nil, dense)
	}()

	// SwiGLUOp is silu(g) * u.
	SwiGLUOp = func() *Def {
		k := New("swiglu")
		g, u := k.Input("g", I32), k.Input("u", I32)
		a, hg, hu := k.Output("a", I32), k.Output("hg", I16), k.Output("hu", I16)
		vg, vu := q10(Elem(g)), q10(Elem(u))
		k.PutElem(a, Rne(Mul(silu(vg, sigmoid(vg)), vu), C(4)))
		k.PutElem(hg, vg)
		k.PutElem(hu, vu)
		return define(52, "a = g*sigmoid(g)*u, Q16; hg, hu = g, u in Q10", k, nil, dense)
	}()

	// SwiGLUGradOp is its gradient.
	SwiGLUGradOp = func() *Def {
		k := New("swiglu_grad")
		d, hg, hu := k.Input("d", I32), k.Input("hg", I16), k.Input("hu", I16)
		dg, du := k.Output("dg", I32), k.Output("du", I32)
		t, s := mantissa14(Elem(d))
		g, u := Elem(hg), Elem(hu)
		sig := sigmoid(g)
		// silu'(g) = sig + g*sig*(1-sig), Q15, at most 1.1
		slope := Add(sig, Rne(Mul(g, Rne(Mul(sig, Sub(C(1<<15), sig)), C(15))), C(10)))
		slope = Clamped(slope, 40000)
		out := Sub(C(10), s)
		k.PutElem(dg, Shift(Mul(t, Rne(Mul(u, slope), C(15))), out))
		k.PutElem(du, Shift(Mul(t, silu(g, sig)), out))
		return define(53, "gradients of swiglu with respect to g and u", k, nil, dense)
	}()
)
