package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// graph is a program under construction. What only backward passes use is
// made when the first of them runs, so that an evaluation holds none of it.
type graph struct {
	b       program.Builder
	params  []program.Value // masters, by parameter
	grads   []program.Value // by parameter, once its backward pass has run
	weights map[param]weight
	zeroes  program.Value
	key     program.Value

	fraction int   // of gradients of parameters
	limit    int64 // of their elements
	salt     int32
}

// values are a list of an op's inputs.
type values = []program.Value

var none program.Value

func (g *graph) apply(op *ops.Def, in values, attrs ...int32) []program.Value {
	return g.b.Apply(op, in, attrs...)
}

func (g *graph) one(op *ops.Def, in values, attrs ...int32) program.Value {
	return g.b.One(op, in, attrs...)
}

// len is the number of elements of v.
func (g *graph) len(v program.Value) int { return g.b.Type(v).Len() }

// cols is v's last dimension.
func (g *graph) cols(v program.Value) int {
	s := g.b.Type(v).Shape
	return s[len(s)-1]
}

// nextSalt makes the random stream of one more op.
func (g *graph) nextSalt() int32 {
	g.salt++
	return g.salt
}

// zero is the exponent of what has none.
func (g *graph) zero() program.Value {
	if g.zeroes == none {
		g.zeroes = g.one(ops.FillOp, nil, 1, 0)
	}
	return g.zeroes
}

// best applies op with the first attributes that its range proof accepts; the
// last choice fails the build if none is.
func (g *graph) best(op *ops.Def, in values, choices [][]int32) []program.Value {
	types := make([]ops.Type, len(in))
	for i, v := range in {
		types[i] = g.b.Type(v)
	}
	for _, attrs := range choices[:len(choices)-1] {
		if _, err := op.Apply(types, attrs); err == nil {
			return g.apply(op, in, attrs...)
		}
	}
	return g.apply(op, in, choices[len(choices)-1]...)
}

// param numbers a parameter of the model.
type param int

// params collects the parameters of a model while its layers are made.
type params struct{ list *[]Param }

func (p *params) add(name string, std Std, shape ...int) param {
	*p.list = append(*p.list, Param{Name: name, Shape: shape, Std: std})
	return param(len(*p.list) - 1)
}

// gradient records the gradient of a parameter, limited so that the sum of all
// parts fits.
func (g *graph) gradient(p param, v program.Value) {
	if r := g.b.Type(v).Range; r.Lo < -g.limit || r.Hi > g.limit {
		v = g.one(ops.ClampOp, values{v}, int32(g.limit))
	}
	g.grads[p] = v
}
