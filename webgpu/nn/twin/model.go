package twin

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/nn"
)

// Model is a float32 model with trained weights and what its optimiser keeps.
type Model struct {
	config nn.Config
	names  []string
	shapes []int // columns, by parameter
	values [][]float32
	state  [2][][]float32
	step   int
}

// New gives m's twin the master weights.
func New(m *nn.Model, weights [][]int32) *Model {
	t := &Model{config: m.Config()}
	for i, p := range m.Params() {
		v := make([]float32, len(weights[i]))
		for j, w := range weights[i] {
			v[j] = float32(w) / (1 << 26)
		}
		t.names = append(t.names, p.Name)
		t.shapes = append(t.shapes, p.Shape[len(p.Shape)-1])
		t.values = append(t.values, v)
		for k := range t.state {
			t.state[k] = append(t.state[k], make([]float32, len(v)))
		}
	}
	return t
}

// Batch is rows (tokens, or pixels in 0..127) and their targets.
type Batch struct{ Rows, Targets []int32 }

// sequences is the number of sequences or images of a batch.
func (m *Model) sequences(b Batch) int {
	if m.config.Arch == nn.Decoder {
		return len(b.Targets) / m.config.Context
	}
	return len(b.Targets)
}

// split cuts a batch into at most n parts.
func (m *Model) split(b Batch, n int) []Batch {
	total := m.sequences(b)
	rows, targets := len(b.Rows)/total, len(b.Targets)/total
	var parts []Batch
	for i := range n {
		if lo, hi := total*i/n, total*(i+1)/n; lo < hi {
			parts = append(parts, Batch{b.Rows[lo*rows : hi*rows], b.Targets[lo*targets : hi*targets]})
		}
	}
	return parts
}

// Gradient returns the loss of every row and the gradient of the summed loss,
// by parameter.
func (m *Model) Gradient(b Batch) (losses []float32, grads [][]float32) {
	parts := m.run(b, true)
	for i := range m.names {
		sum := parts[0].params[i].g
		for _, p := range parts[1:] {
			axpy(1, p.params[i].g, sum)
		}
		grads = append(grads, sum)
	}
	for _, p := range parts {
		losses = append(losses, p.losses...)
	}
	return losses, grads
}

// Eval returns the loss of every row, and whether its target has the largest
// logit.
func (m *Model) Eval(b Batch) (losses []float32, hits []bool) {
	for _, p := range m.run(b, false) {
		losses, hits = append(losses, p.losses...), append(hits, p.hits...)
	}
	return losses, hits
}

// pass is one part of a batch on its way.
type pass struct {
	tape
	params []*matrix
	byName map[string]*matrix
	losses []float32
	hits   []bool
}

// run computes the parts of a batch side by side.
func (m *Model) run(b Batch, backward bool) []*pass {
	batches := m.split(b, runtime.GOMAXPROCS(0))
	passes := make([]*pass, len(batches))
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Go(func() {
			p := m.newPass()
			var z *matrix
			if m.config.Arch == nn.Decoder {
				z = p.decoder(m.config, b.Rows)
			} else {
				z = p.classifier(m.config, b)
			}
			p.losses, p.hits = p.loss(z, b.Targets)
			if backward {
				p.backward()
			}
			passes[i] = p
		})
	}
	wg.Wait()
	return passes
}

func (m *Model) newPass() *pass {
	p := &pass{byName: map[string]*matrix{}}
	for i, v := range m.values {
		x := &matrix{rows: len(v) / m.shapes[i], cols: m.shapes[i], v: v, g: make([]float32, len(v))}
		p.params = append(p.params, x)
		p.byName[m.names[i]] = x
	}
	return p
}

func (p *pass) param(format string, args ...any) *matrix {
	return p.byName[fmt.Sprintf(format, args...)]
}

func (p *pass) decoder(c nn.Config, tokens []int32) *matrix {
	lookup := func(table *matrix, row func(i int) int) *matrix {
		index := make([]int, 0, len(tokens)*c.Dim)
		for i := range tokens {
			for k := range c.Dim {
				index = append(index, row(i)*c.Dim+k)
			}
		}
		return p.gather(table, len(tokens), c.Dim, index)
	}
	x := p.add(
		lookup(p.param("embed.token"), func(i int) int { return int(tokens[i]) }),
		lookup(p.param("embed.position"), func(i int) int { return i % c.Context }),
	)
	for i := range c.Layers {
		o := p.attend(p.linear(p.norm(x), p.param("blocks.%d.attention.qkv", i)), c.Context, c.Heads)
		x = p.add(x, p.linear(o, p.param("blocks.%d.attention.out", i)))
		n := p.norm(x)
		h := p.linear(n, p.param("blocks.%d.ff.up", i))
		if c.FF == nn.SwiGLU {
			h = p.zip(p.linear(n, p.param("blocks.%d.ff.gate", i)), h, swiglu)
		} else {
			h = p.each(h, relu2)
		}
		x = p.add(x, p.linear(h, p.param("blocks.%d.ff.down", i)))
	}
	return p.linear(p.norm(x), p.param("head"))
}

func (p *pass) classifier(c nn.Config, b Batch) *matrix {
	batch := len(b.Targets)
	x := newMatrix(batch, len(b.Rows)/batch)
	for i, v := range b.Rows {
		x.v[i] = float32(v) / 128
	}
	last := len(c.Widths) - 2
	if c.Arch == nn.CNN {
		last = 0
		h, w, in := c.Input[0], c.Input[1], c.Input[2]
		for i, out := range c.Channels {
			z := p.linear(p.patches(x, h, w, in), p.param("conv.%d.weight", i))
			x = p.pool(p.addRow(z, p.param("conv.%d.bias", i)), h, w)
			h, w, in = h/2, w/2, out
		}
	}
	for i := 0; ; i++ {
		x = p.addRow(p.linear(x, p.param("layers.%d.weight", i)), p.param("layers.%d.bias", i))
		if i == last {
			return x
		}
		x = p.each(x, relu)
	}
}

// Distinct drops the repetitions of the last sequence or image that a batch is
// filled up with.
func (m *Model) Distinct(b Batch) Batch {
	n := m.sequences(b)
	rows, targets := len(b.Rows)/n, len(b.Targets)/n
	last := func(v []int32, size, n int) []int32 { return v[(n-1)*size : n*size] }
	for n > 1 && slices.Equal(last(b.Rows, rows, n), last(b.Rows, rows, n-1)) &&
		slices.Equal(last(b.Targets, targets, n), last(b.Targets, targets, n-1)) {
		n--
	}
	return Batch{b.Rows[:n*rows], b.Targets[:n*targets]}
}
