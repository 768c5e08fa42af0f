package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// TestMatmul compares contractions with three plain loops: sizes around every
// tile and block, all layouts, and operands over the whole range of int8, the
// sum of whose products is largest where all are -128.
func TestMatmul(t *testing.T) {
	sizes := [][3]int{
		{1, 1, 1}, {1, 1, 70000}, {3, 5, 2}, {8, 32, 4}, {9, 33, 5}, {64, 64, 32}, {63, 31, 63}, {65, 65, 65},
		{128, 64, 1024}, {70, 130, 1027}, {64, 96, 2048}, {130, 40, 3001}, {16, 300, 17}, {257, 16, 8},
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range sizes {
		m, n, k := s[0], s[1], s[2]
		layouts := map[string]ops.Layout{
			"nt": ops.NT(m, n, k),
			"nn": ops.NN(m, n, k),
			"tn": ops.TN(m, n, k),
			"tt": {B0: 1, B1: 1, M: m, N: n, K: k, AM: 1, AK: m, BN: k, BK: 1},
			// every third element, three batches of two, the operands overlapping
			"odd": {B0: 3, B1: 2, M: m, N: n, K: k, AOff: 5, AB0: 7, AB1: 2, AM: 3 * k, AK: 3, BOff: 1, BB0: 0, BB1: 4, BN: 2, BK: 2 * n},
		}
		for name, l := range layouts {
			for _, fill := range []string{"random", "lowest"} {
				a := operand(rng, fill, l.AOff+(l.B0-1)*l.AB0+(l.B1-1)*l.AB1+(m-1)*l.AM+(k-1)*l.AK+1)
				b := operand(rng, fill, l.BOff+(l.B0-1)*l.BB0+(l.B1-1)*l.BB1+(n-1)*l.BN+(k-1)*l.BK+1)
				want := multiply(l, a, b)
				in := &kernel.Instance{
					Kernel: ops.MatmulOp.Kernel, Rows: l.B0 * l.B1 * m, Cols: n,
					Lens: []int{len(a), len(b), len(want)},
				}
				v := l.Attrs()
				in.Params = append([]int32{v[2], v[1], v[4]}, v[5:]...) // m, b1, k, then offsets and strides
				for _, lane := range lanes() {
					out := aligned(4*len(want) + clang.Slack)
					runSplit(rng, lane.routine(in), in, [][]byte{a, b, out})
					for i, w := range want {
						if got := int32(binary.LittleEndian.Uint32(out[4*i:])); got != w {
							t.Fatalf("%s on %s, %s: element %d (row %d, column %d) is %d, want %d",
								fmt.Sprintf("%s %dx%dx%d", name, m, n, k), lane.name, fill, i, i/n, i%n, got, w)
						}
					}
				}
			}
		}
	}
}

func operand(rng *rand.Rand, fill string, n int) []byte {
	b := aligned(n + clang.Slack)
	for i := range b {
		b[i] = 0x80
		if fill == "random" {
			b[i] = byte(rng.Uint32())
		}
	}
	return b[:n]
}

func multiply(l ops.Layout, a, b []byte) []int32 {
	var out []int32
	for b0 := range l.B0 {
		for b1 := range l.B1 {
			for m := range l.M {
				for n := range l.N {
					var sum int32
					x, y := l.AOff+b0*l.AB0+b1*l.AB1+m*l.AM, l.BOff+b0*l.BB0+b1*l.BB1+n*l.BN
					for range l.K {
						sum += int32(int8(a[x])) * int32(int8(b[y]))
						x, y = x+l.AK, y+l.BK
					}
					out = append(out, sum)
				}
			}
		}
	}
	return out
}
