package freivalds_test

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/nn"
)

// The wider a decoder is, the more of its training step is products, and the
// smaller the share that full verification takes.
func TestPriceFallsWithWidth(t *testing.T) {
	before := 1.0
	for _, width := range []int{128, 256, 512, 1024, 2048} {
		m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: width, Layers: 4, Heads: width / 32, Context: 64})
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Gradient(16, nn.Adam, 1)
		if err != nil {
			t.Fatal(err)
		}
		price := freivalds.PriceOf(p)
		share := float64(price.Verify) / float64(price.Run)
		t.Logf("width %4d: run %d, products %.1f %%, verify %d = %.1f %%; %d MB of accumulators",
			width, price.Run, 100*float64(price.Products)/float64(price.Run), price.Verify, 100*share, price.Witness>>20)
		if share >= before {
			t.Errorf("width %d: verification takes %.3f of a run, no less than the width before", width, share)
		}
		before = share
	}
}
