package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// norm divides rows by their root mean square and quantises them: the
// beginning of every block. It has no gain: the linear layer behind it has.
func norm(g *graph, x program.Value) (operand, backward) {
	n := g.apply(ops.RMSNormOp, values{x})
	q := g.apply(ops.QuantizeRows16Op, values{n[0]})
	y := operand{q: q[0], e: q[1], fraction: ops.FY}
	return y, func(dy program.Value) program.Value {
		return g.one(ops.RMSNormGradOp, values{dy, n[0], n[1], n[2]})
	}
}

// residual is x + block(x).
type residual struct{ block layer }

func (r residual) forward(g *graph, x program.Value) (program.Value, backward) {
	y, back := r.block.forward(g, x)
	return g.one(ops.AddOp, values{x, y}), func(dy program.Value) program.Value {
		return g.one(ops.AddOp, values{dy, back(dy)})
	}
}

// sequence is one layer after the other.
type sequence []layer

func (s sequence) forward(g *graph, x program.Value) (program.Value, backward) {
	backs := make([]backward, len(s))
	for i, l := range s {
		x, backs[i] = l.forward(g, x)
	}
	return x, func(dy program.Value) program.Value {
		for i := len(s) - 1; i >= 0; i-- {
			dy = backs[i](dy)
		}
		return dy
	}
}
