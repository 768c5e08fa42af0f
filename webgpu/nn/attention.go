package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// attention is causal attention of several heads: every token's query meets
// the keys of its past, softmax weighs their values, and a linear layer mixes
// the heads.
//
// A unit is one sequence and one head. Scores and probabilities are
// [units*T, T]; activations are [B*T, heads*hd]; q, k and v stand side by side
// in rows [3, heads, hd] of every token, each (token, head) with an exponent
// of its own. That is what keeps a token's result free of what follows it.
type attention struct {
	qkv, out             linear
	heads, context, size int // size: of a head
}

func newAttention(p *params, name string, c Config) attention {
	return attention{
		qkv:   newLinear(p, name+".qkv", c.Dim, 3*c.Dim, Std{1, c.Dim}),
		out:   newLinear(p, name+".out", c.Dim, c.Dim, Std{1, 2 * c.Layers * c.Dim}),
		heads: c.Heads, context: c.Context, size: c.Dim / c.Heads,
	}
}

func (a attention) forward(g *graph, x program.Value) (program.Value, backward) {
	n, normBack := norm(g, x)
	qkv, qkvBack := a.qkv.forward(g, n)
	u := a.attend(g, g.activations(qkv, a.size))
	y, outBack := a.out.forward(g, g.activations(u.out, a.heads*a.size))
	return y, func(dy program.Value) program.Value {
		return normBack(qkvBack(a.gradient(g, u, outBack(dy))))
	}
}

// attended is what attend leaves for its gradient.
type attended struct {
	batch      int
	q          program.Value // int8 queries, keys and values, [B*T, 3, heads, hd]
	eq, ek, ev program.Value // their exponents, [units, T]
	p          program.Value // int8 unnormalised probabilities
	z          program.Value // their sums, [units*T]
	vm         program.Value // largest exponent of v in a token's past, [units*T]
	out        program.Value // Q16, [B*T, heads*hd]
}

// Which of q, k and v a strided operand is.
const (
	query = iota
	key
	value
)

// matmul contracts within every unit.
func (a attention) matmul(g *graph, x, y program.Value, l ops.Layout, batch int) program.Value {
	l.B0, l.B1 = batch, a.heads
	return g.one(ops.MatmulOp, values{x, y}, l.Attrs()...)
}

// strides are those of tokens [T, groups, heads, hd] of a sequence: of the
// sequence, the unit within it, the token.
func (a attention) strides(groups int) (sequence, unit, token int) {
	token = groups * a.heads * a.size
	return a.context * token, a.size, token
}

// left makes rows [T, k] of part of [B*T, groups, heads, hd] the first operand.
func (a attention) left(l *ops.Layout, groups, part int) {
	l.AOff = part * a.heads * a.size
	l.AB0, l.AB1, l.AM = a.strides(groups)
	l.AK = 1
}

// right makes part of q, k, v the second operand; its columns are tokens when
// they meet the rows of the first (scores), else they are summed over.
func (a attention) right(l *ops.Layout, part int, scores bool) {
	l.BOff = part * a.heads * a.size
	l.BB0, l.BB1, l.BN = a.strides(3)
	l.BK = 1
	if !scores {
		l.BN, l.BK = l.BK, l.BN
	}
}

// square makes [units*T, T] the first operand, transposed or not.
func (a attention) square(l *ops.Layout, transposed bool) {
	t := a.context
	l.AB0, l.AB1, l.AM, l.AK = a.heads*t*t, t*t, t, 1
	if transposed {
		l.AM, l.AK = l.AK, l.AM
	}
}

func (a attention) attend(g *graph, x operand) attended {
	t, heads, hd := a.context, a.heads, a.size
	u := attended{batch: g.len(x.q) / (3 * t * heads * hd), q: x.q}
	e := g.apply(ops.SplitExponentsOp, values{x.e}, int32(t), int32(heads))
	u.eq, u.ek, u.ev = e[0], e[1], e[2]

	l := ops.Layout{M: t, N: t, K: hd}
	a.left(&l, 3, query)
	a.right(&l, key, true)
	scores := a.matmul(g, x.q, x.q, l, u.batch)
	s := g.softmax(scores, u, hd)
	u.p, u.z, u.vm = s[0], s[2], s[3]

	l = ops.Layout{M: t, N: hd, K: t}
	a.square(&l, false)
	a.right(&l, value, false)
	o := a.matmul(g, s[1], x.q, l, u.batch)
	u.out = g.one(ops.AttentionOutOp, values{o, u.z, u.vm}, int32(t), int32(heads))
	return u
}

// softmax scales scores to powers of two, Q10:
//
//	t = acc * 2^(eq-FX) * 2^(ek-FX) * log2(e)/sqrt(hd) * 2^10
//	  = acc*scale / 2^(2 FX - 10 + k - eq - ek)  with scale = round(2^k log2(e)/sqrt(hd))
//
// and k as large as the product's range allows.
func (g *graph) softmax(acc program.Value, u attended, hd int) []program.Value {
	var choices [][]int32
	for k := 20; k >= 0; k-- {
		if scale := overRoot(log2e, hd, k); scale >= 1 && scale <= 1<<20 || k == 0 {
			choices = append(choices, []int32{int32(max(scale, 1)), int32(2*ops.FX - 10 + k)})
		}
	}
	return g.best(ops.SoftmaxCausalOp, values{acc, u.eq, u.ek, u.ev}, choices)
}

// gradient maps the gradient of u.out to that of q, k and v, [B*T, 3, heads,
// hd], both Q24.
func (a attention) gradient(g *graph, u attended, do program.Value) program.Value {
	t, heads, hd := a.context, a.heads, a.size
	perHead := values{none, none, none}

	// dV[j] = sum_i p[i,j]/z[i] * dO[i]. The op makes dO/z * 2^6; the sum over
	// rows wants one exponent per unit, bits-7. So in Q FG dV is
	//   sum p*q * 2^(bits-7-6)
	dov := g.one(ops.AttentionValueGradOp, values{do, u.z}, int32(t), int32(heads))
	bits := g.unitBits(dov, g.zero(), t)
	q := g.one(ops.QuantizeFoldOp, values{dov, g.zero(), bits, g.key}, g.nextSalt())
	l := ops.Layout{M: t, N: hd, K: t, BB0: heads * t * hd, BB1: t * hd, BN: 1, BK: hd}
	a.square(&l, true)
	perHead[value] = g.one(ops.HeadMergeOp, values{a.matmul(g, u.p, q, l, u.batch), bits},
		int32(t), int32(heads), 1, mantissaBits+6)

	// dP[i,j] = dO[i] . v[j], with exponents eo[i] and ev[j]; the op brings
	// ev[j] to vm[i] and makes the gradient of the scaled scores
	//   dS = ds * 2^(-8 + eo[i]-FG + vm[i]-FX)
	d := g.gradients(do, hd)
	eo := g.one(ops.HeadRowsOp, values{d.e}, int32(t), int32(heads))
	l = ops.Layout{M: t, N: t, K: hd}
	a.left(&l, 1, 0)
	a.right(&l, value, true)
	dp := a.matmul(g, d.q, u.q, l, u.batch)
	var choices [][]int32
	for sd := range int32(13) { // bits dropped so that the sum over a row fits
		choices = append(choices, []int32{sd})
	}
	ds := g.best(ops.SoftmaxGradOp, values{u.p, dp, u.z, u.ev, u.vm}, choices)[0]
	eds := g.one(ops.AddOp, values{eo, u.vm})

	// dQ[i] = sum_j dS[i,j] k[j] / sqrt(hd): ek[j] is folded into ds, whose
	// rows then have exponents es[i]. In Q FG:
	//   sum dsq*kq * 2^(es + eo + vm - 8 - 2 FX) / sqrt(hd)
	f := g.apply(ops.QuantizeFoldColsOp, values{ds, u.ek, g.key}, g.nextSalt())
	l = ops.Layout{M: t, N: hd, K: t}
	a.square(&l, false)
	a.right(&l, key, false)
	perHead[query] = a.mergeScaled(g, a.matmul(g, f[0], u.q, l, u.batch), g.one(ops.AddOp, values{f[1], eds}), 8+2*ops.FX)

	// dK[j] = sum_i dS[i,j] q[i] / sqrt(hd): all exponents of row i, eo + vm +
	// eq, are folded into ds, which has one exponent per unit, bits-7. In Q FG:
	//   sum dsq*qq * 2^(bits - 7 - 8 - 2 FX) / sqrt(hd)
	er := g.one(ops.AddOp, values{eds, u.eq})
	bits = g.unitBits(ds, er, t)
	q = g.one(ops.QuantizeFoldOp, values{ds, er, bits, g.key}, g.nextSalt())
	l = ops.Layout{M: t, N: hd, K: t}
	a.square(&l, true)
	a.right(&l, query, false)
	perHead[key] = a.mergeScaled(g, a.matmul(g, q, u.q, l, u.batch), bits, mantissaBits+8+2*ops.FX)

	return g.one(ops.Concat3Op, perHead)
}

// unitBits is tensorBits of every unit of t rows.
func (g *graph) unitBits(v, e program.Value, t int) program.Value {
	return g.one(ops.RowMaxOp, values{g.one(ops.RowBitsOp, values{v, e})}, int32(t))
}

// mergeScaled is acc * 2^(e-s) / sqrt(hd), heads side by side:
// acc*scale / 2^(s+k-e) with scale = round(2^k / sqrt(hd)) and k as large as
// the product's range allows.
func (a attention) mergeScaled(g *graph, acc, e program.Value, s int) program.Value {
	var choices [][]int32
	for k := 15; k >= 0; k-- {
		if scale := overRoot(1<<30, a.size, k); scale >= 1 && scale <= 1<<15 || k == 0 {
			choices = append(choices, []int32{int32(a.context), int32(a.heads), int32(max(scale, 1)), int32(s + k)})
		}
	}
	return g.best(ops.HeadMergeOp, values{acc, e}, choices)[0]
}

// log2e is log2(e) in Q30.
const log2e = 1549082005

// overRoot is round(x * 2^(k-30) / sqrt(n)).
func overRoot(x uint64, n, k int) int {
	r := root(x * x / uint64(n)) // x/sqrt(n), rounded down
	return int((r + 1<<(29-k)) >> (30 - k))
}
