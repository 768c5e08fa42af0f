package browser

import (
	"errors"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func openWebGLDevice(t *testing.T, cfg Config, change func(*webgl)) (device.Device, *webgl) {
	t.Helper()
	m := openTestGL(t, cfg)
	if change != nil {
		change(m)
	}
	d, err := overWebGL(t.Context(), m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, m
}

// TestWebGLDevice is the contract of package device, and few cases: the many
// are wasm/cmd/conformance's.
func TestWebGLDevice(t *testing.T) {
	d, err := WebGL(t.Context(), Config{Software: true, Memory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	devicetest.Run(t, d, devicetest.Options{Cases: 1, Programs: 4})
}

// TestWebGLVariants runs some cases on every variant, in textures so narrow
// that small tensors fill many rows.
func TestWebGLVariants(t *testing.T) {
	for _, printer := range []string{"glsl 4x4", "glsl 8x4"} {
		t.Run(printer, func(t *testing.T) {
			d, _ := openWebGLDevice(t, Config{Printer: printer}, func(m *webgl) { m.width = 64 })
			for _, c := range devicetest.Batches(2, 2) {
				if err := devicetest.Compare(t.Context(), d, c); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestWebGLStretches runs ops on few long rows, on many rows that add to few
// elements, and on long sums: what is split into stretches.
func TestWebGLStretches(t *testing.T) {
	var b program.Builder
	limit := int64(1 << 20)
	wide, half := b.Input("wide", ops.Int32(-limit, limit, 3, 5003)), b.Input("half", ops.Int8(-128, 127, 2, 3000))
	tall := b.Input("tall", ops.Int32(-limit, limit, 2050, 12))
	odd := b.Input("odd", ops.Int32(-limit, limit, 1030, 5))
	ids, some := b.Input("ids", ops.Int32(0, 6, 2050)), b.Input("some", ops.Int32(0, 2, 1030))
	target := b.Input("target", ops.Int32(0, 5002, 3))
	outs := 0
	op := func(d *ops.Def, in []program.Value, attrs ...int32) {
		for _, v := range b.Apply(d, in, attrs...) {
			b.Output(string(rune('a'+outs)), v)
			outs++
		}
	}
	op(ops.QuantizeRowsOp, []program.Value{wide}, 5003)
	op(ops.RMSNormOp, []program.Value{wide})
	op(ops.CrossEntropyOp, []program.Value{wide, target})
	op(ops.ScatterRowsOp, []program.Value{tall, ids}, 7, 3)
	op(ops.ScatterRowsOp, []program.Value{odd, some}, 3, 0)
	op(ops.SumRowsOp, []program.Value{tall}, 1, 0, 1000)
	op(ops.SumRowsOp, []program.Value{odd}, 3, 0, 1000)
	op(ops.MatmulOp, []program.Value{half, half}, ops.NT(2, 2, 3000).Attrs()...)
	op(ops.MatmulOp, []program.Value{half, half}, ops.TN(3, 5, 999).Attrs()...)
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := openWebGLDevice(t, Config{}, func(m *webgl) { m.width = 256 })
	for seed := range uint64(3) {
		if err := devicetest.Compare(t.Context(), d, devicetest.Case{Name: "stretches", Program: p, Seed: seed}); err != nil {
			t.Error(err)
		}
	}
}

// TestWebGLTune tunes, and does not again what is known already.
func TestWebGLTune(t *testing.T) {
	var found gpu.Choice
	cfg := Config{Version: "1", Tuned: func(c gpu.Choice) { found = c }}
	d, _ := openWebGLDevice(t, cfg, nil)
	for _, timing := range found.Timings {
		t.Logf("%+v", timing)
	}
	if found.Printer == "" || !strings.Contains(d.Caps().Detail, found.Printer) {
		t.Errorf("chose %q, and the device is %q", found.Printer, d.Caps().Detail)
	}
	cfg.Known, cfg.Tuned = found, func(gpu.Choice) { t.Error("tuned again") }
	openWebGLDevice(t, cfg, nil)
}

// TestWebGLDeviceLost loses the context between two runs of a program.
func TestWebGLDeviceLost(t *testing.T) {
	c := devicetest.ProgramCase(1, 1, 8)
	d, m := openWebGLDevice(t, Config{}, nil)
	if err := devicetest.Compare(t.Context(), d, c); err != nil {
		t.Fatal(err)
	}
	loseContext(m.gl)
	if _, err := device.Run(t.Context(), d, c.Program, devicetest.RandomInputs(c.Program, c.Seed)); !errors.Is(err, device.ErrLost) {
		t.Errorf("got error %v, want %v", err, device.ErrLost)
	}
	again, _ := openWebGLDevice(t, Config{}, nil)
	if err := devicetest.Compare(t.Context(), again, c); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// TestWebGLTargets checks what a GPU that has room for fewer targets gets.
func TestWebGLTargets(t *testing.T) {
	m := openTestGL(t, Config{})
	if n := m.countTargets(4); n != 4 {
		t.Errorf("%d of 4 targets", n)
	}
	if mem := allocGL(t, m, kernel.I32, 64); m.Write(mem, make([]byte, 256)) != nil {
		t.Error("the machine should go on")
	}
	if _, err := WebGL(t.Context(), Config{Software: true, Printer: "none"}); err == nil {
		t.Error("a printer that there is not: no error")
	}
}
