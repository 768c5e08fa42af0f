package witness

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func decoder(t *testing.T, width int) *program.Program {
	t.Helper()
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: width, Layers: 2, Heads: width / 32, Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Gradient(16, nn.Adam, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What the two programs cost is what freivalds prices on paper, but for the
// ops that an epilogue becomes.
func TestPrice(t *testing.T) {
	p := decoder(t, 256)
	s, err := New(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	paper, price := freivalds.PriceOf(p), s.Price()
	if price.Run != paper.Run || price.Products != paper.Products || price.Witness != paper.Witness {
		t.Errorf("got %+v, want %+v", price, paper)
	}
	// An epilogue of its own loads and stores what it was given in a register;
	// a contraction of its own stores nothing for the verifier.
	entries := paper.Witness / 4
	if got := price.Verify() - paper.Verify; got < -3*entries || got > 10*entries {
		t.Errorf("verification takes %d operations more than on paper, for %d accumulators", got, entries)
	}
	if extra := price.Prover - price.Run; extra < 0 || extra > 10*entries {
		t.Errorf("the prover's program costs %d operations more", extra)
	}

	s, err = New(p, func(ops.Layout) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if price := s.Price(); price != (Price{Run: paper.Run, Prover: paper.Run, Compute: paper.Run}) {
		t.Errorf("with nothing to check: %+v", price)
	}
}

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		lane  string
		wire  float64 // bytes a second
		width int
		pays  bool
	}{
		{"avx512", 1e12, 128, false},
		{"avx512", 1e12, 2048, true},
		{"avx512", 1e8, 2048, false},
		{"go", 1e12, 128, true},
		{"go", 1e8, 512, true},
		{"go", 1e6, 512, false},
	} {
		p := decoder(t, c.width)
		rates := Lanes[c.lane].Over(c.wire)
		e := rates.Estimate(p)
		if e.Pays(0.1) != c.pays {
			t.Errorf("lane %s, %.0f bytes/s, width %d: pays %v: %+v", c.lane, c.wire, c.width, !c.pays, e)
		}
		if e.Witness > e.Rerun {
			t.Errorf("lane %s, width %d: the products worth it cost more than they save: %+v", c.lane, c.width, e)
		}
		s, err := New(p, rates.Worth)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Products()) != e.Products {
			t.Errorf("lane %s, width %d: %d products worth it, %d split", c.lane, c.width, e.Products, len(s.Products()))
		}
	}
	if (Estimate{Rerun: 5, Witness: 5}).Pays(0) {
		t.Error("nothing to check pays")
	}
}
