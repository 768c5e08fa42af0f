package wgsl

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// keepName is the array that keeps n for the four rows of every group. It
// notes that n is wanted.
func (p *rowsPrinter) keepName(n *lower.Node) string {
	if !slices.Contains(p.keep, n) {
		p.keep = append(p.keep, n)
		if p.lanes > 1 {
			p.workgroup(fmt.Sprintf("k%d", n.ID), "i32", 4, 4*p.teams)
		}
	}
	return fmt.Sprintf("k%d", n.ID)
}

// keepSlot is where the value of row g of the group is kept.
func (p *rowsPrinter) keepSlot(g string) string {
	if p.lanes == 1 || p.teams == 1 {
		return g
	}
	return "team * 4 + " + g
}

// kept is the vector of the values of n that were kept for rows g.
func (p *rowsPrinter) keptAt(n *lower.Node, g [4]string) string {
	name := p.keepName(n)
	at := func(i int) string { return fmt.Sprintf("%s[%s]", name, p.keepSlot(g[i])) }
	return fmt.Sprintf("vec4<i32>(%s, %s, %s, %s)", at(0), at(1), at(2), at(3))
}

// reduceFour prints the stages of the four rows of a group, one after the
// other, and what happens once in each.
func (p *rowsPrinter) reduceFour(out *lines) {
	if p.lanes == 1 {
		for _, n := range p.keep {
			out.add("var k%d = array<i32, 4>();", n.ID)
		}
	}
	s := p.row(out.indent + "  ")
	s.add("let row = min(base + g, end - 1);")
	s.add("let here0 = row * cols;")
	for i := range p.stages {
		p.reductions(s, i)
	}
	p.storeRow(s, "base + g < end")
	list := s.block()
	for _, n := range p.keep {
		list.add("k%d[%s] = %s;", n.ID, p.keepSlot("g"), s.value(n).text)
	}
	if p.lanes > 1 {
		s.when(list, "lane == 0")
	} else {
		s.when(list)
	}
	if p.lanes > 1 { // before the next row overwrites what this one reduced
		s.add("workgroupBarrier();")
	}
	out.add("for (var g = 0; g < 4; g = g + 1) {")
	out.put(s.lines)
	out.add("}")
}

// storeFour prints what is stored of four rows, word by word.
func (p *rowsPrinter) storeFour() *lines {
	out := &lines{indent: "  "}
	at := &place{wide: true, first: "first"}
	at.there = func(j int) string { return fmt.Sprintf("first + %d < elements", j) }
	s := p.top.inside(at)
	s.add("let here = min(vec4<i32>(first) + vec4<i32>(0, 1, 2, 3), vec4<i32>(elements - 1));")
	s.add("let row = %s;", quotient("here", "vec4<i32>(cols)", true))
	at.here = func() value { return value{"here", true} }
	at.row = func() value { return value{"row", true} }
	at.col = s.named("col", "here - row * vec4<i32>(cols)", true)
	at.acc = p.accumulator
	within := s.named("within", "row - vec4<i32>(base)", true)
	at.kept = func(n *lower.Node) (value, bool) {
		if n.Col || n.Stage == 0 {
			return value{}, false
		}
		within()
		return s.let(n, value{p.keptAt(n, [4]string{"within.x", "within.y", "within.z", "within.w"}), true}), true
	}
	any := false
	for _, st := range p.stores {
		if !st.perRow() {
			s.store(st)
			any = true
		}
	}
	if any {
		out.add("let elements = min(base + 4, end) * cols;")
		out.add("for (var first = base * cols + %s * 4; first < elements; first = first + %d) {", p.lane(), 4*p.lanes)
		out.put(s.lines)
		out.add("}")
	}
	p.storeNarrow(out)
	return out
}

// storeNarrow prints the i8 and i16 stores of once a row: four rows fill whole
// words.
func (p *rowsPrinter) storeNarrow(out *lines) {
	s := p.top.inside(&place{wide: true, first: "base"})
	s.place.there = func(j int) string { return fmt.Sprintf("base + %d < end", j) }
	for _, st := range p.stores {
		if st.perRow() && p.kernel.Bufs[st.mem].DType != kernel.I32 {
			name := fmt.Sprintf("n%d", st.mem)
			s.add("let %s = %s;", name, p.keptAt(st.value, [4]string{"0", "1", "2", "3"}))
			s.storeFour(st.mem, name)
		}
	}
	out.when(s.lines, p.lane()+" == 0", "base < end")
}
