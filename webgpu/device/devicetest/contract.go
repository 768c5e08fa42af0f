package devicetest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// contract checks what package device promises beside the numbers.
func contract(t *testing.T, dev device.Device) {
	t.Run("buffer", func(t *testing.T) { testBuffer(t, dev) })
	t.Run("rerun", func(t *testing.T) { testRerun(t, dev) })
	t.Run("refuse", func(t *testing.T) { testRefuse(t, dev) })
	t.Run("cancel", func(t *testing.T) { testCancel(t, dev) })
	t.Run("concurrent", func(t *testing.T) { testConcurrent(t, dev) })
	t.Run("memory", func(t *testing.T) { testMemory(t, dev) })
}

func testBuffer(t *testing.T, dev device.Device) {
	for _, size := range []int{1, 3, 4, 17, 4096, 100_001} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i*7 + size)
		}
		want := bytes.Clone(data)
		b, err := dev.Upload(data)
		if err != nil {
			t.Fatalf("upload %d bytes: %v", size, err)
		}
		clear(data) // the caller keeps data
		if b.Size() != size {
			t.Errorf("size %d, want %d", b.Size(), size)
		}
		got := make([]byte, size)
		if err := b.Read(got); err != nil {
			t.Errorf("read %d bytes: %v", size, err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("buffer of %d bytes came back changed", size)
		}
		if err := b.Read(make([]byte, size+1)); err == nil {
			t.Errorf("read of %d bytes into %d succeeded", size, size+1)
		}
		b.Release()
		b.Release()
	}
}

// testRerun runs two executables in turn, keeping all results, and checks
// that inputs stay as they were.
func testRerun(t *testing.T, dev device.Device) {
	ctx := t.Context()
	type loaded struct {
		p      *program.Program
		exe    device.Executable
		inputs [][]byte
		bufs   []device.Buffer
		want   [][]byte
	}
	var all []loaded
	for seed := uint64(1); seed <= 2; seed++ {
		p := RandomProgram(seed, 8)
		exe, err := dev.Load(p)
		if err != nil {
			t.Fatal(err)
		}
		defer exe.Close()
		l := loaded{p: p, exe: exe, inputs: RandomInputs(p, seed)}
		for _, data := range l.inputs {
			b, err := dev.Upload(data)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Release()
			l.bufs = append(l.bufs, b)
		}
		all = append(all, l)
	}
	read := func(bufs []device.Buffer) [][]byte {
		data := make([][]byte, len(bufs))
		for i, b := range bufs {
			data[i] = make([]byte, b.Size())
			if err := b.Read(data[i]); err != nil {
				t.Fatal(err)
			}
		}
		return data
	}
	type result struct {
		of   int
		bufs []device.Buffer
	}
	var results []result
	for round := range 3 {
		for i := range all {
			out, err := all[i].exe.Run(ctx, all[i].bufs)
			if err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				all[i].want = read(out)
			}
			results = append(results, result{i, out})
		}
	}
	for n, r := range results { // later runs must not have touched earlier results
		l := all[r.of]
		if d := difference(l.p, read(r.bufs), l.want); d != "" {
			t.Errorf("run %d: %s", n, d)
		}
		for _, b := range r.bufs {
			b.Release()
		}
	}
	for _, l := range all {
		for i, data := range read(l.bufs) {
			if !bytes.Equal(data, l.inputs[i]) {
				t.Errorf("input %d was changed by a run", i)
			}
		}
	}
}

// testRefuse hands an executable the wrong number, size and values of inputs.
func testRefuse(t *testing.T, dev device.Device) {
	var b program.Builder
	table := b.Input("tok", ops.Int32(-10, 10, 4, 3))
	pos := b.Input("pos", ops.Int32(-10, 10, 2, 3))
	ids := b.Input("ids", ops.Int32(0, 3, 5))
	b.Output("out", b.One(ops.EmbedOp, []program.Value{table, pos, ids}, 0))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := dev.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	good := RandomInputs(p, 1)
	beyond := func(v int64) []byte {
		data := bytes.Clone(good[2])
		put(data, kernel.I32, 4, v)
		return data
	}
	for _, c := range []struct {
		name   string
		inputs [][]byte
	}{
		{"too few", good[:2]},
		{"too many", append(good[:3:3], good[0])},
		{"too short", [][]byte{good[0], good[1], good[2][:16]}},
		{"too long", [][]byte{good[0], good[1], make([]byte, 24)}},
		{"above its range", [][]byte{good[0], good[1], beyond(4)}},
		{"below its range", [][]byte{good[0], good[1], beyond(-1)}},
		{"far outside", [][]byte{good[0], good[1], beyond(1<<31 - 1)}},
	} {
		if _, err := device.Execute(t.Context(), dev, exe, c.inputs); err == nil {
			t.Errorf("inputs %s: no error", c.name)
		}
	}
	out, err := device.Execute(t.Context(), dev, exe, good)
	if err != nil {
		t.Fatalf("after refusals: %v", err)
	}
	if len(out) != 1 {
		t.Errorf("%d outputs, want 1", len(out))
	}
}

func testCancel(t *testing.T, dev device.Device) {
	p := RandomProgram(3, 8)
	exe, err := dev.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := device.Execute(ctx, dev, exe, RandomInputs(p, 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled run returned %v, want %v", err, context.Canceled)
	}
	c := Case{Name: "after a cancelled run", Program: p, Seed: 3}
	if err := Compare(t.Context(), dev, c); err != nil {
		t.Error(err)
	}
}

// testConcurrent uses the device from several goroutines at once, each with an
// executable of its own.
func testConcurrent(t *testing.T, dev device.Device) {
	var wait sync.WaitGroup
	for seed := range uint64(4) {
		wait.Go(func() {
			for range 3 {
				c := Case{Name: "concurrent", Program: RandomProgram(10+seed, 8), Seed: seed}
				if err := Compare(t.Context(), dev, c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

// testMemory loads programs that need more than the device may use.
func testMemory(t *testing.T, dev device.Device) {
	limit := dev.Caps().Memory
	if limit <= 0 {
		t.Skipf("device %s names no memory limit", dev.Caps().Lane)
	}
	n := int(min(limit/4+1, ops.MaxElements))
	var b program.Builder
	x := b.Input("x", ops.Int32(-10, 10, n))
	for i := range int(limit/int64(n)/4) + 1 {
		b.Output(string(rune('a'+i)), b.One(ops.ShiftOp, []program.Value{x}, 0))
	}
	p, err := b.Build()
	if err != nil {
		t.Skipf("a program beyond %d bytes is not legal anyway: %v", limit, err)
	}
	if _, err := dev.Load(p); err == nil {
		t.Errorf("a program of %d bytes loaded on a device of %d", p.Cost().PeakBytes, limit)
	}
}
