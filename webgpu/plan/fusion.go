package plan

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Fusion is a pair of kernels worth running as one: the producer's output is
// still in a register or the first cache when the consumer needs it.
type Fusion struct {
	producer, consumer *kernel.Kernel
	edge               kernel.Edge
	fused              *kernel.Fusion
}

// Kernel is the one kernel.
func (f *Fusion) Kernel() *kernel.Kernel { return f.fused.Kernel }

// Fusions lists every fusion that planners may use, in the order in which they
// are tried: a later one may start from what an earlier one made. Each was
// measured to save time in training the sample models.
var Fusions = fusions()

func fusions() []*Fusion {
	var all []*Fusion
	fuse := func(producer, consumer *kernel.Kernel, out, in string, keep bool) *kernel.Kernel {
		e := kernel.Edge{Out: buffer(producer, out, true), In: buffer(consumer, in, false), Keep: keep}
		fused, err := kernel.NewFusion(producer, consumer, e)
		if err != nil {
			panic(err)
		}
		all = append(all, &Fusion{producer, consumer, e, fused})
		return fused.Kernel
	}
	const keep, drop = true, false
	fuse(ops.MatmulShiftOp.Kernel, ops.ReLU2Op.Kernel, "out", "x", drop)
	fuse(ops.MatmulShiftOp.Kernel, ops.AddOp.Kernel, "out", "y", drop)
	fuse(ops.RMSNormOp.Kernel, ops.QuantizeRows16Op.Kernel, "y", "x", keep)
	gradient := fuse(ops.RMSNormGradOp.Kernel, ops.AddOp.Kernel, "dx", "y", drop)
	fuse(gradient, ops.RowBitsOp.Kernel, "c_out", "x", keep)
	fuse(ops.ReLU2GradOp.Kernel, ops.RowBitsOp.Kernel, "dx", "x", keep)
	fuse(ops.AttentionValueGradOp.Kernel, ops.RowBitsOp.Kernel, "out", "x", keep)
	return all
}

func buffer(k *kernel.Kernel, name string, out bool) int {
	i := slices.IndexFunc(k.Bufs, func(b kernel.Buf) bool { return b.Name == name && b.Out == out })
	if i < 0 {
		panic(fmt.Sprintf("plan: %s has no buffer %s", k.Name, name))
	}
	return i
}

// node is one kernel of a program on its way to a step: bufs are the values
// in the kernel's buffers.
type node struct {
	*kernel.Instance
	cost int64
	bufs []int
}

// outputs lists the values a node makes.
func (n *node) outputs() []int { return n.bufs[n.inputs():] }

func (n *node) inputs() int {
	return slices.IndexFunc(n.Kernel.Bufs, func(b kernel.Buf) bool { return b.Out })
}

// fuse applies f wherever it can and returns the nodes that result. fixed
// tells which values are outputs of the program.
func (f *Fusion) fuse(nodes []*node, fixed []bool) []*node {
	for j := 0; j < len(nodes); j++ {
		c := nodes[j]
		if c.Kernel != f.consumer {
			continue
		}
		v := c.bufs[f.edge.In]
		i := slices.IndexFunc(nodes[:j], func(n *node) bool { return slices.Contains(n.outputs(), v) })
		if i < 0 {
			continue
		}
		p := nodes[i]
		if p.Kernel != f.producer || p.bufs[f.edge.Out] != v || !f.legal(nodes, i, j, fixed) {
			continue
		}
		in, err := f.fused.Instance(p.Instance, c.Instance)
		if err != nil {
			continue // rows of different length
		}
		n := &node{Instance: in, cost: p.cost + c.cost}
		for _, o := range f.fused.Bufs {
			from := p
			if o.Consumer {
				from = c
			}
			n.bufs = append(n.bufs, from.bufs[o.Buf])
		}
		nodes[j] = n
		nodes = slices.Delete(nodes, i, i+1)
		j--
	}
	return nodes
}

// legal tells whether node i may run as late as node j, which reads one value
// of it once, and whether that value may be dropped if f drops it.
func (f *Fusion) legal(nodes []*node, i, j int, fixed []bool) bool {
	made := nodes[i].outputs()
	v := nodes[j].bufs[f.edge.In]
	for at := i + 1; at < len(nodes); at++ {
		for b, x := range nodes[at].bufs[:nodes[at].inputs()] {
			if at == j && b == f.edge.In || !slices.Contains(made, x) {
				continue
			}
			if at <= j || x == v && !f.edge.Keep {
				return false
			}
		}
	}
	return f.edge.Keep || !fixed[v]
}
