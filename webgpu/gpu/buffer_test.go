package gpu

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// dot is the program of the product of two vectors of n bytes.
func dot(t *testing.T, n int) *program.Program {
	t.Helper()
	var b program.Builder
	in := []program.Value{b.Input("a", ops.Int8(-128, 127, n)), b.Input("b", ops.Int8(-128, 127, n))}
	b.Output("sum", b.One(ops.MatmulOp, in, ops.NT(1, 1, n).Attrs()...))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTypes uses buffers as elements of two types, uploads and results, on
// machines that keep them apart and on one that does not.
func TestTypes(t *testing.T) {
	for _, typed := range []bool{false, true} {
		m := newDouble(t, func(i *Info) { i.Typed = typed })
		d := m.device(Config{})
		asBytes, asWords := load(t, d, dot(t, 8)), load(t, d, doubling(t, 2, 2))
		defer asBytes.Close()
		defer asWords.Close()
		x := upload(t, d, words(1, 2))
		if got := read(t, x); !bytes.Equal(got, words(1, 2)) {
			t.Errorf("an upload that was not used reads % x", got)
		}
		for range 2 {
			if got := read(t, run(t, asBytes, x, x)[0]); !bytes.Equal(got, words(1+4)) {
				t.Errorf("typed %v: as bytes: % x", typed, got)
			}
			out := run(t, asWords, x)
			if got := read(t, out[1]); !bytes.Equal(got, words(4, 8)) {
				t.Errorf("typed %v: as words: % x", typed, got)
			}
			if got := read(t, run(t, asBytes, out[1], out[1])[0]); !bytes.Equal(got, words(16+64)) {
				t.Errorf("typed %v: a result as bytes: % x", typed, got)
			}
			if got := read(t, x); !bytes.Equal(got, words(1, 2)) {
				t.Errorf("typed %v: the input reads % x", typed, got)
			}
		}
	}
}

// TestForeign checks which buffers are refused.
func TestForeign(t *testing.T) {
	m := newDouble(t, nil)
	d, other := m.device(Config{}), newDouble(t, nil).device(Config{})
	exe := load(t, d, doubling(t, 2, 2))
	defer exe.Close()
	released := upload(t, d, words(1, 2))
	released.Release()
	for name, b := range map[string]device.Buffer{
		"of another device": upload(t, other, words(1, 2)), "released": released, "nil": nil,
		"too large": upload(t, d, words(1, 2, 3)), "out of range": upload(t, d, words(1, 11)),
	} {
		if _, err := exe.Run(t.Context(), []device.Buffer{b}); err == nil {
			t.Errorf("a buffer %s was taken", name)
		}
	}
	if err := released.Read(make([]byte, 8)); err == nil {
		t.Error("a released buffer was read")
	}
	if len(m.runs) > 0 {
		t.Error("something was run")
	}
	// A result is known by its proof: 10 * 2^2 is outside what the program takes.
	out := run(t, exe, upload(t, d, words(1, 2)))
	if _, err := exe.Run(t.Context(), out[1:]); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("a result with a wider range was taken: %v", err)
	}
	exe.Close()
	if _, err := exe.Run(t.Context(), nil); err == nil {
		t.Error("a closed executable was run")
	}
}

// TestHammer uses one device from many goroutines, which load, run, read and
// release what they please; with -race it finds what is not guarded.
func TestHammer(t *testing.T) {
	m := newDouble(t, func(i *Info) { i.Typed = true })
	d := m.device(Config{})
	var wait sync.WaitGroup
	for g := range 6 {
		wait.Go(func() {
			for i := range 8 {
				n := 10 + 500*((g+i)%3)
				exe, err := d.Load(doubling(t, n, 4))
				if err != nil {
					t.Error(err)
					return
				}
				in, err := d.Upload(repeat(n, 1))
				if err != nil {
					t.Error(err)
					return
				}
				out, err := exe.Run(t.Context(), []device.Buffer{in})
				if err != nil {
					t.Error(err)
					return
				}
				in.Release()
				if i%3 > 0 {
					wantDoubled(t, out, n, 4, 1)
				}
				for _, b := range out {
					b.Release()
				}
				d.Traffic()
				exe.Close()
			}
		})
	}
	wait.Wait()
	if d.memory.used > 1<<16 {
		t.Errorf("%d bytes are in use at the end", d.memory.used)
	}
}

// sample is a training step and inputs for it.
func sample(t *testing.T) (*program.Program, [][]byte) {
	t.Helper()
	models, err := devicetest.Models()
	if err != nil {
		t.Fatal(err)
	}
	p := models[0].Program
	return p, devicetest.RandomInputs(p, 1)
}
