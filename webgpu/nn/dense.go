package nn

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// bias is y = x + b for every row.
type bias struct{ b param }

func (l bias) forward(g *graph, x program.Value) (program.Value, backward) {
	y := g.one(ops.AddBiasOp, values{x, g.params[l.b]}, ops.FW-ops.FX)
	return y, func(dy program.Value) program.Value {
		rows := g.len(dy) / g.cols(dy)
		sum := g.one(ops.SumRowsOp, values{dy}, 1, int32(ops.FG-g.fraction), int32(min(streamLimit, (1<<31-1)/rows)))
		g.gradient(l.b, sum)
		return dy
	}
}

// dense is a linear layer with bias and, but for the last, ReLU.
type dense struct {
	linear
	bias
	relu bool
}

func newDense(p *params, name string, widths []int) []stage {
	var stages []stage
	for i := range len(widths) - 1 {
		layer := fmt.Sprintf("%s.%d", name, i)
		stages = append(stages, dense{
			linear: newLinear(p, layer+".weight", widths[i], widths[i+1], Std{2, widths[i]}),
			bias:   bias{p.add(layer+".bias", Std{}, widths[i+1])},
			relu:   i < len(widths)-2,
		})
	}
	return stages
}

func (l dense) forward(g *graph, x operand) (program.Value, backward) {
	z, linearBack := l.linear.forward(g, x)
	z, biasBack := l.bias.forward(g, z)
	if !l.relu {
		return z, func(dy program.Value) program.Value { return linearBack(biasBack(dy)) }
	}
	return g.one(ops.ReLUOp, values{z}), func(dy program.Value) program.Value {
		return linearBack(biasBack(g.one(ops.ReLUGradOp, values{dy, z})))
	}
}
