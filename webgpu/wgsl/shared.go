package wgsl

import "fmt"

// shared prints the loop of a workgroup that loads a block of either operand,
// a quad an invocation, and multiplies it. Blocks hold quads by k, then by
// rows or columns, so that invocations side by side read words side by side.
//
// Rows and columns of an invocation lie in quads that are a block's side
// apart: see results.
func (p *matmulPrinter) shared() {
	p.invocations = sharedLanes
	out := p.out
	quadsM, quadsN := sharedSide*p.tile.M/4, sharedSide*p.tile.N/4
	depth := p.tile.depth()
	begin, stop := "0", "steps"
	if p.cut {
		begin, stop = "begin", "stop"
	}
	out.add("let x = i32(local) & %d;", sharedSide-1)
	out.add("let y = i32(local) >> 4u;")
	out.add("let first_m = tile_m * %d;", sharedSide*p.tile.M)
	out.add("let first_n = tile_n * %d;", sharedSide*p.tile.N)
	out.add("let m0 = first_m + y * 4;")
	out.add("let n0 = first_n + x * 4;")
	p.part(&p.a, "m", quadsM, depth)
	p.part(&p.b, "n", quadsN, depth)
	blockA, blockB := p.workgroup("block_a", "vec4<u32>", 16, sharedLanes), p.workgroup("block_b", "vec4<u32>", 16, sharedLanes)
	p.accumulators()
	p.fetch(&p.a, out, begin, stop)
	p.fetch(&p.b, out, begin, stop)
	out.add("for (var k0 = %s; k0 < %s; k0 = k0 + %d) {", begin, stop, depth)
	in := out.block()
	in.add("workgroupBarrier();")
	in.add("%s[a_slot] = a_quad;", blockA)
	in.add("%s[b_slot] = b_quad;", blockB)
	in.add("workgroupBarrier();")
	// The next block is on its way while this one is multiplied.
	next := fmt.Sprintf("k0 + %d", depth)
	p.fetch(&p.a, in, next, stop)
	p.fetch(&p.b, in, next, stop)
	in.add("for (var j = 0; j < %d; j = j + 1) {", depth)
	mul := in.block()
	for i := range p.tile.M / 4 {
		mul.add("let a%d = %s[j * %d + y + %d];", i, blockA, quadsM, i*sharedSide)
	}
	for i := range p.tile.N / 4 {
		mul.add("let b%d = %s[j * %d + x + %d];", i, blockB, quadsN, i*sharedSide)
	}
	if !p.dot4 {
		for i := range p.tile.M / 4 {
			p.unpack(&p.a, mul, i)
		}
		for i := range p.tile.N / 4 {
			p.unpack(&p.b, mul, i)
		}
	}
	p.multiply(mul)
	in.put(mul)
	in.add("}")
	out.put(in)
	out.add("}")
}

// part prints which quad of a block the invocation loads: neighbours load
// words that lie side by side in memory.
func (p *matmulPrinter) part(o *operand, axis string, quads, depth int) {
	out, n := p.out, o.name
	if o.layout == alongX {
		out.add("let %s_part = i32(local) %% %d;", n, quads)
		out.add("let %s_depth = i32(local) / %d;", n, quads)
	} else {
		out.add("let %s_part = i32(local) / %d;", n, depth)
		out.add("let %s_depth = i32(local) %% %d;", n, depth)
	}
	out.add("let %[1]s_slot = %[1]s_depth * %[2]d + %[1]s_part;", n, quads)
	p.point(o, out, 0, fmt.Sprintf("first_%s + %s_part * 4", axis, n))
	out.add("var %s_quad = vec4<u32>();", n)
}

// fetch prints the load of the invocation's quad of the block that begins at
// word k0, zeros from stop on.
func (p *matmulPrinter) fetch(o *operand, out *lines, k0, stop string) {
	out.add("%s_quad = vec4<u32>();", o.name)
	out.add("if (%s + %s_depth < %s) {", k0, o.name, stop)
	in := out.block()
	in.add("let k = %s + %s_depth;", k0, o.name)
	if o.zero {
		p.mask(in)
	}
	p.load(o, in, 0, false)
	in.add("%[1]s_quad = %[1]s0;", o.name)
	out.put(in)
	out.add("}")
}
