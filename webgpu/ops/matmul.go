package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// layout are the attributes of every matmul: the batch, the sizes, and the
// offset and strides of both operands.
var layout = []Attr{
	{"b0", 1, MaxElements}, {"b1", 1, MaxElements}, {"m", 1, MaxElements}, {"n", 1, MaxElements}, {"k", 1, 1 << 17},
	{"a_off", 0, MaxElements}, {"a_b0", 0, MaxElements}, {"a_b1", 0, MaxElements}, {"a_m", 0, MaxElements}, {"a_k", 0, MaxElements},
	{"b_off", 0, MaxElements}, {"b_b0", 0, MaxElements}, {"b_b1", 0, MaxElements}, {"b_n", 0, MaxElements}, {"b_k", 0, MaxElements},
}

// Layout is the shape of a batched contraction: out[b0,b1,m,n] = sum over k of
// a[AOff + b0*AB0 + b1*AB1 + m*AM + k*AK] * b[BOff + b0*BB0 + b1*BB1 + n*BN +
// k*BK].
type Layout struct {
	B0, B1, M, N, K        int
	AOff, AB0, AB1, AM, AK int
	BOff, BB0, BB1, BN, BK int
}

// Attrs are the layout's attributes, followed by extra.
func (l Layout) Attrs(extra ...int32) []int32 {
	v := []int{l.B0, l.B1, l.M, l.N, l.K, l.AOff, l.AB0, l.AB1, l.AM, l.AK, l.BOff, l.BB0, l.BB1, l.BN, l.BK}
	out := make([]int32, len(v), len(v)+len(extra))
	for i, x := range v {
		out[i] = int32(x)
	}
	return append(out, extra...)
}

// NT is the layout of [m,k] x [n,k] transposed: a linear layer's forward pass.
func NT(m, n, k int) Layout {
	return Layout{B0: 1, B1: 1, M: m, N: n, K: k, AM: k, AK: 1, BN: k, BK: 1}
}

// NN is the layout of [m,k] x [k,n]: the gradient of a layer's input.
func NN(m, n, k int) Layout {
	return Layout{B0: 1, B1: 1, M: m, N: n, K: k, AM: k, AK: 1, BN: 1, BK: n}
}

// TN is the layout of [k,m] transposed x [k,n]: the gradient of weights.
func TN(m, n, k int) Layout {
	return Layout{B0: 1, B1: 1, M: m, N: n, K: k, AM: 1, AK: m, BN: 1, BK: n}
}

func (c *call) contraction() {
	rows := c.attr("b0") * c.attr("b1") * c.attr("m")
	if c.attr("b0") > MaxElements/c.attr("b1") || rows > MaxElements || rows < 1 {
		c.fail("b0*b1*m leaves 1 to 2^28")
		return
	}
	c.space(rows, c.attr("n"))
	c.out(rows, c.attr("n"))
}

var (
	// MatmulOp is the exact int8 contraction.
	MatmulOp = func() *Def {
		k := NewMatmul("matmul")
		o := k.Output("out", I32)
		k.PutElem(o, Acc)
		return define(32, "batched int8 contraction with any strides, exact", k, layout, (*call).contraction)
	}()

	// MatmulShiftOp is the contraction with the operands' exponents applied.
	MatmulShiftOp = func() *Def {
		k := NewMatmul("matmul_shift", "s0", "limit", "group")
		ea, eb, o := k.Input("ea", I32), k.Input("eb", I32), k.Output("out", I32)
		s := Sub(Sub(k.P("s0"), group(ea, k.P("group"))), At(eb, C(0)))
		lim := k.P("limit")
		k.PutElem(o, Min(Max(Shift(Acc, s), Sub(C(0), lim)), lim))
		return define(33, "matmul / 2^(s0-ea-eb) limited to ±limit: ea shared by groups of rows, eb by all", k,
			append(append([]Attr(nil), layout...), Attr{"s0", -128, 128}, Attr{"limit", 1, Sat}), func(c *call) {
				c.contraction()
				if c.err == nil {
					c.set("group", c.group("ea", c.rows))
					c.want("eb", 1)
				}
			})
	}()
)
