package nn_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/nn"
)

func nano() nn.Config {
	return nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 128, Layers: 4, Heads: 4, Context: 64}
}

// TestBuilds checks that the range proofs accept every program of models of
// many sizes.
func TestBuilds(t *testing.T) {
	tests := []struct {
		config nn.Config
		batch  int
	}{
		{nano(), 4},
		{nano(), 16},
		{nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 128, Layers: 2, Heads: 4, Context: 64, Hidden: 256, FF: nn.SwiGLU}, 4},
		{nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 256, Layers: 6, Heads: 8, Context: 128}, 8},
		{nn.Config{Arch: nn.Decoder, Vocab: 256, Dim: 512, Layers: 8, Heads: 16, Context: 128}, 2},
		{nn.Config{Arch: nn.Decoder, Vocab: 256, Dim: 512, Layers: 8, Heads: 16, Context: 256, FF: nn.SwiGLU}, 8},
		{nn.Config{Arch: nn.Decoder, Vocab: 4096, Dim: 2048, Layers: 2, Heads: 16, Context: 1024}, 4},
		{nn.Config{Arch: nn.Decoder, Vocab: nn.MaxClasses, Dim: 768, Layers: 1, Heads: 12, Context: 512, FF: nn.SwiGLU}, 16},
		{nn.Config{Arch: nn.Decoder, Vocab: nn.MaxClasses, Dim: 4096, Layers: 1, Heads: 16, Context: 4096}, 1},
		{nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 64, Layers: 1, Heads: 1, Context: nn.MaxContext}, 1},
		{nn.Config{Arch: nn.Decoder, Vocab: 97, Dim: 96, Layers: 3, Heads: 3, Context: 33}, 5},
		{nn.Config{Arch: nn.Decoder, Vocab: 1000, Dim: 192, Layers: 2, Heads: 6, Context: 100, Hidden: 501, FF: nn.SwiGLU}, 3},
		{nn.Config{Arch: nn.Decoder, Vocab: 2, Dim: 1, Layers: 1, Heads: 1, Context: 1, Hidden: 1}, 1},
		{nn.Config{Arch: nn.Decoder, Vocab: 50, Dim: 24, Layers: 1, Heads: 24, Context: 7}, 1},
		{nn.Config{Arch: nn.Decoder, Vocab: 50, Dim: 1024, Layers: 1, Heads: 1, Context: 64}, 1},
		{nn.Config{Arch: nn.MLP, Widths: []int{784, 256, 128, 10}}, 32},
		{nn.Config{Arch: nn.MLP, Widths: []int{784, 256, 128, 10}}, 128},
		{nn.Config{Arch: nn.MLP, Widths: []int{3, 2}}, 1},
		{nn.Config{Arch: nn.MLP, Widths: []int{100000, 1000}}, 256},
		{nn.Config{Arch: nn.CNN, Input: []int{28, 28, 1}, Channels: []int{16, 32}, Classes: 10}, 32},
		{nn.Config{Arch: nn.CNN, Input: []int{28, 28, 1}, Channels: []int{16, 32}, Classes: 10}, 128},
		{nn.Config{Arch: nn.CNN, Input: []int{32, 33, 3}, Channels: []int{5, 64, 128}, Classes: 100}, 7},
		{nn.Config{Arch: nn.CNN, Input: []int{2, 2, 1}, Channels: []int{1}, Classes: 2}, 1},
		{nn.Config{Arch: nn.CNN, Input: []int{224, 224, 3}, Channels: []int{16, 32, 64}, Classes: 1000}, 2},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%+v/%d", tt.config, tt.batch), func(t *testing.T) {
			m, err := nn.New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []nn.Optimizer{nn.Adam, nn.SGD} {
				for _, parts := range []int{1, 4, 64} {
					if _, err := m.Gradient(tt.batch, o, parts); err != nil {
						t.Errorf("gradient for %s in %d parts: %v", o, parts, err)
					}
				}
			}
			if _, err := m.Eval(tt.batch); err != nil {
				t.Errorf("eval: %v", err)
			}
			if _, err := m.Logits(tt.batch); err != nil {
				t.Errorf("logits: %v", err)
			}
			for _, o := range []nn.Optimizer{nn.Adam, nn.Lion, nn.SGD} {
				lo, hi := o.RateBits()
				for bits := lo; bits <= hi; bits++ {
					if _, err := m.Update(o, bits); err != nil {
						t.Errorf("update with %s, rate of %d bits: %v", o, bits, err)
					}
				}
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	decoder := func(change func(*nn.Config)) nn.Config {
		c := nano()
		change(&c)
		return c
	}
	tests := []struct {
		config nn.Config
		want   string
	}{
		{nn.Config{}, "model.arch: is missing: want decoder, mlp or cnn"},
		{nn.Config{Arch: "rnn"}, `model.arch: want decoder, mlp or cnn, got "rnn"`},
		{decoder(func(c *nn.Config) { c.Vocab = 0 }), "model.vocab: is missing or zero"},
		{decoder(func(c *nn.Config) { c.Vocab = 40000 }), "model.vocab: must be 2 to 32766, got 40000"},
		{decoder(func(c *nn.Config) { c.Heads = 5 }), "model.heads: must divide model.dim 128, got 5"},
		{decoder(func(c *nn.Config) { c.Layers = -1 }), "model.layers: must be 1 to 200, got -1"},
		{decoder(func(c *nn.Config) { c.FF = "gelu" }), `model.ff: want relu2 or swiglu, got "gelu"`},
		{decoder(func(c *nn.Config) { c.Context = 1 << 20 }), "model.context: must be 1 to 8192, got 1048576"},
		{nn.Config{Arch: nn.MLP, Widths: []int{784}}, "model.layers: want 2 to 200 widths from input to output, got 1"},
		{nn.Config{Arch: nn.MLP, Widths: []int{784, 0, 10}}, "model.layers[1]: is missing or zero"},
		{nn.Config{Arch: nn.MLP, Widths: []int{784, 1}}, "model.layers[1]: must be 2 to 32766, got 1"},
		{nn.Config{Arch: nn.CNN, Input: []int{28, 28}}, "model.input: want height, width and channels, got 2 numbers"},
		{nn.Config{Arch: nn.CNN, Input: []int{4, 4, 1}, Channels: []int{2, 2, 2}, Classes: 3}, "model.channels[2]: nothing is left to pool: the image is 1x1 by then"},
		{nn.Config{Arch: nn.CNN, Input: []int{28, 28, 1}, Channels: []int{8}}, "model.classes: is missing or zero"},
	}
	for _, tt := range tests {
		_, err := nn.New(tt.config)
		var field *nn.FieldError
		if !errors.As(err, &field) || err.Error() != tt.want {
			t.Errorf("%+v: got error %v, want %s", tt.config, err, tt.want)
		}
	}
}

// TestDeepest checks that the deepest model fits a program.
func TestDeepest(t *testing.T) {
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 16, Dim: 8, Layers: nn.MaxLayers, Heads: 2, Context: 4, FF: nn.SwiGLU})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Gradient(1, nn.Adam, 1); err != nil {
		t.Error(err)
	}
	if _, err := m.Update(nn.Adam, 26); err != nil {
		t.Error(err)
	}
}

// FuzzConfig checks that any configuration gives a model whose programs can be
// made, or an error that names a field: job files come from strangers.
func FuzzConfig(f *testing.F) {
	f.Add("decoder", 128, 128, 4, 4, 64, 0, "", 4)
	f.Add("decoder", 128, 96, 2, 3, 7, 50, "swiglu", 1)
	f.Add("decoder", 1<<30, -1, 0, 1<<62, 1<<13, 1, "relu2", 1<<16)
	f.Add("decoder", 32766, 32768, 1, 1, 8192, 1<<17, "", 65536)
	f.Add("mlp", 784, 256, 128, 10, 0, 0, "", 128)
	f.Add("mlp", 1, 1<<17, 2, 2, 0, 0, "", 1<<16)
	f.Add("cnn", 28, 28, 1, 16, 32, 10, "", 32)
	f.Add("cnn", 4096, 4096, 4096, 4096, 3, 2, "", 1)
	f.Add("cnn", 0, 2, 3, 0, 3, 2, "", -5)
	f.Fuzz(func(t *testing.T, arch string, a, b, c, d, e, g int, ff string, batch int) {
		config := nn.Config{
			Arch: arch, Vocab: a, Dim: b, Layers: min(c, 4), Heads: d, Context: e, Hidden: g, FF: ff,
			Widths: []int{a, b, c, d}, Input: []int{a, b, c}, Channels: []int{d, e}, Classes: g,
		}
		var field *nn.FieldError
		m, err := nn.New(config)
		if err == nil {
			_, err = m.Gradient(batch, nn.SGD, 3)
		}
		if err == nil {
			_, err = m.Update(nn.SGD, 18)
		}
		if err != nil && !errors.As(err, &field) {
			t.Errorf("%+v, batch of %d: %v", config, batch, err)
		}
	})
}
