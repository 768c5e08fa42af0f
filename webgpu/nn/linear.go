package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// linear is y = x W^T without bias, for W of shape [out, in].
type linear struct {
	w       param
	in, out int
}

func newLinear(p *params, name string, in, out int, std Std) linear {
	return linear{w: p.add(name, std, out, in), in: in, out: out}
}

func (l linear) forward(g *graph, x operand) (program.Value, backward) {
	rows, w := g.len(x.q)/l.in, g.weight(l.w)
	// y = sum xq*wq * 2^(ex-fraction) * 2^(bits-7-FW), in Q FX:
	//   sum / 2^(fraction + FW + 7 - FX - ex - bits)
	y := g.one(ops.MatmulShiftOp, values{x.q, w.q, x.e, w.bits},
		ops.NT(rows, l.out, l.in).Attrs(int32(x.fraction+ops.FW+mantissaBits-ops.FX), streamLimit)...)
	return y, func(dy program.Value) program.Value {
		l.weightGradient(g, x, dy)
		if x.leaf {
			return none
		}
		d := g.gradients(dy, l.out)
		// dx = sum dq*wq * 2^(ed-FG) * 2^(bits-7-FW), in Q FG:
		//   sum / 2^(FW + 7 - ed - bits)
		return g.one(ops.MatmulShiftOp, values{d.q, w.q, d.e, w.bits},
			ops.NN(rows, l.in, l.out).Attrs(ops.FW+mantissaBits, streamLimit)...)
	}
}

// weightGradient is dW = dy^T x. The row exponents of x cannot leave the sum
// over rows, so they are folded into dy: dyq is dy*2^ex to the tensor's
// exponent bits-7, where bits is the largest of any row of dy plus its ex.
func (l linear) weightGradient(g *graph, x operand, dy program.Value) {
	rows := g.len(dy) / l.out
	bits := g.tensorBits(dy, x.e)
	q := g.one(ops.QuantizeFoldOp, values{dy, x.e, bits, g.key}, g.nextSalt())
	// dW = sum dyq*xq * 2^(bits-7-FG) * 2^(-x.fraction), in Q g.fraction:
	//   sum / 2^(FG + x.fraction + 7 - g.fraction - bits)
	shift := ops.FG + x.fraction + mantissaBits - g.fraction
	g.gradient(l.w, g.one(ops.MatmulShiftOp, values{q, x.q, g.zero(), bits},
		ops.TN(l.out, l.in, rows).Attrs(int32(shift), int32(g.limit))...))
}
