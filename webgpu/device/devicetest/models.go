package devicetest

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// models are small networks of every architecture, with sizes that are no
// powers of two.
var models = []struct {
	name   string
	config nn.Config
}{
	{"decoder", nn.Config{Arch: nn.Decoder, Vocab: 29, Dim: 24, Layers: 2, Heads: 3, Context: 13}},
	{"swiglu", nn.Config{Arch: nn.Decoder, Vocab: 40, Dim: 32, Layers: 1, Heads: 2, Context: 16, Hidden: 44, FF: nn.SwiGLU}},
	{"mlp", nn.Config{Arch: nn.MLP, Widths: []int{50, 33, 17, 10}}},
	{"cnn", nn.Config{Arch: nn.CNN, Input: []int{11, 9, 2}, Channels: []int{5, 7}, Classes: 10}},
}

// Models returns whole programs: a training step's gradient and update, and
// the evaluation, of small networks.
func Models() ([]Case, error) {
	var all []Case
	for _, m := range models {
		model, err := nn.New(m.config)
		if err != nil {
			return nil, fmt.Errorf("devicetest: %s: %w", m.name, err)
		}
		add := func(what string, p *program.Program, err error) error {
			if err != nil {
				return fmt.Errorf("devicetest: %s: %s: %w", m.name, what, err)
			}
			all = append(all, Case{Name: m.name + " " + what, Program: p, Seed: uint64(len(all)) + 1})
			return nil
		}
		p, err := model.Eval(3)
		if err := add("evaluation", p, err); err != nil {
			return nil, err
		}
		for _, o := range []nn.Optimizer{nn.Adam, nn.Lion, nn.SGD} {
			p, err := model.Gradient(3, o, 2)
			if err := add(fmt.Sprint("gradient for ", o), p, err); err != nil {
				return nil, err
			}
			p, err = update(model, o)
			if err := add(fmt.Sprint("update by ", o), p, err); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// update takes the first rate that the optimiser allows.
func update(m *nn.Model, o nn.Optimizer) (p *program.Program, err error) {
	for bits := range 40 {
		if p, err = m.Update(o, bits); err == nil {
			return p, nil
		}
	}
	return nil, err
}
