package nn_test

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// TestGolden holds what three optimiser steps make of small models on the
// reference. Where it fails, the numeric definition of training has changed,
// and with it the weights of every job: the version of the op set must change,
// and CURVES.md must be made again.
func TestGolden(t *testing.T) {
	tests := []struct {
		name      string
		config    nn.Config
		optimizer nn.Optimizer
		want      uint32
	}{
		{"relu2", small[0], nn.Adam, 0xc0e3fcf8},
		{"swiglu", small[1], nn.Lion, 0x1de04f93},
		{"mlp", nn.Config{Arch: nn.MLP, Widths: []int{30, 20, 7}}, nn.SGD, 0xd869e545},
		{"cnn", nn.Config{Arch: nn.CNN, Input: []int{9, 8, 2}, Channels: []int{6, 8}, Classes: 5}, nn.SGD, 0x97cab24c},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := nn.New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			tr := newTrainer(t, reference.New(), m, tt.optimizer, 4, 2, 1)
			const steps, rate = 3, 1000
			for step := range steps {
				tr.step(t, rate, func(part int) map[string][]int32 { return batch(m, 2, uint32(step*2+part)) })
			}
			var all []int32
			for _, b := range append(tr.weights, tr.state...) {
				data := make([]byte, b.Size())
				if err := b.Read(data); err != nil {
					t.Fatal(err)
				}
				all = append(all, decode(data)...)
			}
			if got := fnv(all); got != tt.want {
				t.Errorf("weights and state have hash %#08x, want %#08x", got, tt.want)
			}
		})
	}
}
