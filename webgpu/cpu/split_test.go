package cpu

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// TestSplit cuts the rows of every op at random places, in random order, with
// B packed alone and shared, and with scratch full of rubbish: every way must
// give the bytes of the reference.
func TestSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range devicetest.Cases(3, 6) {
		in := &c.Program.Nodes()[0].Instance
		inputs := devicetest.RandomInputs(c.Program, c.Seed)
		bufs := func() [][]byte {
			var b [][]byte
			ports := c.Program.Nodes()[0].In
			for i, buf := range in.Kernel.Bufs {
				room := aligned(in.Lens[i]*buf.DType.Size() + clang.Slack)
				data := room[:in.Lens[i]*buf.DType.Size()]
				if !buf.Out {
					copy(data, inputs[ports[i]])
				}
				b = append(b, data)
			}
			return b
		}
		want := bufs()
		if err := reference.Interpret(t.Context(), in, want); err != nil {
			t.Fatal(err)
		}
		for _, l := range lanes() {
			got := bufs()
			runSplit(rng, l.routine(in), in, got)
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("%s on %s: buffer %d (%s) differs, %d rows of %d columns, params %v", c.Name, l.name, i, in.Kernel.Bufs[i].Name, in.Rows, in.Cols, in.Params)
				}
			}
		}
	}
}

func runSplit(rng *rand.Rand, r routine, in *kernel.Instance, bufs [][]byte) {
	need := r.needs()
	c := &call{bufs: bufs}
	rows, cols := in.Rows, in.Cols
	if need.Flat {
		rows, cols = rows*cols, 1
	}
	c.args.rows, c.args.cols = int32(rows), int32(cols)
	if len(in.Params) > 0 {
		c.args.params = &in.Params[0]
	}
	for i := range bufs {
		c.args.bufs[i] = unsafe.Pointer(&bufs[i][0])
	}
	rubbish := func(n int) unsafe.Pointer {
		b := aligned(n + 1)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return unsafe.Pointer(&b[0])
	}
	split := func(n int, phase int32) {
		cuts := []int{0, n}
		for range rng.IntN(4) {
			cuts = append(cuts, rng.IntN(n+1))
		}
		if need.Adds {
			cuts = cuts[:2]
		}
		rng.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
		for _, from := range cuts {
			to := n
			for _, x := range cuts {
				if x > from {
					to = min(to, x)
				}
			}
			if from == n || to == from {
				continue
			}
			c.args.row0, c.args.row1, c.args.phase = int32(from), int32(to), phase
			c.args.scratch = rubbish(need.Scratch)
			r.run(c)
		}
	}
	if need.Panels > 0 && rng.IntN(2) == 0 {
		c.args.shared = rubbish(need.Shared)
		split(need.Panels, clang.PhasePack)
		split(rows, clang.PhasePacked)
		return
	}
	split(rows, clang.PhaseAlone)
}
