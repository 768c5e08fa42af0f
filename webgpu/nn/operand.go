package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// operand is an int8 operand of a matmul: element i of row r is
// q[r,i] * 2^(e[r] - fraction). One exponent may serve several rows.
type operand struct {
	q, e     program.Value
	fraction int
	leaf     bool // data: nothing is before it, so it needs no gradient
}

// weight is a parameter as an operand: q * 2^(bits - 7 - FW).
type weight struct {
	q, bits program.Value
}

// Exponents of tensors travel as the bits of their largest magnitude, 7 more
// than the exponent.
const mantissaBits = 7

// streamLimit bounds what layers pass on: the sum of two fits 32 bits.
const streamLimit = 1<<30 - 1

// weight quantises a parameter, once per program.
func (g *graph) weight(p param) weight {
	if w, ok := g.weights[p]; ok {
		return w
	}
	bits := g.tensorBits(g.params[p], g.zero())
	w := weight{q: g.one(ops.QuantizeOp, values{g.params[p], bits}), bits: bits}
	if g.weights == nil {
		g.weights = map[param]weight{}
	}
	g.weights[p] = w
	return w
}

// tensorBits is the bits of the largest magnitude of v with exponents e.
func (g *graph) tensorBits(v, e program.Value) program.Value {
	rows := g.one(ops.RowBitsOp, values{v, e})
	return g.one(ops.RowMaxOp, values{rows}, int32(g.len(rows)))
}

// activations quantises x (Q16) by rows of cols elements.
func (g *graph) activations(x program.Value, cols int) operand {
	q := g.apply(ops.QuantizeRowsOp, values{x}, int32(cols))
	return operand{q: q[0], e: q[1], fraction: ops.FX}
}

// gradients quantises dy (Q24) by rows of cols elements.
func (g *graph) gradients(dy program.Value, cols int) operand {
	q := g.apply(ops.QuantizeRowsRandomOp, values{dy, g.key}, int32(cols), g.nextSalt())
	return operand{q: q[0], e: q[1], fraction: ops.FG}
}
