package ops

import (
	"math/bits"

	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// logit is z (Q16 nats) as Q10 powers of two, within ±2^17.
func logit(z *Expr) *Expr { return Rne(Mul(Clamped(Rne(z, C(4)), 1<<18), C(5909)), C(14)) }

// maxClasses bounds the vocabulary: sums of terms must stay below 2^30.
const maxClasses = 1 << 17

// splitBits is how many low bits of a Q23 term of a softmax over cols are
// summed apart, so that the sum of the high bits stays within 2^29.
func splitBits(cols int) int { return max(0, bits.Len(uint(cols-1))+23-29) }

func (c *call) classes() {
	rows, cols := c.matrix("z")
	c.want("target", rows)
	if r := c.in[c.index("target")].Range; r.Lo < 0 || r.Hi >= int64(cols) {
		c.fail("input target lies in %v, want 0 to %d", r, cols-1)
	}
	if cols > maxClasses {
		c.fail("%d classes, want at most 2^17", cols)
	}
	c.set("split", int64(splitBits(cols)))
	c.space(rows, cols)
}

// softmaxTerms are the largest logit of the row, the terms 2^(logit-top) in
// Q23, and their sum in Q(23-split).
func softmaxTerms(z, split *Expr) (top, e, sum *Expr) {
	t := logit(z)
	top = ReduceMax(t)
	e = Min(Exp2NegWide(Sub(top, t), C(8)), C(1<<23))
	low := And(e, Sub(Shl(C(1), split), C(1)))
	sum = Add(ReduceSum(Sar(e, split)), Sar(ReduceSum(low), split))
	return top, e, Max(sum, C(1))
}

var (
	// CrossEntropyGradOp is the gradient of the summed loss.
	CrossEntropyGradOp = func() *Def {
		k := New("cross_entropy_grad", "split")
		z, y, o := k.Input("z", I32), k.Input("target", I32), k.Output("dz", I32)
		_, e, sum := softmaxTerms(Elem(z), k.P("split"))
		r, n := reciprocal(sum)
		// e/(sum*2^split) = e*r/2^14 * 2^(-n-split)
		p := Min(Shift(timesReciprocal(e, r), Sub(Add(n, k.P("split")), C(FG))), C(1<<FG))
		k.PutElem(o, Sub(p, Select(Eq(Col, At(y, Row)), C(1<<FG), C(0))))
		return define(80, "softmax(z) - onehot(target), Q24: gradient of the summed cross-entropy", k, nil, func(c *call) {
			c.classes()
			c.out(c.shape("z", 0)...)
		})
	}()

	// CrossEntropyOp is the loss itself, for people and for evaluation.
	CrossEntropyOp = func() *Def {
		k := New("cross_entropy", "split")
		z, y, loss, hit := k.Input("z", I32), k.Input("target", I32), k.Output("loss", I32), k.Output("hit", I32)
		top, _, sum := softmaxTerms(Elem(z), k.P("split"))
		at := At(z, Add(Mul(Row, Cols), At(y, Row)))
		// log2 of the sum, plus the distance of the target from the top: Q16
		l := Add(Sub(Log2(sum), Shl(Sub(C(23), k.P("split")), C(16))), Shl(Sub(top, logit(at)), C(6)))
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
