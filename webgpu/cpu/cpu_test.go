package cpu_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// TestConformance holds every kind of code this processor can run to the
// reference.
func TestConformance(t *testing.T) {
	for _, f := range cpu.Features() {
		t.Run(f, func(t *testing.T) {
			dev, err := cpu.New(cpu.Config{Threads: 2, Features: f})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := dev.Close(); err != nil {
					t.Error(err)
				}
			}()
			devicetest.Run(t, dev, devicetest.Options{Whole: steps(t)})
		})
	}
}

// steps are whole training steps of small models: the programs in which
// fusions are found.
func steps(t *testing.T) []devicetest.Case {
	t.Helper()
	var all []devicetest.Case
	for i, c := range []nn.Config{
		{Arch: nn.Decoder, Vocab: 40, Dim: 64, Layers: 2, Heads: 2, Context: 32},
		{Arch: nn.Decoder, Vocab: 33, Dim: 24, Layers: 1, Heads: 3, Context: 17, Hidden: 50, FF: nn.SwiGLU},
		{Arch: nn.MLP, Widths: []int{100, 30, 10}},
	} {
		m, err := nn.New(c)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Gradient(5, nn.Adam, 1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, devicetest.Case{Name: fmt.Sprintf("gradient %d", i), Program: p, Seed: uint64(i)})
	}
	return all
}

// TestUnavailable checks that code for another processor is refused, and
// that a bad configuration is named.
func TestUnavailable(t *testing.T) {
	if _, err := cpu.New(cpu.Config{Features: "sse9"}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("unknown features: %v, want %v", err, device.ErrUnavailable)
	}
	if _, err := cpu.New(cpu.Config{Threads: -1}); err == nil {
		t.Error("negative threads: no error")
	}
}

// TestProfile checks that a profile counts every kernel of a run.
func TestProfile(t *testing.T) {
	profile := &cpu.Profile{}
	d, err := cpu.New(cpu.Config{Threads: 1, Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var b program.Builder
	x := b.Input("x", ops.Int32(-5, 5, 3, 4))
	b.Output("y", b.One(ops.ReLUOp, []program.Value{x}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	load(t, d, p).run(t)
	times := profile.Kernels()
	if len(times) != 1 || times[0].Kernel != "relu" || times[0].Calls != 1 || times[0].Ops != p.Cost().Ops {
		t.Errorf("profile is %+v, want one call of relu of %d operations", times, p.Cost().Ops)
	}
	if profile.Reset(); len(profile.Kernels()) != 0 {
		t.Error("profile is not empty after Reset")
	}
}
