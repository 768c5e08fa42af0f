package witness

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// maxExponents is how many exponents broadcast can add another to: as long as
// the period of ops.SumRowsOp may be.
const maxExponents = 1 << 20

// separable tells whether what follows the contraction of n can be said with
// ops of its own. Sums of exponents must not saturate, so that the sum of two
// shifts them as they did one after the other.
func separable(p *program.Program, n program.Node) bool {
	switch n.Def {
	case ops.MatmulOp:
		return true
	case ops.MatmulShiftOp:
		ea, eb := p.Type(n.In[2]), p.Type(n.In[3])
		limit := kernel.Interval{Lo: -kernel.Sat, Hi: kernel.Sat}
		sum := kernel.Interval{Lo: ea.Range.Lo + eb.Range.Lo, Hi: ea.Range.Hi + eb.Range.Hi}
		return sum.Fits(limit) && eb.Range.Fits(limit) && ea.Len() <= maxExponents
	}
	return false
}

// epilogue makes the output of n, which is separable, of its accumulators:
//
//	matmul_shift = clamp(shift(acc, s0 - (ea + eb)), limit)
func (c *copying) epilogue(n program.Node, acc program.Value) {
	if n.Def == ops.MatmulOp {
		c.values[n.Out] = acc
		return
	}
	in := c.in(n)
	s0, limit := n.Attrs[len(n.Attrs)-2], n.Attrs[len(n.Attrs)-1]
	v := c.b.One(ops.ShiftByOp, []program.Value{acc, c.exponents(in[2], in[3])}, s0)
	if r := c.b.Type(v).Range; r.Lo < -int64(limit) || r.Hi > int64(limit) {
		v = c.b.One(ops.ClampOp, []program.Value{v}, limit)
	}
	c.values[n.Out] = v
}

// exponents is ea + eb, where eb has one element. No op adds one element to
// many of a vector; but one adds a row to every row, and a column of zeros has
// rows of one.
func (c *copying) exponents(ea, eb program.Value) program.Value {
	rows := c.b.Type(ea).Len()
	if rows > 1 {
		zeros, ok := c.zeros[rows]
		if !ok {
			zero := c.b.One(ops.FillOp, nil, 1, 0)
			zeros = c.b.One(ops.SumRowsOp, []program.Value{zero}, int32(rows), 0, 1)
			c.zeros[rows] = zeros
		}
		eb = c.b.One(ops.AddBiasOp, []program.Value{zeros, eb}, 0)
	}
	return c.b.One(ops.AddOp, []program.Value{ea, eb})
}
