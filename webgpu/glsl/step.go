package glsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// Step implements launch.Printer.
func (p *Printer) Step(in *kernel.Instance) (*launch.Step, error) {
	m, err := p.module(in.Kernel)
	if err != nil {
		return nil, err
	}
	b := &builder{in: in, module: m, words: map[string]int{}, temps: map[string]int{}}
	b.words["rows"], b.words["cols"], b.words["elems"] = in.Rows, in.Cols, in.Rows*in.Cols
	for i, v := range in.Params {
		b.words[fmt.Sprintf("p%d", i)] = int(v)
	}
	quad := in.Cols%4 == 0
	if in.Kernel.Contract != nil {
		b.contract(p.contract, p.options.Rows)
	}
	for i := range m.reductions {
		b.reduce(i, quad)
	}
	for _, f := range m.elements {
		b.run(f.of(quad), texels(in.Rows*in.Cols))
	}
	for _, r := range m.perRow {
		b.run(r, texels(in.Rows))
	}
	for _, g := range m.gathers {
		b.gather(g, quad)
	}
	most := p.options.Width * p.options.Limits.Side
	for _, t := range b.step.Temps {
		if texels(t.Elems) > most {
			return nil, fmt.Errorf("glsl: %s: a temporary of %d texels, %d fit into a texture", in.Kernel.Name, texels(t.Elems), most)
		}
	}
	return &b.step, nil
}

func texels(elems int) int { return (elems + 3) / 4 }

func ceil(x, y int) int { return (x + y - 1) / y }

// crowd is how many fragments keep a GPU busy. Where a pass has fewer and each
// has much to do, the work is split into stretches.
const crowd = 1 << 14

// builder makes a step.
type builder struct {
	in     *kernel.Instance
	module *module
	step   launch.Step
	words  map[string]int // parameters by name
	temps  map[string]int // temporaries by name
	out    int            // the output of the adding store
}

// run adds a pass over n texels.
func (b *builder) run(p *pass, n int) {
	b.words["texels"] = n
	pass := launch.Pass{Code: p.code, Groups: n}
	for _, w := range p.words {
		v, ok := b.words[w]
		if !ok {
			panic(fmt.Sprintf("glsl: %s: parameter %s has no value", p.code.Key, w))
		}
		pass.Params = append(pass.Params, int32(v))
	}
	for _, m := range p.bindings {
		pass.Refs = append(pass.Refs, launch.Ref{Buf: b.ref(m, n)})
	}
	b.step.Passes = append(b.step.Passes, pass)
}

// ref resolves a memory. A temporary begins with the pass that writes it, whose
// size is its.
func (b *builder) ref(m memory, n int) int {
	switch {
	case m.buf >= 0:
		return m.buf
	case m.buf == contractA:
		return b.in.Kernel.Contract.A
	case m.buf == contractB:
		return b.in.Kernel.Contract.B
	case m.buf == added:
		return b.out
	}
	i, ok := b.temps[m.temp]
	if !ok {
		i = len(b.step.Temps)
		b.temps[m.temp] = i
		b.step.Temps = append(b.step.Temps, launch.Temp{DType: kernel.I32, Elems: 4 * n})
	}
	return len(b.in.Kernel.Bufs) + i
}

// leastColumns is the shortest stretch of a row worth a fragment.
const leastColumns = 128

func (b *builder) reduce(i int, quad bool) {
	r, rows, cols := &b.module.reductions[i], b.in.Rows, b.in.Cols
	stretches := min(ceil(crowd, rows), cols/leastColumns)
	if stretches < 2 {
		b.run(r.whole.of(quad), rows)
		return
	}
	stretch := (ceil(cols, stretches) + 3) &^ 3
	stretches = ceil(cols, stretch)
	b.words["stretch"], b.words["stretches"] = stretch, stretches
	b.run(r.partial.of(quad), rows*stretches)
	b.run(r.combine, rows)
}

// leastRows is the fewest rows worth a fragment of an adding store.
const leastRows = 64

func (b *builder) gather(g *gather, quad bool) {
	radix := g.quadRadix()
	quad = quad && radix != nil && b.uniform(radix)%4 == 0
	b.out = g.store.Buf
	elems := b.in.Lens[g.store.Buf]
	outs := texels(elems)
	step := 1
	for _, n := range g.inverse.radix {
		step *= b.uniform(n)
	}
	turns := ceil(b.in.Rows, step)
	defer func(n int) { b.words["elems"] = n }(b.words["elems"])
	b.words["elems"], b.words["outs"], b.words["turns"] = elems, outs, turns
	stretches := min(ceil(crowd, outs), turns/leastRows)
	if g.inverse.unique || stretches < 2 {
		b.run(g.whole.of(quad), outs)
		return
	}
	size := (ceil(turns, stretches) + 3) &^ 3
	stretches = ceil(turns, size)
	b.words["size"], b.words["stretches"] = size, stretches
	delete(b.temps, "sum")
	b.run(g.partial.of(quad), outs*stretches)
	b.run(g.combine, outs)
}

// uniform is the value of a node that is the same everywhere.
func (b *builder) uniform(n *lower.Node) int {
	arg := func(i int) int { return b.uniform(n.Args[i]) }
	switch n.Op {
	case kernel.OpConst:
		return int(n.K)
	case kernel.OpParam:
		return int(b.in.Params[n.K])
	case kernel.OpRows:
		return b.in.Rows
	case kernel.OpCols:
		return b.in.Cols
	case kernel.OpAdd:
		return arg(0) + arg(1)
	case kernel.OpSub:
		return arg(0) - arg(1)
	case kernel.OpMul:
		return arg(0) * arg(1)
	case kernel.OpDiv:
		return arg(0) / max(arg(1), 1)
	case kernel.OpShl:
		return arg(0) << (arg(1) & 31)
	case kernel.OpSar:
		return arg(0) >> (arg(1) & 31)
	}
	panic(fmt.Sprintf("glsl: %s: %s of sizes", b.in.Kernel.Name, n.Op))
}

// leastK is the shortest stretch of a contraction worth a fragment.
const leastK = 256

// contract adds the first pass of a matmul.
func (b *builder) contract(passes map[[2]layout]*pass, tile int) {
	c := b.in.Kernel.Contract
	param := func(i int) int { return int(b.in.Params[i]) }
	set := func(name string, i int) { b.words[name] = param(i) }
	set("size_m", c.M)
	set("batch1", c.B1)
	set("size_k", c.K)
	for name, i := range map[string]int{
		"a_off": c.AOff, "a_b0": c.AB0, "a_b1": c.AB1, "a_m": c.AM, "a_k": c.AK,
		"b_off": c.BOff, "b_b0": c.BB0, "b_b1": c.BB1, "b_n": c.BN, "b_k": c.BK,
	} {
		set(name, i)
	}
	m, n, k := param(c.M), b.in.Cols, param(c.K)
	batches := b.in.Rows / m
	tilesM, tilesN := ceil(m, tile), ceil(n, across4)
	tiles := batches * tilesM * tilesN
	stretches := max(min(ceil(crowd, tiles), k/leastK), 1)
	stretch := (ceil(k, stretches) + 3) &^ 3
	stretches = ceil(k, stretch)
	b.words["tiles"], b.words["tiles_m"], b.words["tiles_n"] = tiles, tilesM, tilesN
	b.words["stretch_k"], b.words["stretches"] = stretch, stretches
	batch1 := param(c.B1)
	a := operandLayout(extents{m, k, batches / batch1, batch1}, param(c.AOff), param(c.AM), param(c.AK), param(c.AB0), param(c.AB1))
	x := operandLayout(extents{n, k, batches / batch1, batch1}, param(c.BOff), param(c.BN), param(c.BK), param(c.BB0), param(c.BB1))
	if a == strided || x == strided {
		a, x = strided, strided
	}
	b.run(passes[[2]layout{a, x}], tiles*stretches)
}

// extents are how far the dimensions of an operand go.
type extents struct{ side, k, batch0, batch1 int }

// operandLayout tells how to read an operand: by texels where everything but
// the dimension that lies along them moves by whole texels.
func operandLayout(n extents, off, side, k, batch0, batch1 int) layout {
	whole := func(extent, stride int) bool { return extent == 1 || stride%4 == 0 }
	if off%4 != 0 || !whole(n.batch0, batch0) || !whole(n.batch1, batch1) {
		return strided
	}
	switch {
	case k == 1 && whole(n.side, side):
		return alongK
	case side == 1 && whole(n.k, k):
		return across
	}
	return strided
}
