package nn

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// embedding is the sum of a token's row and its position's.
type embedding struct {
	token, position     param
	vocab, context, dim int
}

func newEmbedding(p *params, vocab, context, dim int) embedding {
	std := Std{1, 100} // 0.1
	return embedding{
		token:    p.add("embed.token", std, vocab, dim),
		position: p.add("embed.position", std, context, dim),
		vocab:    vocab, context: context, dim: dim,
	}
}

func (e embedding) forward(g *graph, tokens program.Value) (program.Value, backward) {
	x := g.one(ops.EmbedOp, values{g.params[e.token], g.params[e.position], tokens}, ops.FW-ops.FX)
	return x, func(dx program.Value) program.Value {
		// Each row is rounded to the gradient's fixed point before it is
		// added, so it must be small enough for all rows to meet in one place.
		shift, rows := ops.FG-g.fraction, g.len(tokens)
		if most := (1<<31 - 1) / int64(rows) << shift; most < streamLimit {
			dx = g.one(ops.ClampOp, values{dx}, int32(most-1<<shift))
		}
		g.gradient(e.token, g.one(ops.ScatterRowsOp, values{dx, tokens}, int32(e.vocab), int32(shift)))
		fan := rows / e.context
		g.gradient(e.position, g.one(ops.SumRowsOp, values{dx}, int32(e.context), int32(shift), int32(min(streamLimit, (1<<31-1)/fan))))
		return none
	}
}
