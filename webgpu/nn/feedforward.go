package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// squared is the feed-forward block max(norm(x) U^T, 0)^2 D^T.
type squared struct {
	up, down linear
}

func newSquared(p *params, name string, dim, hidden, layers int) squared {
	return squared{
		up:   newLinear(p, name+".up", dim, hidden, Std{1, dim}),
		down: newLinear(p, name+".down", hidden, dim, Std{1, 2 * layers * hidden}),
	}
}

func (s squared) forward(g *graph, x program.Value) (program.Value, backward) {
	n, normBack := norm(g, x)
	h, upBack := s.up.forward(g, n)
	a := g.apply(ops.ReLU2Op, values{h})
	y, downBack := s.down.forward(g, g.activations(a[0], s.down.in))
	return y, func(dy program.Value) program.Value {
		da := downBack(dy)
		return normBack(upBack(g.one(ops.ReLU2GradOp, values{da, a[1]})))
	}
}

// gated is the feed-forward block (silu(norm(x) G^T) * norm(x) U^T) D^T.
type gated struct {
	gate, up, down linear
}

func newGated(p *params, name string, dim, hidden, layers int) gated {
	return gated{
		gate: newLinear(p, name+".gate", dim, hidden, Std{1, dim}),
		up:   newLinear(p, name+".up", dim, hidden, Std{1, dim}),
		down: newLinear(p, name+".down", hidden, dim, Std{1, 2 * layers * hidden}),
	}
}

func (s gated) forward(g *graph, x program.Value) (program.Value, backward) {
	n, normBack := norm(g, x)
	gate, gateBack := s.gate.forward(g, n)
	up, upBack := s.up.forward(g, n)
	a := g.apply(ops.SwiGLUOp, values{gate, up})
	y, downBack := s.down.forward(g, g.activations(a[0], s.down.in))
	return y, func(dy program.Value) program.Value {
		d := g.apply(ops.SwiGLUGradOp, values{downBack(dy), a[1], a[2]})
		return normBack(g.one(ops.AddOp, values{gateBack(d[0]), upBack(d[1])}))
	}
}
