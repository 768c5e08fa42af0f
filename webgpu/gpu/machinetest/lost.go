package machinetest

import (
	"context"
	"errors"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Lost checks what m returns once lose has ended it. It closes m.
func Lost(t *testing.T, m gpu.Machine, o Options, lose func()) {
	b := &bench{Options: o, t: t, m: m}
	b.compile()
	x := b.words(1, 2, 3)
	lose()
	if err := m.Read(context.WithoutCancel(t.Context()), x, make([]byte, 12)); err == nil {
		t.Error("a lost machine was read without an error")
	} else {
		lost(t, "read", err)
	}
	lost(t, "wait", m.Wait(t.Context()))
	_, err := m.Alloc(kernel.I32, 64)
	lost(t, "alloc", err)
	lost(t, "write", m.Write(x, make([]byte, 12)))
	x.Release()
	if err := m.Close(); err != nil {
		t.Logf("close: %v", err)
	}
}

// lost checks that err tells that the machine is gone.
func lost(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, device.ErrLost) {
		t.Errorf("%s of a lost machine returned %v, want device.ErrLost", what, err)
	}
}
