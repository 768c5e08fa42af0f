package program_test

import (
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// chain is a program of n layers, five ops each: about what a decoder's step
// is made of.
func chain(tb testing.TB, layers int) *program.Program {
	tb.Helper()
	var b program.Builder
	x := b.Input("x", ops.Int32(-kernel.Sat, kernel.Sat, 64, 32))
	key := b.Input("key", ops.Int32(-1<<31, 1<<31-1, 1))
	w := b.Input("w", ops.Int8(-127, 127, 32, 32))
	ew := b.Input("ew", ops.Int32(0, 24, 1))
	for i := range layers {
		y := b.Apply(ops.RMSNormOp, []program.Value{x})
		q := b.Apply(ops.QuantizeRows16Op, y[:1])
		h := b.One(ops.MatmulShiftOp, []program.Value{q[0], w, q[1], ew}, ops.NT(64, 32, 32).Attrs(10, kernel.Sat)...)
		g := b.Apply(ops.QuantizeRowsRandomOp, []program.Value{h, key}, 32, int32(i))
		s := b.One(ops.ShiftByOp, []program.Value{h, g[1]}, 3)
		x = b.One(ops.AddOp, []program.Value{x, s})
	}
	b.Output("y", x)
	p, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkDecode is what a volunteer pays before it can run a program.
func BenchmarkDecode(b *testing.B) {
	for _, layers := range []int{1, 100, 1000} {
		data := chain(b, layers).Encode()
		b.Run(fmt.Sprintf("ops=%d", 6*layers), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := program.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
