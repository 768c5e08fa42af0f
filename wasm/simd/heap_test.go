package simd

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// TestHeap allocates and releases at random: blocks never overlap, the whole
// memory comes back, and the limit holds.
func TestHeap(t *testing.T) {
	const base, limit = 65700, 64 * PageSize
	var grown uint64 = 2 * PageSize
	h := newHeap(base, grown, limit, func(pages uint32) error {
		grown += uint64(pages) * PageSize
		return nil
	})
	r := rand.New(rand.NewPCG(1, 2))
	var live []block
	refused := 0
	for range 20_000 {
		if len(live) > 0 && r.IntN(9) < 4 {
			i := r.IntN(len(live))
			h.release(live[i])
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
			continue
		}
		b, err := h.alloc(uint64(r.IntN(1 << (5 + r.IntN(16)))))
		if err != nil {
			refused++
			continue
		}
		if b.ptr < base || b.end() > grown || b.ptr%align != 0 {
			t.Fatalf("block %v lies outside [%d, %d) or is not aligned", b, base, grown)
		}
		for _, o := range live {
			if b.ptr < o.end() && o.ptr < b.end() {
				t.Fatalf("blocks %v and %v overlap", b, o)
			}
		}
		live = append(live, b)
	}
	if refused == 0 || grown > limit {
		t.Errorf("%d refusals, memory of %d bytes: the limit of %d was not tried", refused, grown, limit)
	}
	for _, b := range live {
		h.release(b)
	}
	if len(h.free) != 1 || h.used != 0 || h.free[0].end() != grown {
		t.Errorf("after releasing everything: free %v, %d in use, memory ends at %d", h.free, h.used, grown)
	}
}

// TestHeapGrowFails takes the smaller growth where the larger fails, and
// reports failure of that.
func TestHeapGrowFails(t *testing.T) {
	left := uint32(3)
	no := errors.New("no")
	h := newHeap(0, 40*PageSize, 1000*PageSize, func(pages uint32) error {
		if pages > left {
			return no
		}
		left -= pages
		return nil
	})
	if _, err := h.alloc(42 * PageSize); err != nil {
		t.Errorf("growth by 2 pages: %v", err)
	}
	if _, err := h.alloc(5 * PageSize); !errors.Is(err, no) {
		t.Errorf("growth by 5 pages returned %v, want %v", err, no)
	}
}
