package ops

import (
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive,staticcheck // kernels read as formulas
)

// Images are [B, H, W, C]. A convolution is patches, then matmul.

func (c *call) image(name string) (b, h, w, ch int) {
	s := c.shape(name, 4)
	return s[0], s[1], s[2], s[3]
}

var window = []Attr{{"kh", 1, 15}, {"kw", 1, 15}}

// tap is where row (b,y,x), column (ky,kx,c) of patches reads its image:
// the element's index, clamped into the image, and whether it lies inside.
func tap(h, w, ch, kh, kw *Expr) (index, inside *Expr) {
	x := Rem(Row, w)
	by := Div(Row, w)
	y := Rem(by, h)
	b := Div(by, h)
	cc := Rem(Col, ch)
	kx := Rem(Div(Col, ch), kw)
	ky := Div(Col, Mul(ch, kw))
	yy := Sub(Add(y, ky), Sar(kh, C(1)))
	xx := Sub(Add(x, kx), Sar(kw, C(1)))
	in := func(v, n *Expr) *Expr { return Mul(Lt(C(-1), v), Lt(v, n)) }
	clamp := func(v, n *Expr) *Expr { return Min(Max(v, C(0)), Sub(n, C(1))) }
	return Add(Mul(Add(Mul(Add(Mul(b, h), clamp(yy, h)), w), clamp(xx, w)), ch), cc), Mul(in(yy, h), in(xx, w))
}

var (
	// PatchesOp lays the neighbourhood of every pixel out as a row.
	PatchesOp = func() *Def {
		k := New("patches", "kh", "kw", "h", "w", "c")
		x, o := k.Input("x", I8), k.Output("out", I8)
		i, in := tap(k.P("h"), k.P("w"), k.P("c"), k.P("kh"), k.P("kw"))
		k.PutElem(o, Mul(At(x, i), in))
		return define(96, "kh x kw neighbourhoods of [B,H,W,C] as [B*H*W, kh*kw*C], zeros outside", k, window, func(c *call) {
			b, h, w, ch := c.image("x")
			c.set("h", int64(h))
			c.set("w", int64(w))
			c.set("c", int64(ch))
			n := c.attr("kh") * c.attr("kw") * ch
			c.space(b*h*w, n)
			c.out(b*h*w, n)
		})
	}()

	// PatchesGradOp adds every patch back to its pixels.
	PatchesGradOp = func() *Def {
		k := New("patches_grad", "kh", "kw", "h", "w", "c", "limit")
		d, o := k.Input("d", I32), k.Output("dx", I32)
		i, in := tap(k.P("h"), k.P("w"), k.P("c"), k.P("kh"), k.P("kw"))
		lim := k.P("limit")
		k.Fan = Mul(k.P("kh"), k.P("kw"))
		k.AddTo(o, i, Mul(Min(Max(Elem(d), Sub(C(0), lim)), lim), in))
		return define(97, "dx[pixel] += d[patch], from zeros; d limited to ±Sat/(kh*kw)", k,
			append(append([]Attr(nil), window...), Attr{"h", 1, 1 << 14}, Attr{"w", 1, 1 << 14}), func(c *call) {
				rows, cols := c.matrix("d")
				taps := c.attr("kh") * c.attr("kw")
				pixels := c.attr("h") * c.attr("w")
				if cols%taps != 0 || rows%pixels != 0 {
					c.fail("[%d,%d] is not patches of %d taps over images of %d pixels", rows, cols, taps, pixels)
					return
				}
				c.set("c", int64(cols/taps))
				c.set("limit", int64(Sat/taps))
				c.space(rows, cols)
				c.out(rows/pixels, c.attr("h"), c.attr("w"), cols/taps)
			})
	}()

	// PoolOp is ReLU and 2x2 max-pooling in one.
	PoolOp = func() *Def {
		k := New("relu_pool", "h", "w", "c")
		x, o, arg := k.Input("x", I32), k.Output("out", I32), k.Output("arg", I8)
		w, ch := k.P("w"), k.P("c")
		oh, ow := Sar(k.P("h"), C(1)), Sar(w, C(1))
		px := Rem(Row, ow)
		bpy := Div(Row, ow)
		py := Rem(bpy, oh)
		b := Div(bpy, oh)
		corner := Add(Mul(Add(Mul(b, k.P("h")), Shl(py, C(1))), w), Shl(px, C(1)))
		best, which := C(0), C(4)
		for q, off := range []*Expr{C(0), C(1), w, Add(w, C(1))} {
			v := At(x, Add(Mul(Add(corner, off), ch), Col))
			better := Lt(best, v)
			best, which = Select(better, v, best), Select(better, C(int32(q)), which)
		}
		k.PutElem(o, best)
		k.PutElem(arg, which)
		return define(98, "max(0, 2x2 window) with stride 2; arg = which of the four, 4 where none is positive", k, []Attr{{"h", 2, 1 << 14}, {"w", 2, 1 << 14}}, func(c *call) {
			rows, ch := c.matrix("x")
			h, w := c.attr("h"), c.attr("w")
			if rows%(h*w) != 0 {
				c.fail("%d rows are not the pixels of %dx%d images", rows, h, w)
				return
			}
			b := rows / (h * w)
			c.set("c", int64(ch))
			c.space(b*(h/2)*(w/2), ch)
			c.out(b, h/2, w/2, ch)
			c.out(b, h/2, w/2, ch)
		})
	}()

	// PoolGradOp sends gradients back to where the maxima were.
	PoolGradOp = func() *Def {
		k := New("relu_pool_grad", "h", "w", "oh", "ow")
		d, arg, o := k.Input("d", I32), k.Input("arg", I8), k.Output("dx", I32)
		h, w, oh, ow := k.P("h"), k.P("w"), k.P("oh"), k.P("ow")
		x := Rem(Row, w)
		by := Div(Row, w)
		y := Rem(by, h)
		b := Div(by, h)
		py, px := Sar(y, C(1)), Sar(x, C(1))
		in := Mul(Lt(py, oh), Lt(px, ow))
		src := Add(Mul(Add(Mul(Add(Mul(b, oh), Min(py, Sub(oh, C(1)))), ow), Min(px, Sub(ow, C(1)))), Cols), Col)
		which := Add(Shl(And(y, C(1)), C(1)), And(x, C(1)))
		k.PutElem(o, Select(Mul(Eq(At(arg, src), which), in), At(d, src), C(0)))
		return define(99, "d at the pixel arg names, else 0", k, []Attr{{"h", 2, 1 << 14}, {"w", 2, 1 << 14}}, func(c *call) {
			s := c.shape("arg", 4)
			h, w := c.attr("h"), c.attr("w")
			c.want("d", s[0]*s[1]*s[2]*s[3])
			if s[1] != h/2 || s[2] != w/2 {
				c.fail("input arg has shape %v, want %d x %d pixels", s, h/2, w/2)
			}
			c.set("oh", int64(h/2))
			c.set("ow", int64(w/2))
			c.space(s[0]*h*w, s[3])
			c.out(s[0], h, w, s[3])
		})
	}()
)
