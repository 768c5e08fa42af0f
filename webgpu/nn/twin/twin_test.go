package twin

import (
	"math"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/nn"
)

func numbers(n, limit int, stream uint32) []int32 {
	v := make([]int32, n)
	for i := range v {
		x := (uint32(i) + stream*7919) * 2654435761
		v[i] = int32((x ^ x>>15) * 2246822519 >> 8 % uint32(limit))
	}
	return v
}

// TestGradient checks every parameter's gradient against differences of the
// loss along a direction.
func TestGradient(t *testing.T) {
	for _, tt := range []struct {
		config nn.Config
		batch  Batch
	}{
		{nn.Config{Arch: nn.Decoder, Vocab: 20, Dim: 12, Layers: 2, Heads: 3, Context: 6}, Batch{numbers(24, 20, 1), numbers(24, 20, 2)}},
		{nn.Config{Arch: nn.Decoder, Vocab: 20, Dim: 12, Layers: 1, Heads: 2, Context: 6, FF: nn.SwiGLU}, Batch{numbers(24, 20, 1), numbers(24, 20, 2)}},
		{nn.Config{Arch: nn.MLP, Widths: []int{20, 15, 6}}, Batch{numbers(20*9, 128, 1), numbers(9, 6, 2)}},
		{nn.Config{Arch: nn.CNN, Input: []int{6, 7, 2}, Channels: []int{5}, Classes: 4}, Batch{numbers(84*5, 128, 1), numbers(5, 4, 2)}},
	} {
		m, err := nn.New(tt.config)
		if err != nil {
			t.Fatal(err)
		}
		twin := New(m, m.Init(3))
		total := func() float64 {
			losses, _ := twin.Eval(tt.batch)
			sum := 0.0
			for _, l := range losses {
				sum += float64(l)
			}
			return sum
		}
		_, grads := twin.Gradient(tt.batch)
		for i, g := range grads {
			// Along the gradient itself the loss changes by its length.
			length := math.Sqrt(float64(dot(g, g)))
			step := 0.005 / length
			kept := slices.Clone(twin.values[i])
			axpy(float32(step), g, twin.values[i])
			up := total()
			copy(twin.values[i], kept)
			axpy(float32(-step), g, twin.values[i])
			down := total()
			copy(twin.values[i], kept)
			if got := (up - down) / (2 * step * length); math.Abs(got/length-1) > 0.03 {
				t.Errorf("%s%s: along the gradient of %s the loss changes by %.4f, want %.4f", tt.config.Arch, tt.config.FF, twin.names[i], got, length)
			}
		}
	}
}

func TestDistinct(t *testing.T) {
	m, err := nn.New(nn.Config{Arch: nn.MLP, Widths: []int{2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	twin := New(m, m.Init(1))
	got := twin.Distinct(Batch{Rows: []int32{1, 2, 1, 2, 3, 4, 3, 4, 3, 4}, Targets: []int32{0, 0, 2, 2, 2}})
	if !slices.Equal(got.Rows, []int32{1, 2, 1, 2, 3, 4}) || !slices.Equal(got.Targets, []int32{0, 0, 2}) {
		t.Errorf("got %v", got)
	}
}
