package gpu

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func words(v ...int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

func repeat(n int, v int32) []byte { return bytes.Repeat(words(v), n) }

// doubling is a program of steps additions: x 2^steps, by way of temporaries,
// and the sum halfway as a second output.
func doubling(t *testing.T, n, steps int) *program.Program {
	t.Helper()
	var b program.Builder
	v := b.Input("x", ops.Int32(-10, 10, n))
	for i := range steps {
		v = b.One(ops.AddOp, []program.Value{v, v})
		if i == (steps-1)/2 {
			b.Output("half", v)
		}
	}
	b.Output("all", v)
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func load(t *testing.T, d *gpu, p *program.Program) device.Executable {
	t.Helper()
	exe, err := d.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func upload(t *testing.T, d *gpu, data []byte) device.Buffer {
	t.Helper()
	b, err := d.Upload(data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, exe device.Executable, in ...device.Buffer) []device.Buffer {
	t.Helper()
	out, err := exe.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, b device.Buffer) []byte {
	t.Helper()
	data := make([]byte, b.Size())
	if err := b.Read(data); err != nil {
		t.Fatal(err)
	}
	return data
}

// wantDoubled checks the outputs of doubling for inputs of v, and releases
// them.
func wantDoubled(t *testing.T, out []device.Buffer, n, steps int, v int32) {
	t.Helper()
	for i, doublings := range []int{(steps-1)/2 + 1, steps} {
		if got := read(t, out[i]); !bytes.Equal(got, repeat(n, v<<doublings)) {
			t.Errorf("output %d starts with % x, want %d", i, got[:4], v<<doublings)
		}
		out[i].Release()
	}
}
