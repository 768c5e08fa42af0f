package ops

import (
	"math/bits"

	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// mantissa15 brings a row of x within 15 bits and a sign. It returns the
// mantissas and the exponent, -15 to 16.
func mantissa15(x *Expr) (m, s *Expr) {
	s = Sub(rowBits(x), C(15))
	return Clamped(Shift(x, s), 32767), s
}

// normalise sets the parameters of a mean over d columns: lg = ceil(log2 d);
// root = floor(2^15 sqrt(d/2^lg)); ratio = round(2^13 * 2^lg/d).
func (c *call) normalise(d int) {
	lg := bits.Len(uint(d - 1))
	c.set("lg", int64(lg))
	if lg <= 28 {
		c.set("root", int64(Isqrt32(int32(int64(d)<<30>>lg))))
		if d == 1<<lg {
			c.set("root", 1<<15)
		}
	}
	c.set("ratio", (int64(1)<<(13+lg)+int64(d)/2)/int64(d))
}

var (
	// RMSNormOp divides rows by their root mean square.
	RMSNormOp = func() *Def {
		k := New("rmsnorm", "lg", "root")
		x, y, rcp, re := k.Input("x", I32), k.Output("y", I16), k.Output("rcp", I32), k.Output("re", I32)
		xs, s := mantissa15(Elem(x))
		ss := Max(ReduceSum(Sar(Mul(xs, xs), k.P("lg"))), C(1)) // sum of squares / 2^lg, below 2^30
		kk := And(Sub(C(30), BitLen(ss)), C(-2))                // even shift that brings it to [2^28, 2^30)
		root := Isqrt(Shift(ss, Sub(C(0), kk)))                 // [2^14, 2^15)
		r := Min(Div(C(1<<29), Max(root, C(1))), C(32767))
		r = Sar(Mul(r, k.P("root")), C(15))
		h := Sar(kk, C(1))
		k.PutElem(y, Clamped(Rne(Mul(xs, r), Max(Sub(C(29-FY), h), C(3))), 32767))
		k.Put(rcp, Row, r)
		k.Put(re, Row, Sub(h, s))
		return define(40, "y = x / rms(x), Q11; rcp*2^(re-13) is 1/rms", k, nil, func(c *call) {
			rows, cols := c.matrix("x")
			c.normalise(cols)
			c.space(rows, cols)
			c.out(c.shape("x", 0)...)
			c.out(rows)
			c.out(rows)
		})
	}()

	// RMSNormGradOp is its gradient.
	RMSNormGradOp = func() *Def {
		k := New("rmsnorm_grad", "lg", "ratio")
		dy, y, rcp, re, dx := k.Input("dy", I32), k.Input("y", I16), k.Input("rcp", I32), k.Input("re", I32), k.Output("dx", I32)
		ds, s := mantissa15(Elem(dy))
		yv := Elem(y)
		c := Clamped(Rne(ReduceSum(Sar(Mul(ds, yv), k.P("lg"))), C(FY)), 1<<16)
		c = Clamped(Rne(Mul(c, k.P("ratio")), C(13)), 32767) // mean of ds*y: within 32767 by Cauchy-Schwarz
		t := Clamped(Sub(ds, Rne(Mul(yv, c), C(FY))), 1<<18)
		t = Mul(t, Sar(At(rcp, Row), C(3)))
		k.PutElem(dx, Shift(t, Sub(Sub(C(10), s), At(re, Row))))
		return define(41, "dx = (dy - y*mean(dy*y)) / rms", k, nil, func(c *call) {
			rows, cols := c.matrix("dy")
			c.want("y", rows*cols)
			c.want("rcp", rows)
			c.want("re", rows)
			c.normalise(cols)
			c.space(rows, cols)
			c.out(c.shape("dy", 0)...)
		})
	}()
)
