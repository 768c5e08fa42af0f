package plan_test

import (
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// TestChunks checks of random lives that none overlaps another in its chunk,
// that chunks are as large as they must be and in order, and that their sum
// stays near what is alive at once.
func TestChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for round := range 200 {
		steps := 1 + r.IntN(60)
		lives := make([]plan.Life, r.IntN(100))
		alive := make([]int64, steps)
		for i := range lives {
			l := &lives[i]
			if r.IntN(8) == 0 {
				continue // needs nothing
			}
			*l = plan.Life{DType: kernel.I8, Size: 1 + r.Int64N(1<<r.IntN(24)), First: r.IntN(steps)}
			if round%2 == 1 {
				l.DType += kernel.DType(r.IntN(3))
			}
			l.Last = min(l.First+r.IntN(10), steps-1)
			for s := l.First; s <= l.Last; s++ {
				alive[s] += l.Size
			}
		}
		chunks, of := plan.Chunks(lives)
		largest := make([]int64, len(chunks))
		for i, l := range lives {
			if l.Size == 0 {
				continue
			}
			c := of[i]
			largest[c] = max(largest[c], l.Size)
			if chunks[c].DType != l.DType {
				t.Fatalf("round %d: life %+v in chunk %+v", round, l, chunks[c])
			}
			if chunks[c].Size > 1<<16 && chunks[c].Size/8 > l.Size {
				t.Fatalf("round %d: life of %d bytes in a chunk of %d", round, l.Size, chunks[c].Size)
			}
			for j, o := range lives[:i] {
				if o.Size > 0 && of[j] == c && o.First <= l.Last && l.First <= o.Last {
					t.Fatalf("round %d: lives %+v and %+v share chunk %d", round, o, l, c)
				}
			}
		}
		var sum, peak int64
		for i, c := range chunks {
			sum += c.Size
			if c.Size != largest[i] {
				t.Fatalf("round %d: chunk of %d bytes for lives of at most %d", round, c.Size, largest[i])
			}
			if i > 0 && (chunks[i-1].DType > c.DType || chunks[i-1].DType == c.DType && chunks[i-1].Size < c.Size) {
				t.Fatalf("round %d: chunks are out of order: %+v", round, chunks)
			}
		}
		for _, n := range alive {
			peak = max(peak, n)
		}
		if round%2 == 0 && sum > 2*peak {
			t.Errorf("round %d: %d bytes in chunks for %d alive at once", round, sum, peak)
		}
	}
}

// TestTemporaries checks the lives of a training step against its steps.
func TestTemporaries(t *testing.T) {
	pl := plan.New(sample(t), plan.Fusions...)
	lives := pl.Temporaries()
	var sum int64
	for i, s := range pl.Steps {
		for b, slot := range s.Bufs {
			l := lives[slot.Value]
			if slot.Place != plan.Arena {
				if l.Size != 0 {
					t.Fatalf("step %d: value %d is a port and has a life", i, slot.Value)
				}
				continue
			}
			if l.Size != int64(slot.Size) || l.DType != s.Kernel.Bufs[b].DType || l.First > i || l.Last < i {
				t.Fatalf("step %d: value %d of %d bytes lives as %+v", i, slot.Value, slot.Size, l)
			}
		}
	}
	chunks, _ := plan.Chunks(lives)
	for _, c := range chunks {
		sum += c.Size
	}
	t.Logf("%d bytes in %d chunks, the arena has %d", sum, len(chunks), pl.Arena)
	if sum > int64(pl.Arena)*3/2 {
		t.Errorf("chunks have %d bytes, the arena %d", sum, pl.Arena)
	}
}

func TestTemporariesRandom(t *testing.T) {
	for seed := range uint64(100) {
		pl := plan.New(devicetest.RandomProgram(seed, 40), plan.Fusions...)
		last := map[int]int{}
		for i, s := range pl.Steps {
			for _, slot := range s.Bufs {
				last[slot.Value] = i
			}
		}
		for v, l := range pl.Temporaries() {
			if l.Size > 0 && l.Last != last[v] {
				t.Fatalf("seed %d: value %d lives to step %d, is used in %d", seed, v, l.Last, last[v])
			}
		}
	}
}
