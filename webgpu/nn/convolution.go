package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// convolution is a 3x3 convolution with bias, padded by zeros to keep the
// image's size, then ReLU and 2x2 max-pooling. It is a linear layer over the
// neighbourhood of every pixel, [3, 3, channels].
type convolution struct {
	linear
	bias
	height, width, channels int
}

const taps = 3

func newConvolution(p *params, name string, height, width, channels, out int) convolution {
	n := taps * taps * channels
	return convolution{
		linear: newLinear(p, name+".weight", n, out, Std{2, n}),
		bias:   bias{p.add(name+".bias", Std{}, out)},
		height: height, width: width, channels: channels,
	}
}

func (c convolution) forward(g *graph, x operand) (program.Value, backward) {
	h, w := int32(c.height), int32(c.width)
	// An image's exponent serves all its patches.
	patches := x
	patches.q = g.one(ops.PatchesOp, values{x.q}, taps, taps)
	z, linearBack := c.linear.forward(g, patches)
	z, biasBack := c.bias.forward(g, z)
	y := g.apply(ops.PoolOp, values{z}, h, w)
	return y[0], func(dy program.Value) program.Value {
		dz := g.one(ops.PoolGradOp, values{dy, y[1]}, h, w)
		dp := linearBack(biasBack(dz))
		if x.leaf {
			return none
		}
		return g.one(ops.PatchesGradOp, values{dp}, taps, taps, h, w)
	}
}
