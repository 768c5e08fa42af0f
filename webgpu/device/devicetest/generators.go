package devicetest

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

const (
	i8  = kernel.I8
	i16 = kernel.I16
	i32 = kernel.I32
)

// attrs are the attributes a generator has decided; the others are free.
type attrs = map[string]int32

func span(lo, hi int64) kernel.Interval { return kernel.Interval{Lo: lo, Hi: hi} }

var exponents = []kernel.Interval{span(-1<<20, 1<<20), span(-64, 64), span(-40, 40), span(0, 31), span(0, 24), span(-3, 3)}

// generators hold, by op name, what inputs an op wants and the attributes that
// shapes depend on. The suite fails for an op without one.
var generators = map[string]func(g *grower) attrs{
	"add":          dense(i32, i32),
	"shift":        dense(i32),
	"clamp":        dense(i32),
	"concat3":      dense(i32, i32, i32),
	"relu":         dense(i32),
	"relu_grad":    dense(i32, i32),
	"relu2":        dense(i32),
	"relu2_grad":   dense(i32, i16),
	"swiglu":       dense(i32, i32),
	"swiglu_grad":  dense(i32, i16, i16),
	"rmsnorm":      dense(i32),
	"matmul":       func(g *grower) attrs { set, _ := contraction(g); return set },
	"matmul_shift": matmulShift,

	"shift_by": func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, g.divisor(rows), exponents...)
		return attrs{}
	},
	"fill": func(g *grower) attrs { return attrs{"n": int32(g.last(max(g.limit, 1)))} },
	"add_bias": func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, cols)
		return attrs{}
	},
	"embed": func(g *grower) attrs {
		n, d := g.like(i32)
		v := g.few(300)
		g.tensor(i32, []int{v, d}, span(-1<<30, 1<<30-1))
		g.tensor(i32, []int{g.extent(70), d}, span(-1<<30, 1<<30-1))
		g.vector(i32, n, span(0, int64(v)-1))
		return attrs{}
	},
	"scatter_rows": func(g *grower) attrs {
		rows, cols := g.like(i32)
		v := g.few(100)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, rows, span(0, int64(v)-1))
		return attrs{"v": int32(v)}
	},
	"sum_rows": func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		period := pick(g.source, 1, g.extent(rows), g.divisor(rows), rows+1)
		set := attrs{"period": int32(period)}
		if !g.one(3) {
			set["limit"] = int32(1) << g.IntN(31)
		}
		return set
	},

	"quantize_rows":        rowsOf,
	"quantize_rows16":      dense(i16),
	"quantize_rows_random": keyed(rowsOf),
	"row_bits": func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, g.divisor(rows), exponents...)
		return attrs{}
	},
	"row_max": rowsOf,
	"quantize": func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, g.divisor(rows), exponents...)
		return attrs{}
	},
	"quantize_fold": keyed(func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, g.divisor(rows), exponents...)
		g.vector(i32, g.divisor(rows), exponents...)
		return attrs{}
	}),
	"quantize_fold_cols": keyed(func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i32, g.divisor(rows)*cols, exponents...)
		return attrs{}
	}),

	"rmsnorm_grad": func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols})
		g.vector(i16, rows*cols)
		g.vector(i32, rows, span(0, 32767), span(1<<13, 32767))
		g.vector(i32, rows, exponents...)
		return attrs{}
	},

	"split_exponents": func(g *grower) attrs {
		b, t, heads := g.heads()
		g.vector(i32, b*t*3*heads)
		return attrs{"t": int32(t), "heads": int32(heads)}
	},
	"head_rows": func(g *grower) attrs {
		b, t, heads := g.heads()
		g.vector(i32, b*t*heads)
		return attrs{"t": int32(t), "heads": int32(heads)}
	},
	"softmax_causal": func(g *grower) attrs {
		units, t := g.units()
		g.tensor(i32, []int{units * t, t}, span(-1<<31, 1<<31-1), span(-1<<14*64, 1<<14*64))
		for range 3 {
			g.vector(i32, units*t, exponents...)
		}
		return attrs{}
	},
	"attention_out": func(g *grower) attrs {
		b, t, heads := g.heads()
		rows := b * t * heads
		hd := g.last(max(g.limit/rows, 1))
		g.tensor(i32, []int{rows, hd}, span(-1<<28, 1<<28))
		g.vector(i32, rows, span(0, 1<<30), span(1, 127*int64(t)))
		g.vector(i32, rows, exponents...)
		return attrs{"t": int32(t), "heads": int32(heads)}
	},
	"attention_value_grad": func(g *grower) attrs {
		b, t, heads := g.heads()
		rows := b * t * heads
		hd := g.last(max(g.limit/rows, 1))
		g.tensor(i32, []int{b * t, heads * hd})
		g.vector(i32, rows, span(0, 1<<30), span(1, 127*int64(t)))
		return attrs{"t": int32(t), "heads": int32(heads)}
	},
	"softmax_grad": func(g *grower) attrs {
		units, t := g.units()
		g.tensor(i8, []int{units * t, t}, span(0, 127))
		g.vector(i32, units*t*t)
		g.vector(i32, units*t, span(0, 1<<18), span(1, 127*int64(t)))
		g.vector(i32, units*t, exponents...)
		g.vector(i32, units*t, exponents...)
		return attrs{}
	},
	"head_merge": func(g *grower) attrs {
		b, t, heads := g.heads()
		rows := b * t * heads
		g.tensor(i32, []int{rows, g.last(max(g.limit/rows, 1))}, span(-1<<31, 1<<31-1), span(-1<<20, 1<<20))
		g.vector(i32, g.divisor(rows), exponents...)
		return attrs{"t": int32(t), "heads": int32(heads)}
	},

	"cross_entropy_grad": classes,
	"cross_entropy":      classes,

	"patches": func(g *grower) attrs {
		taps := g.window()
		b, h, w := g.side(4), g.side(9), g.side(9)
		g.tensor(i8, []int{b, h, w, g.last(max(g.limit/(b*h*w*int(taps["kh"]*taps["kw"])), 1))})
		return taps
	},
	"patches_grad": func(g *grower) attrs {
		taps := g.window()
		b, h, w := g.side(4), g.side(9), g.side(9)
		n := int(taps["kh"] * taps["kw"])
		g.tensor(i32, []int{b * h * w, n * g.last(max(g.limit/(b*h*w*n), 1))})
		taps["h"], taps["w"] = int32(h), int32(w)
		return taps
	},
	"relu_pool": func(g *grower) attrs {
		b, h, w := g.side(4), 1+g.side(12), 1+g.side(12)
		g.tensor(i32, []int{b * h * w, g.last(max(g.limit/(b*h*w), 1))})
		return attrs{"h": int32(h), "w": int32(w)}
	},
	"relu_pool_grad": func(g *grower) attrs {
		b, h, w := g.side(4), g.side(8), g.side(8)
		c := g.last(max(g.limit/(b*h*w*4), 1))
		g.vector(i32, b*h*w*c)
		g.tensor(i8, []int{b, h, w, c}, span(-128, 127), span(0, 4))
		return attrs{"h": int32(2*h + g.IntN(2)), "w": int32(2*w + g.IntN(2))}
	},

	"adam": optimizer(span(-1<<26, 1<<26), span(0, 1<<30-1)),
	"lion": optimizer(span(-1<<26, 1<<26)),
	"sgd":  optimizer(span(-1<<28, 1<<28)),
}

// dense is an op whose inputs all have the shape of the first.
func dense(types ...kernel.DType) func(g *grower) attrs {
	return func(g *grower) attrs {
		rows, cols := g.like(types[0])
		for i, d := range types {
			if i == 0 {
				g.tensor(d, []int{rows, cols})
			} else {
				g.vector(d, rows*cols)
			}
		}
		return attrs{}
	}
}

// rowsOf is a tensor cut into rows that need not be those of its shape.
func rowsOf(g *grower) attrs {
	rows, cols := g.like(i32)
	g.tensor(i32, []int{rows, cols})
	if g.focus != nil {
		return attrs{"cols": int32(cols)}
	}
	return attrs{"cols": int32(g.divisor(rows * cols))}
}

// keyed appends the key of a random stream.
func keyed(inputs func(g *grower) attrs) func(g *grower) attrs {
	return func(g *grower) attrs {
		set := inputs(g)
		g.key()
		return set
	}
}

// optimizer is weights, state of the given ranges, gradient and learning rate.
func optimizer(state ...kernel.Interval) func(g *grower) attrs {
	return func(g *grower) attrs {
		rows, cols := g.like(i32)
		g.tensor(i32, []int{rows, cols}, span(-1<<28, 1<<28))
		for _, iv := range state {
			g.vector(i32, rows*cols, iv)
		}
		g.vector(i32, rows*cols)
		g.vector(i32, 1, span(0, 1<<17), span(0, 1<<10-1), span(0, 1<<16))
		return attrs{}
	}
}

func classes(g *grower) attrs {
	rows, cols := g.like(i32)
	g.tensor(i32, []int{rows, cols})
	g.vector(i32, rows, span(0, int64(cols)-1))
	return attrs{}
}

// contraction draws the layout of a matmul and takes its operands. It returns
// the number of rows of the result too.
func contraction(g *grower) (attrs, int) {
	b0, b1, m, n, k := g.sizes()
	for b0*b1*m*n*k > maxOpCost/4 {
		b0, b1 = (b0+1)/2, (b1+1)/2
		if g.one(2) {
			m = (m + 1) / 2
		} else {
			n = (n + 1) / 2
		}
	}
	if g.focus == nil && g.one(40) {
		b0, b1, m, n, k = 1, 1, 1, g.extent(3), pick(g.source, 1<<17, 1<<17-1, 1<<16+1)
	}
	rows := b0 * b1 * m
	set := attrs{"b0": int32(b0), "b1": int32(b1), "m": int32(m), "n": int32(n), "k": int32(k)}
	g.operand(set, "a", m, "a_m", k, b0, b1)
	g.operand(set, "b", n, "b_n", k, b0, b1)
	return set, rows
}

// operand draws offset and strides of one operand of a contraction: dense in
// either order, heads interleaved, the batch shared, or anything, overlapping
// included.
func (g *grower) operand(set attrs, name string, m int, stride string, k, b0, b1 int) {
	var off, s0, s1, sm, sk int
	switch g.layout(name) {
	case 0, 1:
		s0, s1, sm, sk = b1*m*k, m*k, k, 1
	case 2:
		s0, s1, sm, sk = b1*m*k, m*k, 1, m
	case 3: // [b0, m, b1, k]: heads side by side
		s0, s1, sm, sk = m*b1*k, k, b1*k, 1
	case 4:
		sm, sk = k, 1
	case 5:
		s0, s1, sm, sk = g.IntN(70), g.IntN(20), g.IntN(5), g.IntN(4)
	}
	if g.one(3) {
		off = g.IntN(40)
	}
	for key, v := range map[string]int{"_off": off, "_b0": s0, "_b1": s1, "_k": sk} {
		set[name+key] = int32(v)
	}
	set[stride] = int32(sm)
	g.atLeast(i8, off+(b0-1)*s0+(b1-1)*s1+(m-1)*sm+(k-1)*sk+1)
}

func matmulShift(g *grower) attrs {
	set, rows := contraction(g)
	g.vector(i32, g.divisor(rows), exponents...)
	g.vector(i32, 1, exponents...)
	return set
}

// divisor is a number that divides n.
func (g *grower) divisor(n int) int {
	switch g.IntN(3) {
	case 0:
		return 1
	case 1:
		return n
	}
	d := g.extent(n)
	for n%d != 0 {
		d--
	}
	return d
}

// heads draws sequences, tokens and heads.
func (g *grower) heads() (b, t, heads int) {
	t = g.side(65)
	heads = g.side(8)
	return g.extent(max(min(g.limit/(t*heads), 8), 1)), t, heads
}

// units draws units and tokens of square scores.
func (g *grower) units() (units, t int) {
	t = g.last(72)
	return g.extent(max(min(g.limit/(t*t), 8), 1)), t
}

// window draws the taps of a convolution.
func (g *grower) window() attrs {
	set := attrs{"kh": int32(1 + g.IntN(5)), "kw": int32(1 + g.IntN(5))}
	for name := range set {
		if v, ok := g.forced[name]; ok {
			set[name] = v
		}
	}
	return set
}
