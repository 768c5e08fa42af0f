package wgsl

import (
	"fmt"
)

// matmulPrinter prints one matmul.
type matmulPrinter struct {
	matmulForm
	*unit
	out  *lines
	a, b operand
}

func (f matmulForm) print(u *unit) *lines {
	u.header = matmulHeader
	c := f.kernel.Contract
	p := &matmulPrinter{
		matmulForm: f, unit: u, out: &lines{indent: "  "},
		a: operand{name: "a", mem: c.A, layout: f.a, off: c.AOff, b0: c.AB0, b1: c.AB1, x: c.AM, k: c.AK, last: "rows_m - 1", zero: f.tail},
		b: operand{name: "b", mem: c.B, layout: f.b, off: c.BOff, b0: c.BB0, b1: c.BB1, x: c.BN, k: c.BK, last: "cols - 1"},
	}
	p.finish()
	p.place()
	if f.tile.Shared {
		p.shared()
	} else {
		p.direct()
	}
	p.results()
	return p.out
}

// place finds the batch of the workgroup and its tile.
func (p *matmulPrinter) place() {
	c, out := p.kernel.Contract, p.out
	out.add("let cols = %s;", p.head("cols"))
	out.add("let rows_m = %s;", p.own(c.M))
	out.add("let steps = %s;", p.head("steps"))
	out.add("let tiles_n = %s;", p.head("tiles_n"))
	out.add("let tiles = %s * tiles_n;", p.head("tiles_m"))
	if p.cut {
		out.add("let all = %s + group;", p.param(paramFrom))
		out.add("let number = %s;", quotient("all", p.head("cuts"), false))
		out.add("let begin = (all - number * %s) * %s;", p.head("cuts"), p.head("cut"))
		out.add("let stop = min(begin + %s, steps);", p.head("cut"))
	} else {
		out.add("let number = %s + group;", p.param(paramFrom))
	}
	out.add("let batch = %s;", quotient("number", "tiles", false))
	out.add("let tile = number - batch * tiles;")
	out.add("let tile_m = %s;", quotient("tile", "tiles_n", false))
	out.add("let tile_n = tile - tile_m * tiles_n;")
	out.add("let batch0 = %s;", quotient("batch", p.own(c.B1), false))
	out.add("let batch1 = batch - batch0 * %s;", p.own(c.B1))
	if p.tail {
		out.add("let length = %s;", p.own(c.K))
	}
}

// direct prints the loop in which an invocation loads what it needs.
func (p *matmulPrinter) direct() {
	p.invocations = directLanes
	out := p.out
	out.add("let wide = u32(%s);", p.head("wide"))
	out.add("let m0 = ((tile_m << (6u - wide)) + i32(local >> wide)) * %d;", p.tile.M)
	out.add("let n0 = ((tile_n << wide) + i32(local & ((1u << wide) - 1u))) * %d;", p.tile.N)
	out.add("if (m0 >= rows_m || n0 >= cols) {")
	out.add("  return;")
	out.add("}")
	for i := range p.tile.M / 4 {
		p.point(&p.a, out, i, fmt.Sprintf("m0 + %d", 4*i))
	}
	for j := range p.tile.N / 4 {
		p.point(&p.b, out, j, fmt.Sprintf("n0 + %d", 4*j))
	}
	p.accumulators()
	out.add("for (var k = 0; k < steps; k = k + 1) {")
	in := out.block()
	p.mask(in)
	for i := range p.tile.M / 4 {
		p.load(&p.a, in, i, !p.dot4)
	}
	for j := range p.tile.N / 4 {
		p.load(&p.b, in, j, !p.dot4)
	}
	p.multiply(in)
	out.put(in)
	out.add("}")
}

func (p *matmulPrinter) accumulators() {
	for i := range p.tile.M {
		for j := range p.tile.N / 4 {
			p.out.add("var acc%d_%d = vec4<i32>();", i, j)
		}
	}
}

// multiply adds the products of the loaded quads to the accumulators.
func (p *matmulPrinter) multiply(out *lines) {
	for i := range p.tile.M {
		row := "xyzw"[i%4]
		for j := range p.tile.N / 4 {
			if p.dot4 {
				a := fmt.Sprintf("a%d.%c", i/4, row)
				out.add("acc%[1]d_%[2]d = acc%[1]d_%[2]d + vec4<i32>(dot4I8Packed(%[3]s, b%[2]d.x), dot4I8Packed(%[3]s, b%[2]d.y), dot4I8Packed(%[3]s, b%[2]d.z), dot4I8Packed(%[3]s, b%[2]d.w));", i, j, a)
				continue
			}
			sum := fmt.Sprintf("acc%d_%d", i, j)
			for t := range 4 {
				sum += fmt.Sprintf(" + vec4<i32>(a%d_%d.%c) * b%d_%d", i/4, t, row, j, t)
			}
			out.add("acc%d_%d = %s;", i, j, sum)
		}
	}
}

// results hands the accumulators on, row by row.
func (p *matmulPrinter) results() {
	for i := range p.tile.M {
		m := fmt.Sprintf("m0 + %d", i)
		if p.tile.Shared {
			m = fmt.Sprintf("m0 + %d", i/4*4*sharedSide+i%4)
		}
		p.out.add("if (%s < rows_m) {", m)
		for j := range p.tile.N / 4 {
			n := 4 * j
			if p.tile.Shared {
				n *= sharedSide
			}
			p.out.add("  finish(batch * rows_m + %s, n0 + %d, acc%d_%d);", m, n, i, j)
		}
		p.out.add("}")
	}
}

// finish prints the function that stores what the kernel makes of four
// accumulators side by side.
func (p *matmulPrinter) finish() {
	at := &place{wide: true, quad: p.whole, row: func() value { return value{text: "row"} }}
	s := newScope(p.unit, "  ", at)
	s.add("let cols = %s;", p.head("cols"))
	s.add("if (column >= cols) {")
	s.add("  return;")
	s.add("}")
	s.add("let first = row * cols + column;")
	if p.whole {
		at.first = "first"
		at.here = s.named("here", "vec4<i32>(first) + vec4<i32>(0, 1, 2, 3)", true)
		at.col = s.named("col", "vec4<i32>(column) + vec4<i32>(0, 1, 2, 3)", true)
	} else {
		s.add("let elements = (row + 1) * cols;")
		at.there = func(j int) string { return fmt.Sprintf("column + %d < cols", j) }
		at.col = s.named("col", "min(vec4<i32>(column) + vec4<i32>(0, 1, 2, 3), vec4<i32>(cols - 1))", true)
		at.here = s.named("here", "min(vec4<i32>(first) + vec4<i32>(0, 1, 2, 3), vec4<i32>(elements - 1))", true)
	}
	at.acc = func(*scope) value { return value{"acc", true} }
	switch temp := len(p.kernel.Bufs); {
	case p.cut:
		for j, c := range "xyzw" {
			s.guarded(j, nil, s.addWord(temp, fmt.Sprintf("%s.%c", at.here().text, c), fmt.Sprintf("acc.%c", c)))
		}
	case p.bare:
		s.storeFour(temp, "acc")
	default:
		for _, st := range p.stores {
			s.store(st)
		}
	}
	p.need("finish", "fn finish(row: i32, column: i32, acc: vec4<i32>) {\n"+s.b.String()+"}\n")
}
