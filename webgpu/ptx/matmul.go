package ptx

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// chunk is what operands are cut into along k: bytes that one thread copies,
// and half of what one instruction multiplies. The fast code wants operands
// whose rows run along k, start at multiples of chunk, and are whole chunks.
const chunk = 16

// operand is one side of a contraction: rows (those of A, or the columns of
// the result for B) of k elements, in two batch dimensions.
type operand struct {
	off, b0, b1, row, k int // strides
}

// contraction is a matmul's geometry.
type contraction struct {
	b0, b1, m, n, k int
	a, b            operand
}

func contractionOf(in *kernel.Instance) contraction {
	c := in.Kernel.Contract
	p := func(i int) int { return int(in.Params[i]) }
	g := contraction{
		b1: p(c.B1), m: p(c.M), n: in.Cols, k: p(c.K),
		a: operand{p(c.AOff), p(c.AB0), p(c.AB1), p(c.AM), p(c.AK)},
		b: operand{p(c.BOff), p(c.BB0), p(c.BB1), p(c.BN), p(c.BK)},
	}
	g.b0 = in.Rows / (g.b1 * g.m)
	return g
}

// ready tells whether the fast code can read o as it is.
func (o operand) ready(g *contraction, rows int) bool {
	whole := func(extent, stride int) bool { return extent == 1 || stride%chunk == 0 }
	return o.k == 1 && g.k%chunk == 0 && o.off%chunk == 0 &&
		whole(g.b0, o.b0) && whole(g.b1, o.b1) && whole(rows, o.row)
}

// matmul is a pass that multiplies, after passes that bring operands into the
// form it wants. Those move few bytes beside what a product reads.
func (p *Printer) matmul(in *kernel.Instance) (*launch.Step, error) {
	g := contractionOf(in)
	c := in.Kernel.Contract
	step := &launch.Step{}
	bound := refs(len(in.Kernel.Bufs))
	for _, side := range []struct {
		*operand
		buf, rows int
	}{{&g.a, c.A, g.m}, {&g.b, c.B, g.n}} {
		if side.ready(&g, side.rows) {
			continue
		}
		pass, elems, err := p.pack(&g, side.operand, side.rows)
		if err != nil {
			return nil, fmt.Errorf("ptx: %s: operand %s: %w", in.Kernel.Name, in.Kernel.Bufs[side.buf].Name, err)
		}
		temp := launch.Ref{Buf: len(in.Kernel.Bufs) + len(step.Temps)}
		step.Temps = append(step.Temps, launch.Temp{DType: kernel.I8, Elems: elems})
		pass.Refs = []launch.Ref{{Buf: side.buf}, temp}
		step.Passes = append(step.Passes, pass)
		bound[side.buf] = temp
	}
	how, err := p.choose(&g)
	if err != nil {
		return nil, err
	}
	if how.depth < g.k {
		p.split(step, in, &g, how, bound)
		return step, nil
	}
	code := p.code(in.Kernel, matmulVariant{tile: how.tile, width: widthFor(g.n)})
	step.Passes = append(step.Passes, launch.Pass{
		Code: code.Code, Refs: bound, Groups: how.groups(&g),
		Params: code.params(append(params(in), g.extra(how.tile)...)),
	})
	return step, nil
}

// widthFor is how many neighbouring elements of a row of cols a thread has.
func widthFor(cols int) int {
	if cols%4 == 0 {
		return 4
	}
	return 1
}

// extra are the parameters that matmul adds.
func (g *contraction) extra(t tile) []int32 {
	var all []int32
	for _, o := range []operand{g.a, g.b} {
		all = append(all, int32(o.off), int32(o.b0), int32(o.b1), int32(o.row))
	}
	return append(all, int32(ceilDiv(g.k, chunk)*chunk), int32(ceilDiv(g.m, t.m)), int32(ceilDiv(g.n, t.n)))
}

// Numbers of the parameters that matmul adds.
const (
	extraA      = 0 // offset, strides of both batch dimensions and of rows
	extraB      = 4
	extraK      = 8 // k in whole chunks
	extraTilesM = 9
	extraTilesN = 10
	extraMatmul = 11 // how many there are

	extraDepth  = 11 // of a part along k
	extraGroups = 12 // workgroups that have the same part
	extraSplit  = 13 // how many there are where the sum is split
)

// matmulCodes lists the codes of a matmul: every tile, and the packing.
func (p *Printer) matmulCodes(k *kernel.Kernel) []*launch.Code {
	var codes []*launch.Code
	for _, v := range packVariants {
		codes = append(codes, p.code(nil, v).Code)
	}
	for _, t := range p.tiles() {
		for _, width := range []int{4, 1} {
			codes = append(codes, p.code(k, matmulVariant{tile: t, width: width}).Code)
		}
	}
	return append(codes, p.splitCodes(k)...)
}

// tiles lists those that the machine has room for.
func (p *Printer) tiles() []tile {
	var fit []tile
	for _, t := range tiles {
		limit := p.options.Limits.Shared
		if limit > 0 && t.shared() > limit || p.options.Tile != "" && p.options.Tile != t.name() || t.hopper && !p.options.Hopper {
			continue
		}
		fit = append(fit, t)
	}
	return fit
}
