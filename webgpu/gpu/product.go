package gpu

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// product is one multiplication, ready to run.
type product struct {
	layout ops.Layout
	a, b   []byte
	exe    device.Executable
	inputs []device.Buffer
}

func newProduct(d *gpu, l ops.Layout) (*product, error) {
	x := &product{layout: l, a: noise(l.M*l.K, 1), b: noise(l.N*l.K, 2)}
	var b program.Builder
	in := []program.Value{b.Input("a", ops.Int8(-128, 127, len(x.a))), b.Input("b", ops.Int8(-128, 127, len(x.b)))}
	b.Output("out", b.One(ops.MatmulOp, in, l.Attrs()...))
	p, err := b.Build()
	if err != nil {
		return nil, err
	}
	if x.exe, err = d.Load(p); err != nil {
		return nil, err
	}
	for _, data := range [][]byte{x.a, x.b} {
		in, err := d.Upload(data)
		if err != nil {
			x.close()
			return nil, err
		}
		x.inputs = append(x.inputs, in)
	}
	return x, nil
}

// noise is n bytes that look random.
func noise(n int, seed uint32) []byte {
	data := make([]byte, n)
	for i := range data {
		seed ^= seed << 13
		seed ^= seed >> 17
		seed ^= seed << 5
		data[i] = byte(seed >> 24)
	}
	return data
}

func (x *product) run(ctx context.Context) error {
	out, err := x.exe.Run(ctx, x.inputs)
	if err != nil {
		return err
	}
	out[0].Release()
	return nil
}

// verify compares elements of the product with plain sums: all of a small one,
// some of every row of a large one.
func (x *product) verify(ctx context.Context) error {
	out, err := x.exe.Run(ctx, x.inputs)
	if err != nil {
		return err
	}
	defer out[0].Release()
	got := make([]byte, out[0].Size())
	if err := out[0].Read(got); err != nil {
		return err
	}
	l := x.layout
	step := l.M*l.N*l.K>>21 | 1 // odd, to meet every column
	for i := 0; i < l.M*l.N; i += step {
		row, col := i/l.N, i%l.N
		var want int32
		for k := range l.K {
			want += int32(int8(x.a[row*l.AM+k*l.AK])) * int32(int8(x.b[col*l.BN+k*l.BK]))
		}
		if v := int32(binary.LittleEndian.Uint32(got[4*i:])); v != want {
			return fmt.Errorf("element %d,%d is %d, want %d", row, col, v, want)
		}
	}
	return nil
}

func (x *product) close() {
	for _, b := range x.inputs {
		b.Release()
	}
	_ = x.exe.Close() // it fails on a lost device alone, which has said so
}
