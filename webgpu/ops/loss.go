package ops

import (
	"math/bits"

	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// logit is z (Q16 nats) as Q10 powers of two, within ±2^17.
func logit(z *Expr) *Expr { return Rne(Mul(Clamped(Rne(z, C(4)), 1<<18), C(1477)), C(12)) }

// extraBits is how many bits beyond Q15 the terms of a softmax sum over cols
// may carry so that the sum stays below 2^30.
func extraBits(cols int) int { return max(0, min(8, 14-bits.Len(uint(cols-1)))) }

func (c *call) classes() {
	rows, cols := c.matrix("z")
	c.want("target", rows)
	if r := c.in[c.index("target")].Range; r.Lo < 0 || r.Hi >= int64(cols) {
		c.fail("input target lies in %v, want 0 to %d", r, cols-1)
	}
	if cols > 1<<15-2 {
		c.fail("%d classes, want at most 2^15-2", cols)
	}
	c.set("extra", int64(extraBits(cols)))
	c.space(rows, cols)
}

var (
	// CrossEntropyGradOp is the gradient of the summed loss.
	CrossEntropyGradOp = func() *Def {
		k := New("cross_entropy_grad", "extra")
		z, y, o := k.Input("z", I32), k.Input("target", I32), k.Output("dz", I32)
		t := logit(Elem(z))
		e := Min(Exp2NegWide(Sub(ReduceMax(t), t), k.P("extra")), Shl(C(1<<15), k.P("extra")))
		sum := Max(ReduceSum(e), C(1))
		n := BitLen(sum)
		r := Div(C(1<<27), Max(Shift(sum, Sub(n, C(14))), C(1)))
		// e/sum = e*2^(16-n) * r / 2^29
		p := Rne(Mul(Min(Shift(e, Sub(n, C(16))), C(1<<16)), r), C(29-FG))
		k.PutElem(o, Sub(p, Select(Eq(Col, At(y, Row)), C(1<<FG), C(0))))
		return define(80, "softmax(z) - onehot(target), Q24: gradient of the summed cross-entropy", k, nil, func(c *call) {
			c.classes()
			c.out(c.shape("z", 0)...)
		})
	}()

	// CrossEntropyOp is the loss itself, for people and for evaluation.
	CrossEntropyOp = func() *Def {
		k := New("cross_entropy", "extra")
		z, y, loss, hit := k.Input("z", I32), k.Input("target", I32), k.Output("loss", I32), k.Output("hit", I32)
		t := logit(Elem(z))
		top := ReduceMax(t)
		e := Min(Exp2NegWide(Sub(top, t), k.P("extra")), Shl(C(1<<15), k.P("extra")))
		sum := Max(ReduceSum(e), C(1))
		at := At(z, Add(Mul(Row, Cols), At(y, Row)))
		// log2 of the sum, plus the distance of the target from the top: Q16
		l := Add(Sub(Log2(sum), Shl(Add(k.P("extra"), C(15)), C(16))), Shl(Sub(top, logit(at)), C(6)))
		l = Clamp(l, 0, 1<<21)
		k.Put(loss, Row, Rne(Mul(Rne(l, C(6)), C(45426)), C(10)))
		k.Put(hit, Row, Eq(at, ReduceMax(Elem(z))))
		return define(81, "cross-entropy in nats, Q16, at most 22; hit = 1 where the target has the largest logit", k, nil, func(c *call) {
			c.classes()
			c.out(c.rows)
			c.out(c.rows)
		})
	}()
)
