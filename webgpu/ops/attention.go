package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// Attention works in units: one sequence and one head. Unit u = b*heads + h;
// scores and probabilities are [units*T, T]; activations are [B*T, heads*hd],
// which is [B*T*heads, hd] to quantisers.

// reciprocal of z >= 1: z is about 2^(n-15) * 2^29 / r with r in [2^14, 2^15].
func reciprocal(z *Expr) (r, n *Expr) {
	n = BitLen(z)
	return Div(C(1<<29), Max(Shift(z, Sub(n, C(15))), C(1))), n
}

// timesReciprocal is floor(x * r / 2^14) for |x| below 2^29: the product's
// high part, made of two 32-bit products.
func timesReciprocal(x, r *Expr) *Expr {
	return Add(Mul(Sar(x, C(14)), r), Sar(Mul(And(x, C(1<<14-1)), r), C(14)))
}

// unitRow is the row of unit-major scores [B,heads,T] that row (b,t,h) of
// activations meets.
func unitRow(t, heads *Expr) *Expr {
	h := Rem(Row, heads)
	bt := Div(Row, heads)
	return Add(Mul(Add(Mul(Div(bt, t), heads), h), t), Rem(bt, t))
}

// tokenRow is the inverse: the row of [B*T*heads] for row (u,i) of units.
func tokenRow(t, heads *Expr) *Expr {
	u := Div(Row, t)
	i := Rem(Row, t)
	return Add(Mul(Add(Mul(Div(u, heads), t), i), heads), Rem(u, heads))
}

var headAttrs = []Attr{{"t", 1, 1 << 16}, {"heads", 1, 1 << 12}}

// units checks that n rows are whole sequences of all heads.
func (c *call) units(n int) {
	if n%(c.attr("t")*c.attr("heads")) != 0 {
		c.fail("%d rows are not whole sequences of %d tokens and %d heads", n, c.attr("t"), c.attr("heads"))
	}
}

var (
	// SplitExponentsOp puts the exponents of q, k and v in unit order.
	SplitExponentsOp = func() *Def {
		k := New("split_exponents", "t", "heads")
		e := k.Input("e", I32)
		t, h := k.P("t"), k.P("heads")
		// row = unit, col = token; e is [B, T, 3, heads]
		at := func(part int32) *Expr {
			b, hh := Div(Row, h), Rem(Row, h)
			return At(e, Add(Mul(Add(Mul(Add(Mul(b, t), Col), C(3)), C(part)), h), hh))
		}
		for i, name := range []string{"eq", "ek", "ev"} {
			k.PutElem(k.Output(name, I32), at(int32(i)))
		}
		return define(64, "exponents [B*T, 3*heads] as three of [B*heads, T]", k, headAttrs, func(c *call) {
			n, t := c.length("e"), c.attr("t")
			if n%3 != 0 {
				c.fail("input e has %d elements, not a multiple of 3", n)
				return
			}
			c.units(n / 3)
			c.space(n/3/t, t)
			for range 3 {
				c.out(n/3/t, t)
			}
		})
	}()

	// HeadRowsOp puts per-head rows [B*T, heads] in unit order.
	HeadRowsOp = func() *Def {
		k := New("head_rows", "t", "heads")
		e, o := k.Input("e", I32), k.Output("out", I32)
		t, h := k.P("t"), k.P("heads")
		k.PutElem(o, At(e, Add(Mul(Add(Mul(Div(Row, h), t), Col), h), Rem(Row, h))))
		return define(65, "exponents [B*T, heads] as [B*heads, T]", k, headAttrs, func(c *call) {
			n, t := c.length("e"), c.attr("t")
			c.units(n)
			c.space(n/t, t)
			c.out(n/t, t)
		})
	}()

	// SoftmaxCausalOp turns scores into unnormalised int8 probabilities.
	SoftmaxCausalOp = func() *Def {
		k := New("softmax_causal", "scale", "s0")
		acc, eq, ek, ev := k.Input("acc", I32), k.Input("eq", I32), k.Input("ek", I32), k.Input("ev", I32)
		p, pf, z, vm := k.Output("p", I8), k.Output("pf", I8), k.Output("z", I32), k.Output("vm", I32)
		unit, i := Div(Row, Cols), Rem(Row, Cols)
		other := Add(Mul(unit, Cols), Col)
		past := Lt(Col, Add(i, C(1)))
		s := Sub(Sub(k.P("s0"), At(eq, Row)), At(ek, other))
		t := Clamped(Shift(Mul(Elem(acc), k.P("scale")), s), 1<<24)
		t = Select(past, t, C(-1<<25))
		e := Exp2Neg(Sub(ReduceMax(t), t))
		p8 := Min(Rne(e, C(8)), C(Mantissa))
		evc := At(ev, other)
		top := ReduceMax(Select(past, evc, C(0)))
		k.PutElem(p, p8)
		k.PutElem(pf, Min(Shift(e, Add(C(8), Sub(top, Select(past, evc, C(0))))), C(Mantissa)))
		k.Put(z, Row, ReduceSum(p8))
		k.Put(vm, Row, top)
		return define(66, "p = 127*2^(t-max t) over the past; pf with v's exponents folded in; z = sum p; vm = max ev", k,
			[]Attr{{"scale", 1, 1 << 20}, {"s0", -64, 64}}, func(c *call) {
				rows, t := c.matrix("acc")
				if rows%t != 0 {
					c.fail("%d rows of %d scores are not square", rows, t)
				}
				c.want("eq", rows)
				c.want("ek", rows)
				c.want("ev", rows)
				c.space(rows, t)
				c.out(rows, t)
				c.out(rows, t)
				c.out(rows)
				c.out(rows)
			})
	}()

	// AttentionOutOp normalises the attended values and puts heads side by
	// side.
	AttentionOutOp = func() *Def {
		k := New("attention_out", "t", "heads")
		acc, z, vm, o := k.Input("acc", I32), k.Input("z", I32), k.Input("vm", I32), k.Output("out", I32)
		src := unitRow(k.P("t"), k.P("heads"))
		r, n := reciprocal(Max(At(z, src), C(1)))
		v := timesReciprocal(At(acc, Add(Mul(src, Cols), Col)), r)
		// acc/z = v * 2^(14-29) * 2^(15-n); times 2^vm
		k.PutElem(o, Shift(v, Sub(n, At(vm, src))))
		return define(67, "acc / z * 2^vm as [B*T, heads*hd]", k, headAttrs, func(c *call) {
			rows, hd := c.matrix("acc")
			c.units(rows)
			c.want("z", rows)
			c.want("vm", rows)
			c.space(rows, hd)
			c.out(rows/c.attr("heads"), c.attr("heads")*hd)
		})
	}()

	// AttentionValueGradOp divides the output's gradient by z, in unit order:
	// the operand of the gradient of v.
	AttentionValueGradOp = func() *Def {
		k := New("attention_value_grad", "t", "heads")
		d, z, o := k.Input("d", I32), k.Input("z", I32), k.Output("out", I32)
		src := tokenRow(k.P("t"), k.P("heads"))
		x, s := mantissa14(At(d, Add(Mul(src, Cols), Col)))
		r, n := reciprocal(Max(At(z, Row), C(1)))
		// d/z * 2^6 = x * r * 2^(s - 29 + 15 - n + 6)
		k.PutElem(o, Shift(Mul(x, r), Sub(Add(n, C(8)), s)))
		return define(68, "d / z * 2^6, [B*T, heads*hd] as [B*heads*T, hd]", k, headAttrs, func(c *call) {
			rows := c.length("z")
			c.units(rows)
			n := c.length("d")
			if n%rows != 0 {
				c.fail("input d has %d elements, not a multiple of %d rows", n, rows)
				return
			}
			c.space(rows, n/rows)
			c.out(rows, n/rows)
		})
	}()

	// SoftmaxGradOp is the gradient of the probabilities' logits.
	SoftmaxGradOp = func() *Def {
		k := New("softmax_grad", "sd")
		p, dp, z, ev, vm, o := k.Input("p", I8), k.Input("dp", I32), k.Input("z", I32), k.Input("ev", I32), k.Input("vm", I32), k.Output("ds", I32)
		other := Add(Mul(Div(Row, Cols), Cols), Col)
		pv := Elem(p)
		fold := Max(Sub(At(vm, Row), At(ev, other)), C(0)) // the future may exceed vm; p is 0 there
		g := Clamped(Shift(Elem(dp), fold), 1<<21-1)
		sd := k.P("sd")
		sum := ReduceSum(Sar(Mul(pv, g), sd))
		zz := Max(At(z, Row), C(1))
		// mean = (sum << sd) / z, half away from zero, by quotient and remainder
		mag := Abs(sum)
		q := Div(mag, zz)
		rest := Sub(mag, Mul(q, zz))
		m := Add(Shift(q, Sub(C(0), sd)), Div(Add(Shl(rest, sd), Sar(zz, C(1))), zz))
		m = Clamped(Select(Lt(sum, C(0)), Sub(C(0), m), m), 1<<21)
		w := Mul(pv, Sub(g, m))
		r, n := reciprocal(zz)
		// w/z * 2^8 = w*r/2^14 * 2^(14-29+15-n+8)
		k.PutElem(o, Shift(timesReciprocal(w, r), Sub(n, C(8))))
		return define(69, "ds = p/z * (dp - mean(p*dp)) * 2^8, v's exponents folded to vm", k, []Attr{{"sd", 0, 12}}, func(c *call) {
			rows, t := c.matrix("p")
			c.want("dp", rows*t)
			c.want("z", rows)
			c.want("ev", rows)
			c.want("vm", rows)
			c.space(rows, t)
			c.out(rows, t)
		})
	}()

	// HeadMergeOp rescales per-unit rows and puts heads side by side.
	HeadMergeOp = func() *Def {
		k := New("head_merge", "t", "heads", "scale", "s0", "group")
		acc, e, o := k.Input("acc", I32), k.Input("e", I32), k.Output("out", I32)
		src := unitRow(k.P("t"), k.P("heads"))
		v := Mul(At(acc, Add(Mul(src, Cols), Col)), k.P("scale"))
		k.PutElem(o, Shift(v, Sub(k.P("s0"), At(e, Div(src, k.P("group"))))))
		return define(70, "acc * scale / 2^(s0-e) as [B*T, heads*hd]; e shared by groups of rows", k,
			append(append([]Attr(nil), headAttrs...), Attr{"scale", 1, 1 << 15}, Attr{"s0", -128, 128}), func(c *call) {
				rows, hd := c.matrix("acc")
				c.units(rows)
				c.set("group", c.group("e", rows))
				c.space(rows, hd)
				c.out(rows/c.attr("heads"), c.attr("heads")*hd)
			})
	}()
)
