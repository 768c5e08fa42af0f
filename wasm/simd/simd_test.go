package simd_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/wasm/simd/wazerosimd"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// open is the device on wazero, whose calls pass through wrap.
func open(t *testing.T, caps device.Caps, wrap func(simd.Instance) simd.Instance) device.Device {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	inst, err := wazerosimd.Instantiate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if wrap == nil {
		return simd.New(inst, caps)
	}
	return simd.New(wrap(inst), caps)
}

// TestPieces holds the device to the reference with every step cut as small
// as can be: pieces of rows, and matmuls that pack first.
func TestPieces(t *testing.T) {
	dev := open(t, device.Caps{}, nil)
	simd.CutInto(dev, 100)
	devicetest.Run(t, dev, devicetest.Options{Cases: 24, Programs: 24})
}

// TestLittleMemory holds the device to the reference, and to its bound, with
// hardly any memory.
func TestLittleMemory(t *testing.T) {
	dev := open(t, device.Caps{Memory: 32 << 20}, nil)
	devicetest.Run(t, dev, devicetest.Options{Cases: 12, Programs: 8, MaxOps: 8})
	if n := simd.InUse(dev); n != 0 {
		t.Errorf("%d bytes in use after everything was released", n)
	}
}

// shifts is a program of n steps.
func shifts(t *testing.T, n, size int) *program.Program {
	t.Helper()
	var b program.Builder
	v := b.Input("x", ops.Int32(-1000, 1000, size))
	for range n {
		v = b.One(ops.ShiftOp, []program.Value{v}, 1)
	}
	b.Output("out", v)
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// meddler is an instance whose run does something else first.
type meddler struct {
	simd.Instance
	run func() error
}

func (m *meddler) Run(steps, count uint32) error {
	if err := m.run(); err != nil {
		return err
	}
	return m.Instance.Run(steps, count)
}

// TestCancelled cancels a run from inside: it ends after the call under way,
// gives its memory back, and the device still works.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	m := &meddler{run: func() error {
		if calls++; calls == 3 {
			cancel()
		}
		return nil
	}}
	dev := open(t, device.Caps{}, func(i simd.Instance) simd.Instance { m.Instance = i; return m })
	p := shifts(t, 400, 1<<18)
	if _, err := device.Run(ctx, dev, p, devicetest.RandomInputs(p, 1)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	if calls != 3 {
		t.Errorf("%d calls, want the run to end after 3", calls)
	}
	if n := simd.InUse(dev); n != 0 {
		t.Errorf("%d bytes in use after a cancelled run", n)
	}
	if err := devicetest.Compare(t.Context(), dev, devicetest.Case{Name: "after", Program: shifts(t, 3, 100), Seed: 1}); err != nil {
		t.Error(err)
	}
}

// TestTrap makes the module fail: the device says so from then on, and does
// not call it again.
func TestTrap(t *testing.T) {
	trap := errors.New("unreachable")
	calls := 0
	m := &meddler{run: func() error { calls++; return trap }}
	dev := open(t, device.Caps{}, func(i simd.Instance) simd.Instance { m.Instance = i; return m })
	p := shifts(t, 1, 10)
	in := devicetest.RandomInputs(p, 1)
	if _, err := device.Run(t.Context(), dev, p, in); !errors.Is(err, trap) {
		t.Fatalf("got %v, want %v", err, trap)
	}
	for range 3 {
		if _, err := device.Run(t.Context(), dev, p, in); !errors.Is(err, trap) {
			t.Errorf("later run: got %v, want %v", err, trap)
		}
	}
	if calls != 1 {
		t.Errorf("the module was called %d times, want once", calls)
	}
}

// TestMisuse uses what was released or closed, and another device's buffer.
func TestMisuse(t *testing.T) {
	dev, other := open(t, device.Caps{}, nil), open(t, device.Caps{}, nil)
	p := shifts(t, 1, 10)
	exe, err := dev.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	upload := func(d device.Device) device.Buffer {
		b, err := d.Upload(make([]byte, 40))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	refused := func(what, want string, in device.Buffer) {
		t.Helper()
		if _, err := exe.Run(t.Context(), []device.Buffer{in}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that says %q", what, err, want)
		}
	}
	refused("another device's buffer", "another device", upload(other))
	released := upload(dev)
	released.Release()
	refused("a released buffer", "released", released)
	if err := released.Read(make([]byte, 40)); err == nil {
		t.Error("read of a released buffer succeeded")
	}
	kept := upload(dev)
	if err := errors.Join(exe.Close(), exe.Close()); err != nil {
		t.Error(err)
	}
	refused("a closed executable", "closed", kept)
	if err := errors.Join(dev.Close(), dev.Close()); err != nil {
		t.Error(err)
	}
	if _, err := dev.Upload(nil); err == nil {
		t.Error("upload to a closed device succeeded")
	}
	if _, err := dev.Load(p); err == nil {
		t.Error("load on a closed device succeeded")
	}
	kept.Release()
}

// TestUploadBeyondMemory fills the device and checks that the error says so,
// and that room comes back.
func TestUploadBeyondMemory(t *testing.T) {
	dev := open(t, device.Caps{Memory: 2 << 20}, nil)
	var held []device.Buffer
	var err error
	for err == nil {
		var b device.Buffer
		if b, err = dev.Upload(make([]byte, 300_000)); err == nil {
			held = append(held, b)
		}
	}
	if len(held) != 6 || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("%d buffers, then: %v", len(held), err)
	}
	held[0].Release()
	if _, err := dev.Upload(make([]byte, 300_000)); err != nil {
		t.Error(err)
	}
}
