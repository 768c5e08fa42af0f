package glsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// gather is an adding store: one pass, or one that sums up stretches of the
// rows and another that adds those.
type gather struct {
	store   *store
	inverse *inversion
	// whole and partial have the form quad where four consecutive elements
	// follow from the same rows.
	whole, partial form
	combine        *pass
}

// quadRadix is the radix of the digit that tells the column, where four
// elements may be found together if it is a multiple of 4; else nil.
func (g *gather) quadRadix() *lower.Node {
	v := g.inverse
	if v.column != 0 {
		return nil
	}
	radix := v.digits[0].radix
	for _, k := range v.rows {
		for _, t := range k.rest {
			if !inStep(t.node, radix) {
				return nil
			}
		}
	}
	for _, i := range v.tests {
		if !inStep(v.digits[i].node, radix) {
			return nil
		}
	}
	return radix
}

func (m *module) printGather(s *store) *gather {
	g := &gather{store: s, inverse: invert(s)}
	key := fmt.Sprintf("%s add%d", m.key, s.Buf)
	print := func(key string, whole bool) form {
		f := form{loose: m.add(m.printSums(key+" loose", g, whole, false))}
		if g.quadRadix() != nil {
			f.quad = m.add(m.printSums(key+" quad", g, whole, true))
		}
		return f
	}
	g.whole = print(key+" whole", true)
	if !g.inverse.unique {
		g.partial = print(key+" part", false)
		g.combine = m.add(m.printAddUp(m.kernel.Bufs[s.Buf].DType))
	}
	return g
}

// printAddUp prints the pass that adds what stretches left. It is the same for
// all kernels.
func (m *module) printAddUp(t kernel.DType) *pass {
	sh := newShader("add up "+t.String(), m.width)
	body := &lines{indent: "  "}
	body.add("ivec4 sum = ivec4(0);")
	body.open("for (int i = 0; i < %s; i++)", sh.word("stretches"))
	body.add("sum += %s;", sh.texel(temporary("sum"), "i * "+sh.word("texels")+" + t"))
	body.close()
	body.add("%s = sum;", sh.target(memory{buf: added, dtype: t}))
	return sh.pass(body)
}

// sums prints a pass that adds up what belongs to each element.
type sums struct {
	*gather
	*lines        // the search
	top    *scope // what is the same everywhere
	whole  bool
	quad   bool
	depth  int // open blocks of the search
}

func (m *module) printSums(key string, g *gather, whole, quad bool) *pass {
	sh := newShader(key, m.width)
	p := &sums{gather: g, lines: &lines{indent: "  "}, top: m.scope(sh, view{stage: len(m.stages)}), whole: whole, quad: quad}
	p.add("int spot = t;")
	if !whole {
		p.add("int stretch = t / %s;", sh.word("outs"))
		p.add("spot = t - stretch * outs;")
		p.add("int from = stretch * %s;", sh.word("size"))
		p.add("int to = min(from + size, %s);", sh.word("turns"))
	}
	p.add("ivec4 sum = ivec4(0);")
	if quad {
		p.add("int o = spot * 4;")
	} else {
		p.lines.open("for (int part = 0; part < 4; part++)")
		p.add("int o = min(spot * 4 + part, %s - 1);", sh.word("elems"))
	}
	p.search()
	if !quad {
		p.close()
	}
	out := m.buffer(g.store.Buf)
	if !whole {
		out = temporary("sum")
	}
	p.add("%s = sum;", sh.target(out))
	p.top.put(p.lines)
	return sh.pass(p.top.lines)
}

// open opens a block of the search.
func (p *sums) open(format string, args ...any) {
	p.lines.open(format, args...)
	p.depth++
}

// block is a scope whose values are printed where the search has got to.
func (p *sums) block(parent *scope, v view, holds func(*lower.Node) bool) *scope {
	s := parent.inside(v, holds)
	s.lines = p.lines
	return s
}

func everything(*lower.Node) bool { return true }

// search prints the loops over the rows and columns that add to element o.
func (p *sums) search() {
	top, v := p.top, p.inverse
	p.splitIndex()
	switch {
	case v.column < 0:
		p.open("for (int c = 0; c < %s; c++)", top.word("cols"))
	case v.whole:
		p.add("int c = d%d;", v.column)
	default:
		p.open("for (int c = d%d; c < %s; c += %s)", v.column, top.word("cols"), top.value(v.digits[v.column].radix).text)
	}
	at := view{row: value{text: "row"}, col: value{text: "c"}, stage: top.view.stage}
	columns := p.block(top, at, func(n *lower.Node) bool { return !n.Row })
	p.findRow(columns)
	rows := p.block(columns, at, everything)
	for _, i := range p.tests() {
		p.open("if (%s == d%d)", rows.value(v.digits[i].node).text, i)
	}
	if p.quad {
		at.col, at.first, at.quad = value{"(c + ivec4(0, 1, 2, 3))", true}, "c", true
		four := p.block(top, at, everything)
		p.add("sum += %s;", four.value(p.store.value).text)
	} else {
		p.add("sum += ivec4(equal(ivec4(part), ivec4(0, 1, 2, 3))) * %s;", parens(rows.value(p.store.value).text))
	}
	for ; p.depth > 0; p.depth-- {
		p.close()
	}
}

// splitIndex prints the digits of o.
func (p *sums) splitIndex() {
	rest := "o"
	for i, d := range p.inverse.digits {
		if d.radix == nil {
			p.add("int d%d = %s;", i, rest)
			return
		}
		radix := p.top.value(d.radix).text
		p.add("int q%d = %s / %s;", i, rest, radix)
		p.add("int d%d = %s - q%d * %s;", i, rest, i, radix)
		rest = fmt.Sprintf("q%d", i)
	}
}

// findRow prints the loop over the rows that the known digits allow.
func (p *sums) findRow(columns *scope) {
	top, v := p.top, p.inverse
	start, step := "0", "1"
	for j, k := range v.rows {
		text := fmt.Sprintf("d%d", k.digit)
		for _, t := range k.rest {
			sign := "-"
			if t.negative {
				sign = "+"
			}
			text += fmt.Sprintf(" %s %s", sign, parens(columns.value(t.node).text))
		}
		p.add("int x%d = %s;", j, text)
		if j == 0 {
			start = "x0"
		} else {
			start = fmt.Sprintf("%s + x%d * %s", start, j, step)
		}
		if j == len(v.radix) {
			continue // the highest digit has no radix
		}
		radix := top.value(v.radix[j]).text
		p.open("if (x%d >= 0 && x%d < %s)", j, j, radix)
		if j == 0 {
			step = radix
		} else {
			step += " * " + radix
		}
	}
	if v.unique {
		p.add("int row = %s;", start)
		p.open("if (row >= 0 && row < %s)", top.word("rows"))
		return
	}
	from, to := "from", "to"
	if p.whole {
		from, to = "0", top.word("turns")
	}
	if key := p.rowTests(); len(key) > 0 && len(v.rows) == 0 {
		p.tryFour(key, from, to)
		return
	}
	p.open("for (int i = %s; i < %s; i++)", from, to)
	p.add("int row = %s + i * %s;", start, parens(step))
	if len(v.rows) > 0 {
		p.open("if (row < %s)", top.word("rows"))
	}
}

// rowTests lists the tests that see only the row.
func (p *sums) rowTests() []int {
	var list []int
	for _, i := range p.inverse.tests {
		if n := p.inverse.digits[i].node; !n.Col {
			list = append(list, i)
		}
	}
	return list
}

// tests lists those that are left for single rows.
func (p *sums) tests() []int {
	if len(p.inverse.rows) > 0 {
		return p.inverse.tests
	}
	var list []int
	for _, i := range p.inverse.tests {
		if n := p.inverse.digits[i].node; n.Col {
			list = append(list, i)
		}
	}
	return list
}

// tryFour prints the loop that tests four rows at once, since few pass.
func (p *sums) tryFour(tests []int, from, to string) {
	p.open("for (int line = %s; line < %s; line += 4)", from, to)
	p.add("ivec4 four = min(line + ivec4(0, 1, 2, 3), %s - 1);", p.top.word("rows"))
	test := p.block(p.top, view{row: value{"four", true}, line: "line", stage: p.top.view.stage}, everything)
	miss := ""
	for _, i := range tests {
		if miss != "" {
			miss += " | "
		}
		miss += fmt.Sprintf("(%s ^ ivec4(d%d))", test.value(p.inverse.digits[i].node).text, i)
	}
	p.add("ivec4 miss = %s;", miss)
	p.open("if (any(equal(miss, ivec4(0))))")
	p.open("for (int i = 0; i < 4; i++)")
	p.add("int row = line + i;")
	p.open("if (row < %s && %s(miss, i) == 0)", to, p.top.need("pick", pick))
}
