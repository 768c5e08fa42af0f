package nn_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// small decoders, with odd sizes.
var small = []nn.Config{
	{Arch: nn.Decoder, Vocab: 30, Dim: 24, Layers: 2, Heads: 3, Context: 13},
	{Arch: nn.Decoder, Vocab: 30, Dim: 20, Layers: 2, Heads: 2, Context: 9, Hidden: 33, FF: nn.SwiGLU},
}

// trained moves a model's initial weights away from their small beginnings, so
// that attention is not uniform and exponents differ.
func trained(m *nn.Model, seed uint32) [][]int32 {
	weights := m.Init(seed)
	for i, w := range weights {
		for j := range w {
			w[j] = max(-1<<28, min(w[j]<<(1+pcg(uint32(i))%3), 1<<28))
		}
	}
	return weights
}

// TestLaterTokens checks that logits do not depend on what follows: any token
// may change and no earlier row does.
func TestLaterTokens(t *testing.T) {
	for _, c := range small {
		m, err := nn.New(c)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Logits(2)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint32(6) {
			weights, rows := trained(m, seed), batch(m, 2, seed)
			before := execute(t, reference.New(), p, weights, rows)[nn.OutputLogits]
			at := int(pcg(seed) % uint32(c.Context))
			changed := slices.Clone(rows[nn.InputTokens])
			for i := range changed {
				if i%c.Context >= at {
					changed[i] = int32(pcg(uint32(i)+seed) % uint32(c.Vocab))
				}
			}
			after := execute(t, reference.New(), p, weights, map[string][]int32{nn.InputTokens: changed, nn.InputTargets: rows[nn.InputTargets]})[nn.OutputLogits]
			for i := range before {
				if i/c.Vocab%c.Context < at && before[i] != after[i] {
					t.Fatalf("%s, seed %d: logit %d of token %d changed from %d to %d with tokens from %d on",
						c.FF, seed, i%c.Vocab, i/c.Vocab%c.Context, before[i], after[i], at)
				}
			}
		}
	}
}

// TestBatchMates checks that a row's losses are the same alone and in any
// company, for every architecture.
func TestBatchMates(t *testing.T) {
	for _, c := range append(slices.Clone(small),
		nn.Config{Arch: nn.MLP, Widths: []int{30, 20, 7}},
		nn.Config{Arch: nn.CNN, Input: []int{7, 6, 2}, Channels: []int{5}, Classes: 4},
	) {
		m, err := nn.New(c)
		if err != nil {
			t.Fatal(err)
		}
		const n = 5
		whole, err := m.Eval(n)
		if err != nil {
			t.Fatal(err)
		}
		single, err := m.Eval(1)
		if err != nil {
			t.Fatal(err)
		}
		weights, rows := trained(m, 4), batch(m, n, 8)
		if c.Arch != nn.Decoder {
			// Images of different brightness, so that exponents differ.
			for i, v := range rows[nn.InputImages] {
				rows[nn.InputImages][i] = v >> (i / (len(rows[nn.InputImages]) / n))
			}
		}
		want := execute(t, reference.New(), whole, weights, rows)
		for b := range n {
			one := map[string][]int32{}
			for name, v := range rows {
				one[name] = v[b*len(v)/n : (b+1)*len(v)/n]
			}
			got := execute(t, reference.New(), single, weights, one)
			for _, name := range []string{nn.OutputLoss, nn.OutputHit} {
				if w := want[name][b*len(want[name])/n : (b+1)*len(want[name])/n]; !slices.Equal(got[name], w) {
					t.Errorf("%s%s: %s of row %d is %v alone and %v in a batch", c.Arch, c.FF, name, b, got[name], w)
				}
			}
		}
	}
}

// TestEvalIsForward checks that a gradient program's losses are those of the
// evaluation, whatever its key.
func TestEvalIsForward(t *testing.T) {
	for _, c := range small {
		m, err := nn.New(c)
		if err != nil {
			t.Fatal(err)
		}
		eval, err := m.Eval(3)
		if err != nil {
			t.Fatal(err)
		}
		gradient, err := m.Gradient(3, nn.Adam, 2)
		if err != nil {
			t.Fatal(err)
		}
		weights := m.Init(2)
		var losses []string
		var grads []string
		for key := range int32(2) {
			rows := batch(m, 3, 1)
			rows[nn.InputKey] = []int32{key}
			out := execute(t, reference.New(), gradient, weights, rows)
			losses = append(losses, fmt.Sprint(out[nn.OutputLoss], out[nn.OutputHit]))
			grads = append(grads, fmt.Sprint(out["head"]))
			out = execute(t, reference.New(), eval, weights, rows)
			losses = append(losses, fmt.Sprint(out[nn.OutputLoss], out[nn.OutputHit]))
		}
		if len(slices.Compact(losses)) != 1 {
			t.Errorf("%s: losses depend on the key or differ from the evaluation's: %v", c.FF, losses)
		}
		if grads[0] == grads[1] {
			t.Errorf("%s: gradients do not depend on the key", c.FF)
		}
	}
}

// TestTiling checks that every way the processor has of cutting up the work
// gives the reference's bytes: all gradients of every architecture.
func TestTiling(t *testing.T) {
	for _, c := range append(slices.Clone(small),
		nn.Config{Arch: nn.Decoder, Vocab: 70, Dim: 40, Layers: 1, Heads: 5, Context: 37},
		nn.Config{Arch: nn.MLP, Widths: []int{131, 67, 35}},
		nn.Config{Arch: nn.CNN, Input: []int{9, 11, 3}, Channels: []int{7, 5}, Classes: 6},
		// Sums over 4,704 rows: longer than any device takes in one go.
		nn.Config{Arch: nn.CNN, Input: []int{49, 32, 1}, Channels: []int{3}, Classes: 2},
	) {
		m, err := nn.New(c)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Gradient(3, nn.SGD, 2)
		if err != nil {
			t.Fatal(err)
		}
		weights, rows := trained(m, 11), batch(m, 3, 12)
		want := execute(t, reference.New(), p, weights, rows)
		for i, features := range cpu.Features() {
			d, err := cpu.New(cpu.Config{Threads: 1 + 2*i, Features: features})
			if err != nil {
				t.Fatal(err)
			}
			got := execute(t, d, p, weights, rows)
			for name := range want {
				if !slices.Equal(got[name], want[name]) {
					t.Errorf("%s%s: %s differs between reference and %s", c.Arch, c.FF, name, features)
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
