package nn_test

import (
	"math"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/nn"
)

// fnv hashes weights for golden values.
func fnv(w []int32) uint32 {
	h := uint32(2166136261)
	for _, v := range w {
		h = (h ^ uint32(v)) * 16777619
	}
	return h
}

// TestInitGolden holds the initial weights of one model: a change in one
// changes the weights of every job. All but blocks.0.attention.out and
// blocks.0.ff.down, whose deviation a C program had in floating point, are
// those of the first measurements.
func TestInitGolden(t *testing.T) {
	m, err := nn.New(nano())
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name string
		hash uint32
	}{
		{"embed.token", 0x9e81f0bc},
		{"embed.position", 0xea96e4a2},
		{"head", 0x97669c5d},
		{"blocks.0.attention.qkv", 0xb2894dd3},
		{"blocks.0.attention.out", 0x3d14d849},
		{"blocks.0.ff.up", 0x84a23ed2},
		{"blocks.0.ff.down", 0xa1c599f0},
		{"blocks.1.attention.qkv", 0x29a480ea},
	}
	weights := m.Init(1)
	for i, w := range want {
		if p := m.Params()[i]; p.Name != w.name || fnv(weights[i]) != w.hash {
			t.Errorf("parameter %d is %s with hash %08x, want %s with %08x", i, p.Name, fnv(weights[i]), w.name, w.hash)
		}
	}
	if other := m.Init(2); slices.Equal(weights[0], other[0]) {
		t.Error("seeds 1 and 2 give the same weights")
	}
}

// TestInitDeviation checks mean and standard deviation, and that weights stay
// within ±4.
func TestInitDeviation(t *testing.T) {
	for _, c := range []nn.Config{
		{Arch: nn.Decoder, Vocab: 300, Dim: 96, Layers: 3, Heads: 3, Context: 50, FF: nn.SwiGLU},
		{Arch: nn.MLP, Widths: []int{784, 256, 10}},
		{Arch: nn.MLP, Widths: []int{1, 5000}},
		{Arch: nn.CNN, Input: []int{28, 28, 1}, Channels: []int{64, 64}, Classes: 10},
	} {
		m, err := nn.New(c)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range m.Init(9) {
			p := m.Params()[i]
			sum, squares := 0.0, 0.0
			for _, v := range w {
				x := float64(v) / (1 << 26)
				sum += x
				squares += x * x
				if math.Abs(x) > 4 {
					t.Fatalf("%s: weight %v", p.Name, x)
				}
			}
			n := float64(len(w))
			if p.Std.Num == 0 {
				if squares != 0 {
					t.Errorf("%s: not zeros", p.Name)
				}
				continue
			}
			want := math.Sqrt(float64(p.Std.Num) / float64(p.Std.Den))
			if got := math.Sqrt(squares / n); math.Abs(got/want-1) > 6/math.Sqrt(n) {
				t.Errorf("%s: standard deviation %v, want %v", p.Name, got, want)
			}
			if mean := sum / n; math.Abs(mean) > 5*want/math.Sqrt(n) {
				t.Errorf("%s: mean %v of standard deviation %v", p.Name, mean, want)
			}
		}
	}
}
