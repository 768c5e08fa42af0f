package nn

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// decoder is a causal language model: embedding, blocks of attention and
// feed-forward, a norm and a linear head of its own.
type decoder struct {
	config Config
	embed  embedding
	blocks sequence
	head   linear
}

func newDecoder(p *params, c Config) *decoder {
	d := &decoder{
		config: c,
		embed:  newEmbedding(p, c.Vocab, c.Context, c.Dim),
		head:   newLinear(p, "head", c.Dim, c.Vocab, Std{1, 2500}), // 0.02: the first loss is near log(vocab)
	}
	for i := range c.Layers {
		name := fmt.Sprintf("blocks.%d", i)
		d.blocks = append(d.blocks, residual{newAttention(p, name+".attention", c)})
		if c.FF == SwiGLU {
			d.blocks = append(d.blocks, residual{newGated(p, name+".ff", c.Dim, c.Hidden, c.Layers)})
		} else {
			d.blocks = append(d.blocks, residual{newSquared(p, name+".ff", c.Dim, c.Hidden, c.Layers)})
		}
	}
	return d
}

func (d *decoder) inputs(g *graph, batch int) (tokens, targets program.Value) {
	t := ops.Int32(0, int64(d.config.Vocab)-1, batch, d.config.Context)
	return g.b.Input(InputTokens, t), g.b.Input(InputTargets, t)
}

func (d *decoder) forward(g *graph, tokens program.Value) (program.Value, backward) {
	x, embedBack := d.embed.forward(g, tokens)
	x, blocksBack := d.blocks.forward(g, x)
	n, normBack := norm(g, x)
	logits, headBack := d.head.forward(g, n)
	return logits, func(dz program.Value) program.Value {
		return embedBack(blocksBack(normBack(headBack(dz))))
	}
}
