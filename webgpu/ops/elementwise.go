package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// Fixed points of the streams, in fraction bits (SPEC.md, "Formats").
const (
	FX = 16 // activations, logits
	FG = 24 // gradients with respect to activations, of the summed loss
	FW = 26 // master weights
	FY = 11 // normalised activations
)

// WeightLimit bounds master weights: ±4.
const WeightLimit = 1 << 28

// group loads the element of buf that serves this row, when each serves size
// rows.
func group(buf int, size *Expr) *Expr { return At(buf, Div(Row, size)) }

var dense = func(c *call) {
	rows, cols := c.matrix(c.def.Inputs[0])
	for _, name := range c.def.Inputs[1:] {
		c.want(name, rows*cols)
	}
	c.space(rows, cols)
	for range c.def.Outputs {
		c.out(c.shape(c.def.Inputs[0], 0)...)
	}
}

var (
	// AddOp is the residual sum.
	AddOp = func() *Def {
		k := New("add")
		x, y, o := k.Input("x", I32), k.Input("y", I32), k.Output("out", I32)
		k.PutElem(o, AddSat(Elem(x), Elem(y)))
		return define(1, "x + y, saturating at ±(2^30-1)", k, nil, dense)
	}()

	// ShiftOp rescales by a power of two.
	ShiftOp = func() *Def {
		k := New("shift", "s")
		x, o := k.Input("x", I32), k.Output("out", I32)
		k.PutElem(o, Shift(Elem(x), k.P("s")))
		return define(2, "x / 2^s, half to even; saturating for s <= 0", k, []Attr{{"s", -30, 30}}, dense)
	}()

	// ShiftByOp rescales by a power of two that is a tensor.
	ShiftByOp = func() *Def {
		k := New("shift_by", "s0", "group")
		x, e, o := k.Input("x", I32), k.Input("e", I32), k.Output("out", I32)
		k.PutElem(o, Shift(Elem(x), Sub(k.P("s0"), group(e, k.P("group")))))
		return define(3, "x / 2^(s0-e), e shared by groups of rows", k, []Attr{{"s0", -128, 128}}, func(c *call) {
			rows, cols := c.matrix("x")
			c.set("group", c.group("e", rows))
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
		})
	}()

	// ClampOp limits values.
	ClampOp = func() *Def {
		k := New("clamp", "limit")
		x, o := k.Input("x", I32), k.Output("out", I32)
		k.PutElem(o, Min(Max(Elem(x), Sub(C(0), k.P("limit"))), k.P("limit")))
		return define(4, "x limited to ±limit", k, []Attr{{"limit", 1, Sat}}, dense)
	}()

	// Concat3Op joins three matrices side by side.
	Concat3Op = func() *Def {
		k := New("concat3", "width")
		x, y, z, o := k.Input("x", I32), k.Input("y", I32), k.Input("z", I32), k.Output("out", I32)
		w := k.P("width")
		at := func(buf int, from *Expr) *Expr {
			return At(buf, Add(Mul(Row, w), Min(Max(Sub(Col, from), C(0)), Sub(w, C(1)))))
		}
		w2 := Add(w, w)
		k.PutElem(o, Select(Lt(Col, w), at(x, C(0)), Select(Lt(Col, w2), at(y, w), at(z, w2))))
		return define(5, "three [M,D] matrices side by side as [M,3D]", k, nil, func(c *call) {
			rows, cols := c.matrix("x")
			c.want("y", rows*cols)
			c.want("z", rows*cols)
			c.set("width", int64(cols))
			c.space(rows, 3*cols)
			c.out(rows, 3*cols)
		})
	}()

	// EmbedOp looks tokens up and adds their positions.
	EmbedOp = func() *Def {
		k := New("embed", "s", "context")
		tok, pos, ids, o := k.Input("tok", I32), k.Input("pos", I32), k.Input("ids", I32), k.Output("out", I32)
		t := At(tok, Add(Mul(At(ids, Row), Cols), Col))
		p := At(pos, Add(Mul(Rem(Row, k.P("context")), Cols), Col))
		k.PutElem(o, Shift(Add(t, p), k.P("s")))
		return define(6, "(tok[ids[r]] + pos[r mod context]) / 2^s", k, []Attr{{"s", 0, 30}}, func(c *call) {
			d := c.shape("tok", 2)[1]
			p := c.shape("pos", 2)
			if p[1] != d {
				c.fail("input pos has width %d, tok has %d", p[1], d)
			}
			c.set("context", int64(p[0]))
			c.space(c.length("ids"), d)
			c.out(c.length("ids"), d)
		})
	}()

	// ScatterRowsOp adds rows into a table by index: the gradient of a lookup.
	ScatterRowsOp = func() *Def {
		k := New("scatter_rows", "v", "s")
		g, ids, o := k.Input("g", I32), k.Input("ids", I32), k.Output("out", I32)
		k.Fan = Rows
		k.AddTo(o, Add(Mul(At(ids, Row), Cols), Col), Shift(Elem(g), k.P("s")))
		return define(7, "out[ids[r]] += g[r] / 2^s, from zeros", k, []Attr{{"v", 1, 1 << 20}, {"s", 0, 30}}, func(c *call) {
			rows, cols := c.matrix("g")
			c.want("ids", rows)
			c.space(rows, cols)
			c.out(c.attr("v"), cols)
		})
	}()

	// SumRowsOp adds rows that are equal modulo a period: the gradient of
	// positions (period = context) and of biases (period = 1).
	SumRowsOp = func() *Def {
		k := New("sum_rows", "period", "s", "limit", "fan")
		g, o := k.Input("g", I32), k.Output("out", I32)
		k.Fan = k.P("fan")
		lim := k.P("limit")
		v := Min(Max(Shift(Elem(g), k.P("s")), Sub(C(0), lim)), lim)
		k.AddTo(o, Add(Mul(Rem(Row, k.P("period")), Cols), Col), v)
		return define(8, "out[r mod period] += g[r] / 2^s limited to ±limit, from zeros", k,
			[]Attr{{"period", 1, 1 << 20}, {"s", -30, 30}, {"limit", 1, Sat}}, func(c *call) {
				rows, cols := c.matrix("g")
				p := c.attr("period")
				c.set("fan", int64((rows+p-1)/p))
				c.space(rows, cols)
				c.out(p, cols)
			})
	}()

	// AddBiasOp adds a row to every row.
	AddBiasOp = func() *Def {
		k := New("add_bias", "s")
		x, b, o := k.Input("x", I32), k.Input("b", I32), k.Output("out", I32)
		k.PutElem(o, AddSat(Elem(x), Shift(At(b, Col), k.P("s"))))
		return define(9, "x + b/2^s for every row, saturating", k, []Attr{{"s", 0, 30}}, func(c *call) {
			rows, cols := c.matrix("x")
			c.want("b", cols)
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
		})
	}()

	// FillOp is a constant tensor: the exponents of an operand that has none.
	FillOp = func() *Def {
		k := New("fill", "value")
		k.PutElem(k.Output("out", I32), k.P("value"))
		return define(10, "n elements of value", k, []Attr{{"n", 1, MaxElements}, {"value", -1 << 31, 1<<31 - 1}}, func(c *call) {
			c.space(1, c.attr("n"))
			c.out(c.attr("n"))
		})
	}()
)
