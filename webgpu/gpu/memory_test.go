package gpu

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// TestSteady checks that a run after the first allocates nothing, is one
// submission, and reads nothing back.
func TestSteady(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{})
	exe := load(t, d, doubling(t, 5000, 8))
	defer exe.Close()
	in := upload(t, d, repeat(5000, 3))
	defer in.Release()
	var after device.Traffic
	for round := range 10 {
		m.order = nil
		before := d.Traffic()
		out := run(t, exe, in)
		after = d.Traffic()
		if calls := strings.Join(m.order, " "); round > 0 && calls != "run" {
			t.Errorf("round %d called the machine for %s", round, calls)
		}
		if after.Submits != before.Submits+1 || after.Dispatches != before.Dispatches+16 || after.Written != before.Written || after.Read != before.Read {
			t.Errorf("round %d: traffic went from %+v to %+v", round, before, after)
		}
		wantDoubled(t, out, 5000, 8, 3)
	}
	if got := d.Traffic().Read - after.Read; got != 2*20000 {
		t.Errorf("%d bytes were read, want %d", got, 2*20000)
	}
}

// TestShared checks that executables share the memory of temporaries, and that
// one that needs more does not disturb the others.
func TestShared(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{})
	sizes := []int{3000, 100, 9000, 4000}
	exes := make([]device.Executable, len(sizes))
	for i, n := range sizes {
		exes[i] = load(t, d, doubling(t, n, 7))
		defer exes[i].Close()
	}
	for range 2 {
		for i, n := range sizes {
			in := upload(t, d, repeat(n, 2))
			out := run(t, exes[i], in)
			in.Release()
			wantDoubled(t, out, n, 7, 2)
		}
	}
	// Two temporaries at a time, and one of a step, of the largest program.
	if want := int64(3 * 36096); d.memory.used > want {
		t.Errorf("%d bytes are in use between runs, want %d", d.memory.used, want)
	}
}

// TestIdle checks that idle memory is bounded, and goes when room is needed.
func TestIdle(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{Memory: 1 << 20})
	var all []device.Buffer
	for range 4 {
		all = append(all, upload(t, d, make([]byte, 100_000)))
	}
	for _, b := range all {
		b.Release()
		b.Release()
	}
	if d.memory.used != 0 || d.memory.spare != d.memory.peak || d.memory.spare < 400_000 {
		t.Errorf("%d bytes in use, %d idle, %d at most", d.memory.used, d.memory.spare, d.memory.peak)
	}
	upload(t, d, make([]byte, 100_000)).Release()
	if m.open != 4 {
		t.Errorf("%d memories, want 4: the same size is used again", m.open)
	}
	d.memory.drop()
	for n := range 20 {
		upload(t, d, make([]byte, 10_000*n+1)).Release()
		if d.memory.spare > 410_000 {
			t.Fatalf("%d bytes are kept idle of %d once in use", d.memory.spare, d.memory.peak)
		}
	}
	big := upload(t, d, make([]byte, 900_000)) // has no room beside the idle ones
	if m.open != 1 {
		t.Errorf("%d memories, want 1", m.open)
	}
	if _, err := d.Upload(make([]byte, 300_000)); !errors.Is(err, device.ErrMemory) {
		t.Errorf("more than the limit was uploaded: %v", err)
	}
	big.Release()
	upload(t, d, make([]byte, 300_000)).Release()
}

// TestLimits checks that programs that cannot run are refused when loaded, with
// the numbers.
func TestLimits(t *testing.T) {
	const n = 10_000
	p := doubling(t, n, 4) // 40 KB a tensor, 5 or 6 of them
	for _, c := range []struct {
		name   string
		change func(*Info)
		memory int64
		want   string
	}{
		{"memory asked for", nil, 100_000, "100000"},
		{"memory of the machine", func(i *Info) { i.Memory = 100_000 }, 0, "100000"},
		{"one memory", func(i *Info) { i.Buffer = 30_000 }, 0, fmt.Sprint(30_000 / granule * granule)},
	} {
		d := newDouble(t, c.change).device(Config{Memory: c.memory})
		_, err := d.Load(p)
		if !errors.Is(err, device.ErrMemory) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v, want device.ErrMemory naming %s", c.name, err, c.want)
		}
	}
	// What may be loaded can be run.
	limit := p.Cost().PeakBytes
	d := newDouble(t, nil).device(Config{Memory: limit})
	for _, err := d.Load(p); err != nil; _, err = d.Load(p) {
		limit += 1000
		d = newDouble(t, nil).device(Config{Memory: limit})
	}
	if d.Caps().Memory != limit {
		t.Errorf("caps name %d bytes, want %d", d.Caps().Memory, limit)
	}
	exe := load(t, d, p)
	defer exe.Close()
	in := upload(t, d, repeat(n, 1))
	for range 3 {
		wantDoubled(t, run(t, exe, in), n, 4, 1)
	}
}

// TestFallback runs fused kernels one by one where the printer refuses them.
func TestFallback(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{Printer: &doublePrinter{binding: m.info.Limits.Binding, refuse: func(k *kernel.Kernel) bool {
		return strings.Contains(k.Name, "+")
	}}})
	p, inputs := sample(t)
	if _, err := device.Run(t.Context(), d, p, inputs); err != nil {
		t.Fatal(err)
	}
	if len(d.refused) == 0 {
		t.Error("the program has no fused kernel")
	}
	d = m.device(Config{Printer: &doublePrinter{binding: m.info.Limits.Binding, refuse: func(k *kernel.Kernel) bool {
		return k.Name == "add"
	}}})
	if _, err := d.Load(doubling(t, 3, 3)); !errors.Is(err, errRefused) {
		t.Errorf("a program that cannot be printed: %v", err)
	}
}
