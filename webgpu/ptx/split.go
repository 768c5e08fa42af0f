package ptx

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Products with few elements and a long sum, such as the gradients of weights,
// leave most of a machine idle. Several workgroups then share a tile, each with
// a part of the sum: they add to sums in memory, and a pass of its own computes
// the stores. Sums wrap around where they overflow, and so come out the same.

// sums is the kernel of the workgroups. Package kernel does not know products
// that add; its proof is that of the kernel it is run for, whose accumulator
// bounds every partial sum.
var sums = func() *kernel.Kernel {
	k := kernel.NewMatmul("sums")
	k.AddTo(k.Output("sums", kernel.I32), kernel.Here, kernel.Acc)
	return k
}()

// split makes the passes of a product in parts.
func (p *Printer) split(step *launch.Step, in *kernel.Instance, g *contraction, c choice, bound []launch.Ref) {
	contract := in.Kernel.Contract
	to := launch.Ref{Buf: len(in.Kernel.Bufs) + len(step.Temps)}
	out, plain := plainProduct(in.Kernel)
	if plain {
		to.Buf = out
	} else {
		step.Temps = append(step.Temps, launch.Temp{DType: kernel.I32, Elems: in.Rows * in.Cols})
	}
	code := p.code(sums, matmulVariant{tile: c.tile, width: 1, split: true})
	groups := c.groups(g)
	given := make([]int32, len(sums.Params))
	given[sums.Contract.M], given[sums.Contract.B1], given[sums.Contract.K] = int32(g.m), int32(g.b1), int32(g.k)
	given = append(given, int32(in.Rows), int32(in.Cols))
	given = append(append(given, g.extra(c.tile)...), int32(c.depth), int32(groups))
	step.Passes = append(step.Passes, launch.Pass{
		Code: code.Code, Refs: []launch.Ref{bound[contract.A], bound[contract.B], to},
		Params: code.params(given), Groups: groups * ceilDiv(g.k, c.depth), Clear: []int{to.Buf},
	})
	if plain {
		return
	}
	v := mapVariant{width: widthFor(in.Cols), acc: true}
	code = p.code(in.Kernel, v)
	pass := launch.Pass{Code: code.Code, Refs: append(refs(len(in.Kernel.Bufs)), to), Params: params(in)}
	pass.Groups = v.fill(&pass, in.Rows, in.Cols)
	pass.Params = code.params(pass.Params)
	step.Passes = append(step.Passes, pass)
}

// plainProduct tells whether k stores its sums as they are, and where.
func plainProduct(k *kernel.Kernel) (out int, ok bool) {
	s := k.Stores[0]
	ok = len(k.Stores) == 1 && s.Value.Op == kernel.OpAcc && s.Index.Op != kernel.OpRow && k.Bufs[s.Buf].DType == kernel.I32
	return s.Buf, ok
}

// splitCodes lists the codes that products in parts need beside those of k.
func (p *Printer) splitCodes(k *kernel.Kernel) []*launch.Code {
	var codes []*launch.Code
	for _, t := range p.tiles() {
		codes = append(codes, p.code(sums, matmulVariant{tile: t, width: 1, split: true}).Code)
	}
	if _, plain := plainProduct(k); !plain {
		for _, width := range []int{4, 1} {
			codes = append(codes, p.code(k, mapVariant{width: width, acc: true}).Code)
		}
	}
	return codes
}
