package plan_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// TestArena checks of random programs that no value overwrites another that
// is still needed, and that everything lies inside the arena.
func TestArena(t *testing.T) {
	for seed := range uint64(200) {
		p := devicetest.RandomProgram(seed, 40)
		pl := plan.New(p)
		if len(pl.Steps) != len(p.Nodes()) {
			t.Fatalf("seed %d: %d steps for %d ops", seed, len(pl.Steps), len(p.Nodes()))
		}
		content := make([]int, pl.Arena) // the value that each byte holds, plus one
		for i, n := range p.Nodes() {
			s := pl.Steps[i]
			each := func(buf, value int, f func(at int)) {
				slot := s.Bufs[buf]
				if slot.Size != p.Type(value).Bytes() {
					t.Fatalf("seed %d, op %d: slot of %d bytes for value %d of %d", seed, i, slot.Size, value, p.Type(value).Bytes())
				}
				if slot.Place != plan.Arena {
					return
				}
				if slot.Offset%plan.Align != 0 || slot.Offset+slot.Size > pl.Arena {
					t.Fatalf("seed %d, op %d: slot %+v in an arena of %d bytes", seed, i, slot, pl.Arena)
				}
				for at := slot.Offset; at < slot.Offset+slot.Size; at++ {
					f(at)
				}
			}
			for j := range n.Outputs {
				each(len(n.In)+j, n.Out+j, func(at int) { content[at] = n.Out + j + 1 })
			}
			for j, v := range n.In {
				each(j, v, func(at int) {
					if content[at] != v+1 {
						t.Fatalf("seed %d, op %d: input %d reads value %d at byte %d, which holds %d", seed, i, j, v, at, content[at]-1)
					}
				})
			}
		}
	}
}

// sample is a program with a use for every fusion.
func sample(t *testing.T) *program.Program {
	t.Helper()
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 20, Dim: 24, Layers: 2, Heads: 3, Context: 12})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Gradient(3, nn.Adam, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFusions checks that every fusion is used, alone and with all others,
// and that the fused plan computes what the program does.
func TestFusions(t *testing.T) {
	p := sample(t)
	inputs := devicetest.RandomInputs(p, 1)
	want := run(t, plan.New(p), inputs)
	reference, err := device.Run(t.Context(), reference.New(), p, inputs)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "unfused", want, reference)
	used := map[string]bool{}
	for i := range plan.Fusions {
		pl := plan.New(p, plan.Fusions[:i+1]...)
		for _, s := range pl.Steps {
			used[s.Kernel.Name] = true
		}
		name := plan.Fusions[i].Kernel().Name
		if !used[name] {
			t.Errorf("%s is never used", name)
		}
		compare(t, "with "+name, run(t, pl, inputs), want)
	}
}

// TestFusionsRandom checks random programs, in which values have uses that
// forbid a fusion.
func TestFusionsRandom(t *testing.T) {
	fused := 0
	for seed := range uint64(300) {
		p := devicetest.RandomProgram(seed, 40)
		pl := plan.New(p, plan.Fusions...)
		if len(pl.Steps) == len(p.Nodes()) {
			continue
		}
		fused++
		inputs := devicetest.RandomInputs(p, seed)
		compare(t, fmt.Sprintf("seed %d", seed), run(t, pl, inputs), run(t, plan.New(p), inputs))
	}
	t.Logf("%d of 300 programs had a fusion", fused)
	if fused == 0 {
		t.Error("no random program had a fusion")
	}
}

// run executes a plan by the reference interpreter, in an arena full of
// rubbish.
func run(t *testing.T, pl *plan.Plan, inputs [][]byte) [][]byte {
	t.Helper()
	arena := bytes.Repeat([]byte{0xa5}, pl.Arena)
	var outputs [][]byte
	for _, o := range pl.Program.Outputs() {
		outputs = append(outputs, make([]byte, o.Type.Bytes()))
	}
	for _, s := range pl.Steps {
		var bufs [][]byte
		for i, b := range s.Bufs {
			data := arena[b.Offset:min(b.Offset+b.Size, len(arena))]
			switch b.Place {
			case plan.Input:
				data = inputs[b.Index]
			case plan.Output:
				data = outputs[b.Index]
			}
			if s.Kernel.Bufs[i].Out {
				clear(data)
			}
			bufs = append(bufs, data)
		}
		if err := reference.Interpret(t.Context(), s.Instance, bufs); err != nil {
			t.Fatal(err)
		}
	}
	return outputs
}

func compare(t *testing.T, what string, got, want [][]byte) {
	t.Helper()
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%s: output %d differs", what, i)
		}
	}
}
