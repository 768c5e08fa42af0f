package reference_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func bytes32(v ...int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

// TestQuantizeMatmul follows a small computation whose result is known by
// hand: rows quantised, multiplied, and scaled back.
func TestQuantizeMatmul(t *testing.T) {
	var b program.Builder
	x := b.Input("x", ops.Int32(-kernel.Sat, kernel.Sat, 2, 3))
	w := b.Input("w", ops.Int8(-127, 127, 2, 3))
	ew := b.Input("ew", ops.Int32(0, 24, 1))
	q := b.Apply(ops.QuantizeRowsOp, []program.Value{x}, 3)
	y := b.One(ops.MatmulShiftOp, []program.Value{q[0], w, q[1], ew}, ops.NT(2, 2, 3).Attrs(0, kernel.Sat)...)
	b.Output("y", y)
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	got, err := device.Run(context.Background(), reference.New(), p, [][]byte{
		bytes32(1, -2, 3, 1000, 2000, -3000), {1, 2, 3, 0xff, 0, 1}, bytes32(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	// Row 0 fits: e = 0. Row 1 has 12 bits: e = 5, q = 31, 62 (62.5 to even), -94.
	want := bytes32(1-4+9, -1+3, (31+124-282)<<5, (-31-94)<<5)
	if string(got[0]) != string(want) {
		t.Errorf("got % x, want % x", got[0], want)
	}
}

// TestInputRange checks that inputs outside their declared range are refused.
func TestInputRange(t *testing.T) {
	var b program.Builder
	x := b.Input("x", ops.Int32(0, 5, 2))
	b.Output("y", b.One(ops.ShiftOp, []program.Value{x}, 1))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := device.Run(context.Background(), reference.New(), p, [][]byte{bytes32(5, 6)}); err == nil {
		t.Error("a value above its range was accepted")
	}
}
