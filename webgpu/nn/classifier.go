package nn

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// imageFraction is the fixed point of pixels: p/2 in 0..127 stands for p/256.
const imageFraction = 7

// classifier maps images to logits: convolutions, if any, then linear layers
// with ReLU between them. Every exponent of an activation belongs to one
// image, so that a result does not depend on the others in the batch.
type classifier struct {
	shape  []int // of an image
	stages []stage
}

// stage maps int8 images to activations (Q16).
type stage interface {
	forward(g *graph, x operand) (program.Value, backward)
}

func newClassifier(p *params, c Config) *classifier {
	if c.Arch == MLP {
		return &classifier{shape: c.Widths[:1], stages: newDense(p, "layers", c.Widths)}
	}
	m := &classifier{shape: c.Input}
	h, w, in := c.Input[0], c.Input[1], c.Input[2]
	for i, out := range c.Channels {
		m.stages = append(m.stages, newConvolution(p, fmt.Sprintf("conv.%d", i), h, w, in, out))
		h, w, in = h/2, w/2, out
	}
	m.stages = append(m.stages, newDense(p, "layers", []int{h * w * in, c.Classes})...)
	return m
}

func (m *classifier) inputs(g *graph, batch int) (images, labels program.Value) {
	images = g.b.Input(InputImages, ops.Int8(0, 127, append([]int{batch}, m.shape...)...))
	last := m.stages[len(m.stages)-1].(dense)
	return images, g.b.Input(InputLabels, ops.Int32(0, int64(last.out)-1, batch))
}

func (m *classifier) forward(g *graph, images program.Value) (program.Value, backward) {
	batch := g.b.Type(images).Shape[0]
	x := operand{q: images, e: g.zero(), fraction: imageFraction, leaf: true}
	backs := make([]backward, len(m.stages))
	var y program.Value
	for i, s := range m.stages {
		if i > 0 {
			x = g.activations(y, g.len(y)/batch)
		}
		y, backs[i] = s.forward(g, x)
	}
	return y, func(dy program.Value) program.Value {
		for i := len(backs) - 1; i >= 0; i-- {
			dy = backs[i](dy)
		}
		return dy
	}
}
