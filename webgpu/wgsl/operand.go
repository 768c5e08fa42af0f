package wgsl

import "fmt"

// layout says how the elements of an operand lie in words.
type layout string

const (
	// alongK operands have four k in a word.
	alongK layout = "k"
	// alongX operands have four rows of a, or columns of b, in a word.
	alongX layout = "x"
	// bytewise operands are loaded byte by byte.
	bytewise layout = "b"
)

var layouts = []layout{alongK, alongX, bytewise}

// stride is how far the elements of one dimension lie apart.
type stride struct{ extent, step int }

// even tells whether every element of the dimension is where words begin, if
// the first is.
func (s stride) even() bool { return s.extent == 1 || s.step%4 == 0 }

// layoutOf finds the layout of an operand from the strides of k, of its rows
// or columns, and of its batches.
func layoutOf(k, along, offset int, x, b0, b1 stride) layout {
	if offset%4 != 0 || !b0.even() || !b1.even() {
		return bytewise
	}
	switch {
	case (along == 1 || k == 1) && x.even():
		return alongK
	case (x.step == 1 || x.extent == 1) && (stride{k, along}).even():
		return alongX
	}
	return bytewise
}

// operand is how a matmul's text loads a or b, in quads: words of four k for
// four rows or columns. Quads are numbered from the invocation's first.
type operand struct {
	name   string
	mem    int
	layout layout
	// Parameters of the kernel.
	off, b0, b1, x, k int
	last              string // row or column that there is
	zero              bool   // what lies beyond k must be 0
}

// base prints where the batch begins, and the strides.
func (p *matmulPrinter) base(o *operand, out *lines) {
	out.add("let %s_base = %s + batch0 * %s + batch1 * %s;", o.name, p.own(o.off), p.own(o.b0), p.own(o.b1))
	switch o.layout {
	case alongX:
		out.add("let %s_k = %s >> 2u;", o.name, p.own(o.k))
	case bytewise:
		out.add("let %s_k = %s;", o.name, p.own(o.k))
	}
}

// point prints where quad i of an operand begins, of which x is the first row
// or column. Beyond the last there are no others: that one is loaded again.
func (p *matmulPrinter) point(o *operand, out *lines, i int, x string) {
	if i == 0 {
		p.base(o, out)
	}
	at := fmt.Sprintf("%s_at%d", o.name, i)
	each := fmt.Sprintf("vec4<i32>(%s_base) + min(vec4<i32>(%s) + vec4<i32>(0, 1, 2, 3), vec4<i32>(%s)) * vec4<i32>(%s)", o.name, x, o.last, p.own(o.x))
	switch o.layout {
	case alongK:
		out.add("let %s = (%s) >> vec4<u32>(2u);", at, each)
	case alongX:
		out.add("let %s = (%s_base + min(%s, (%s) & -4)) >> 2u;", at, o.name, x, o.last)
	default:
		out.add("let %s = %s;", at, each)
	}
}

// mask prints which bytes of word k are before the end.
func (p *matmulPrinter) mask(out *lines) {
	if p.tail {
		out.add("let mask = select(0xffffffffu, 0xffffffffu >> u32((steps * 4 - length) * 8), k + 1 == steps);")
	}
}

// load prints quad i of an operand at word k: as one vector of words, or
// unpacked, as four vectors of rows or columns, one for each k.
func (p *matmulPrinter) load(o *operand, out *lines, i int, unpacked bool) {
	name := fmt.Sprintf("%s%d", o.name, i)
	at := fmt.Sprintf("%s_at%d", o.name, i)
	if o.layout != alongX {
		out.add("let %s = %s;", name, p.words(o, at))
		if unpacked {
			p.unpack(o, out, i)
		}
		return
	}
	word := func(t int) string {
		k := fmt.Sprintf("(k * 4 + %d)", t)
		if p.tail {
			k = fmt.Sprintf("min(k * 4 + %d, length - 1)", t)
		}
		w := p.word(o.mem, fmt.Sprintf("%s + %s * %s_k", at, k, o.name))
		if o.zero && unpacked {
			return fmt.Sprintf("select(0u, %s, k * 4 + %d < length)", w, t)
		}
		return w
	}
	if unpacked {
		for t := range 4 {
			out.add("let %s_%d = %s;", name, t, p.unpack4(word(t)))
		}
		return
	}
	turned := fmt.Sprintf("%s(vec4<u32>(%s, %s, %s, %s))", p.need("turn", turn), word(0), word(1), word(2), word(3))
	if o.zero {
		turned += " & vec4<u32>(mask)"
	}
	out.add("let %s = %s;", name, turned)
}

// words is a quad whose words need no turning.
func (p *matmulPrinter) words(o *operand, at string) string {
	var w [4]string
	for i, c := range "xyzw" {
		if o.layout == alongK {
			w[i] = p.word(o.mem, fmt.Sprintf("%s.%c + k", at, c))
		} else {
			w[i] = fmt.Sprintf("%s(%s.%c, k * 4, %s_k)", p.gather(o), at, c, o.name)
		}
	}
	quad := fmt.Sprintf("vec4<u32>(%s, %s, %s, %s)", w[0], w[1], w[2], w[3])
	if o.zero {
		quad += " & vec4<u32>(mask)"
	}
	return quad
}

// unpack prints the vectors of a quad, one for each k.
func (p *matmulPrinter) unpack(o *operand, out *lines, i int) {
	for t := range 4 {
		out.add("let %[1]s%[2]d_%[3]d = bitcast<vec4<i32>>(%[1]s%[2]d << vec4<u32>(%[4]du)) >> vec4<u32>(24u);", o.name, i, t, 24-8*t)
	}
}

// gather is the function that makes a word of bytes that lie apart. Beyond
// the last k it takes that one again.
func (p *matmulPrinter) gather(o *operand) string {
	f := &lines{}
	name := "gather_" + o.name
	f.add("fn %s(at: i32, k: i32, step: i32) -> u32 {", name)
	f.add("  let last = %s - 1;", p.own(p.kernel.Contract.K))
	var v [4]string
	for t := range 4 {
		v[t] = p.element(o.mem, fmt.Sprintf("at + min(k + %d, last) * step", t))
	}
	f.add("  return %s;", p.pack4(fmt.Sprintf("vec4<i32>(%s, %s, %s, %s)", v[0], v[1], v[2], v[3])))
	f.add("}")
	return p.need(name, f.b.String())
}

// turn makes words of four k of words of four rows.
const turn = `fn turn(w: vec4<u32>) -> vec4<u32> {
  let low = 0x00ff00ffu;
  let even0 = (w.x & low) | ((w.y & low) << 8u);
  let even1 = (w.z & low) | ((w.w & low) << 8u);
  let odd0 = ((w.x >> 8u) & low) | (w.y & 0xff00ff00u);
  let odd1 = ((w.z >> 8u) & low) | (w.w & 0xff00ff00u);
  return vec4<u32>(
    (even0 & 0xffffu) | (even1 << 16u), (odd0 & 0xffffu) | (odd1 << 16u),
    (even0 >> 16u) | (even1 & 0xffff0000u), (odd0 >> 16u) | (odd1 & 0xffff0000u));
}
`
