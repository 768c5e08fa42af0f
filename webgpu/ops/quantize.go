package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// Mantissa is the largest magnitude of an int8 operand.
const Mantissa = 127

// rowBits is the number of bits of the largest magnitude among a row of x,
// rounded up to the next power of two: the or of magnitudes has the same top
// bit as their maximum, and needs no comparison.
func rowBits(x *Expr) *Expr { return BitLen(ReduceOr(Abs(x))) }

// rowExponent is the exponent that brings a row of x within 7 bits.
func rowExponent(x *Expr) *Expr { return Max(Sub(rowBits(x), C(7)), C(0)) }

// salted is the random stream of one op within a program.
func salted(key int, salt *Expr) *Expr { return Rand(At(key, C(0)), salt) }

// roundRandom is x / 2^s within ±Mantissa, rounded stochastically for s > 0,
// saturating for s < 0, 0 for s > 30.
func roundRandom(x, s, random *Expr) *Expr {
	v := Stochastic(Shift(x, Min(s, C(0))), Min(Max(s, C(0)), C(30)), random)
	return Clamped(Select(Lt(C(30), s), C(0), v), Mantissa)
}

var salt = Attr{"salt", 0, 1<<31 - 1}

// rowLength is the attribute of ops whose rows need not be those of the
// input's shape: a row may be one head of a token, or a whole image.
var rowLength = Attr{"cols", 1, MaxElements}

// rowsOf views the named input as rows of rowLength elements.
func (c *call) rowsOf(name string) (rows, cols int) {
	n, cols := c.length(name), c.attr(rowLength.Name)
	if n%cols != 0 {
		c.fail("input %s has %d elements, which are not rows of %d", name, n, cols)
		return 1, 1
	}
	return n / cols, cols
}

var (
	// QuantizeRowsOp quantises each row with an exponent of its own.
	QuantizeRowsOp = func() *Def {
		k := New("quantize_rows")
		x, q, e := k.Input("x", I32), k.Output("q", I8), k.Output("e", I32)
		s := rowExponent(Elem(x))
		k.PutElem(q, Clamped(Shift(Elem(x), s), Mantissa))
		k.Put(e, Row, s)
		return define(16, "rows of cols elements to int8 with one exponent each, half to even", k, []Attr{rowLength}, func(c *call) {
			rows, cols := c.rowsOf("x")
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
			c.out(rows)
		})
	}()

	// QuantizeRows16Op is QuantizeRowsOp for 16-bit input.
	QuantizeRows16Op = func() *Def {
		k := New("quantize_rows16")
		x, q, e := k.Input("x", I16), k.Output("q", I8), k.Output("e", I32)
		s := rowExponent(Elem(x))
		k.PutElem(q, Clamped(Shift(Elem(x), s), Mantissa))
		k.Put(e, Row, s)
		return define(17, "int16 rows to int8 with one exponent each, half to even", k, nil, func(c *call) {
			rows, cols := c.matrix("x")
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
			c.out(rows)
		})
	}()

	// QuantizeRowsRandomOp quantises each row with stochastic rounding.
	QuantizeRowsRandomOp = func() *Def {
		k := New("quantize_rows_random", "salt")
		x, key, q, e := k.Input("x", I32), k.Input("key", I32), k.Output("q", I8), k.Output("e", I32)
		s := rowExponent(Elem(x))
		r := Rand(salted(key, k.P("salt")), Here)
		k.PutElem(q, Clamped(Stochastic(Elem(x), s, r), Mantissa))
		k.Put(e, Row, s)
		return define(18, "rows of cols elements to int8 with one exponent each, stochastic", k, []Attr{rowLength, salt}, func(c *call) {
			rows, cols := c.rowsOf("x")
			c.want("key", 1)
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
			c.out(rows)
		})
	}()

	// RowBitsOp measures rows, their own exponents added.
	RowBitsOp = func() *Def {
		k := New("row_bits", "group")
		x, e, o := k.Input("x", I32), k.Input("e", I32), k.Output("bits", I32)
		b := rowBits(Elem(x))
		k.Put(o, Row, Select(Eq(b, C(0)), C(0), Add(b, group(e, k.P("group")))))
		return define(19, "bits of the largest magnitude of each row, plus e; 0 for a row of zeros", k, nil, func(c *call) {
			rows, cols := c.matrix("x")
			c.set("group", c.group("e", rows))
			c.space(rows, cols)
			c.out(rows)
		})
	}()

	// RowMaxOp takes the maximum of each row.
	RowMaxOp = func() *Def {
		k := New("row_max")
		x, o := k.Input("x", I32), k.Output("max", I32)
		k.Put(o, Row, ReduceMax(Elem(x)))
		return define(20, "maximum of each row of cols elements", k, []Attr{rowLength}, func(c *call) {
			rows, cols := c.rowsOf("x")
			c.space(rows, cols)
			c.out(rows)
		})
	}()

	// QuantizeOp quantises with exponents made from bits that are given:
	// tensor exponents.
	QuantizeOp = func() *Def {
		k := New("quantize", "group")
		x, bits, q := k.Input("x", I32), k.Input("bits", I32), k.Output("q", I8)
		s := Sub(group(bits, k.P("group")), C(7))
		k.PutElem(q, Clamped(Shift(Elem(x), s), Mantissa))
		return define(21, "to int8 with exponent bits-7 shared by groups of rows, half to even", k, nil, func(c *call) {
			rows, cols := c.matrix("x")
			c.set("group", c.group("bits", rows))
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
		})
	}()

	// QuantizeFoldOp quantises to a shared exponent, folding in exponents of
	// the other operand's rows, so that the contraction over rows needs none.
	QuantizeFoldOp = func() *Def {
		k := New("quantize_fold", "salt", "group", "group_bits")
		x, e, bits, key, q := k.Input("x", I32), k.Input("e", I32), k.Input("bits", I32), k.Input("key", I32), k.Output("q", I8)
		s := Sub(Sub(group(bits, k.P("group_bits")), C(7)), group(e, k.P("group")))
		k.PutElem(q, roundRandom(Elem(x), s, Rand(salted(key, k.P("salt")), Here)))
		return define(22, "x*2^e to int8 with exponent bits-7 shared by groups of rows, stochastic", k, []Attr{salt}, func(c *call) {
			rows, cols := c.matrix("x")
			c.want("key", 1)
			c.set("group", c.group("e", rows))
			c.set("group_bits", c.group("bits", rows))
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
		})
	}()

	// QuantizeFoldColsOp quantises rows after folding in exponents of the
	// other operand's rows, which meet the columns.
	QuantizeFoldColsOp = func() *Def {
		k := New("quantize_fold_cols", "salt", "group")
		x, e, key := k.Input("x", I32), k.Input("e", I32), k.Input("key", I32)
		q, eo := k.Output("q", I8), k.Output("eo", I32)
		ec := At(e, Add(Mul(Div(Row, k.P("group")), Cols), Col))
		top := ReduceMax(ec)
		t := Shift(Elem(x), Sub(top, ec))
		s := rowExponent(t)
		k.PutElem(q, Clamped(Stochastic(t, s, Rand(salted(key, k.P("salt")), Here)), Mantissa))
		k.Put(eo, Row, Add(s, top))
		return define(23, "rows of x*2^e[col] to int8 with one exponent each, stochastic", k, []Attr{salt}, func(c *call) {
			rows, cols := c.matrix("x")
			c.want("key", 1)
			n := c.length("e")
			if n%cols != 0 || rows%(n/cols) != 0 {
				c.fail("input e has %d elements: want groups of %d that divide %d rows", n, cols, rows)
				return
			}
			c.set("group", int64(rows/(n/cols)))
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
			c.out(rows)
		})
	}()
)
