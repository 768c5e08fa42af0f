package browser

import (
	"errors"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func openWebGPUDevice(t *testing.T, cfg Config) (device.Device, *webgpu) {
	t.Helper()
	m := openTest(t, cfg)
	d, err := overWebGPU(t.Context(), m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, m
}

// TestWebGPUDevice is the contract of package device, and few cases: the many
// are wasm/cmd/conformance's.
func TestWebGPUDevice(t *testing.T) {
	d, err := WebGPU(t.Context(), Config{Software: true, Memory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	devicetest.Run(t, d, devicetest.Options{Cases: 1, Programs: 4})
}

// TestWebGPUParts computes with tensors of several bindings each.
func TestWebGPUParts(t *testing.T) {
	d, _ := openWebGPUDevice(t, Config{Binding: 64 << 10})
	const n = 300
	var b program.Builder
	x, y := b.Input("x", ops.Int8(-128, 127, n*n)), b.Input("y", ops.Int8(-128, 127, n*n))
	product := b.One(ops.MatmulOp, []program.Value{x, y}, ops.NT(n, n, n).Attrs()...)
	b.Output("sum", b.One(ops.AddOp, []program.Value{product, product}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := devicetest.Compare(t.Context(), d, devicetest.Case{Name: "parts", Program: p, Seed: 1}); err != nil {
		t.Error(err)
	}
}

// TestWebGPUTune tunes, and does not again what is known already.
func TestWebGPUTune(t *testing.T) {
	var found gpu.Choice
	cfg := Config{Version: "1", Tuned: func(c gpu.Choice) { found = c }}
	d, _ := openWebGPUDevice(t, cfg)
	for _, timing := range found.Timings {
		t.Logf("%+v", timing)
	}
	if found.Printer == "" || !strings.Contains(d.Caps().Detail, found.Printer) {
		t.Errorf("chose %q, and the device is %q", found.Printer, d.Caps().Detail)
	}
	cfg.Known, cfg.Tuned = found, func(gpu.Choice) { t.Error("tuned again") }
	openWebGPUDevice(t, cfg)
}

// TestWebGPUDeviceLost loses the GPU between two runs of a program.
func TestWebGPUDeviceLost(t *testing.T) {
	c := devicetest.ProgramCase(1, 1, 8)
	d, m := openWebGPUDevice(t, Config{})
	if err := devicetest.Compare(t.Context(), d, c); err != nil {
		t.Fatal(err)
	}
	m.device.Call("destroy")
	var err error
	for err == nil { // until the browser says so
		_, err = device.Run(t.Context(), d, c.Program, devicetest.RandomInputs(c.Program, c.Seed))
	}
	if !errors.Is(err, device.ErrLost) {
		t.Errorf("got error %v, want %v", err, device.ErrLost)
	}
	again, _ := openWebGPUDevice(t, Config{})
	if err := devicetest.Compare(t.Context(), again, c); err != nil {
		t.Errorf("opened again: %v", err)
	}
}
