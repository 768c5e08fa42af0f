package browser

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/gpu/machinetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// These tests run in a worker of a real browser, which chromium_test.go
// starts.

// sumCode is out[i] = a[i] + b[i] + p for all i below n.
var sumCode = &launch.Code{
	Key:   "sum",
	Entry: "main",
	Lanes: 64,
	Text: `
@group(0) @binding(0) var<storage, read> a: array<i32>;
@group(0) @binding(1) var<storage, read> b: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<i32>;
@group(1) @binding(0) var<uniform> params: array<vec4<i32>, 1>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
	let i = i32((wid.x + wid.y * n.x) * 64u + lane);
	if (i < params[0].x) { out[i] = a[i] + b[i] + params[0].y; }
}`,
	Params:   2,
	Bindings: []launch.Binding{{DType: kernel.I32}, {DType: kernel.I32}, {DType: kernel.I32, Write: true}},
}

var brokenCode = &launch.Code{Key: "broken", Entry: "main", Lanes: 64, Text: "fn main() { nonsense }", Bindings: sumCode.Bindings}

func openTest(t *testing.T, cfg Config) *webgpu {
	t.Helper()
	cfg.Software = true
	m, err := openWebGPU(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func alloc(t *testing.T, m *webgpu, elems int) gpu.Memory {
	t.Helper()
	mem, err := m.Alloc(kernel.I32, elems)
	if err != nil {
		t.Fatal(err)
	}
	return mem
}

func whole(mem gpu.Memory, elems int) gpu.Bound {
	return gpu.Bound{Memory: mem, Size: 4 * int64(elems)}
}

func TestWebGPUInfo(t *testing.T) {
	m := openTest(t, Config{Memory: 5 << 20, Binding: 1<<20 + 100})
	info := m.Info()
	t.Logf("%+v, dot product %v", info, dotProduct())
	if info.Lane != "webgpu" || info.Memory != 5<<20 || info.Limits.Binding != 1<<20 || info.Limits.Bindings < 8 || !info.Software {
		t.Errorf("got %+v", info)
	}
	if _, err := openWebGPU(t.Context(), Config{}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("an adapter that a processor plays: got error %v, want %v", err, device.ErrUnavailable)
	}
}

// TestWebGPUNone hides WebGPU from the worker.
func TestWebGPUNone(t *testing.T) {
	navigator := js.Global().Get("navigator")
	object := js.Global().Get("Object")
	object.Call("defineProperty", navigator, "gpu", map[string]any{"value": js.Undefined(), "configurable": true})
	defer navigator.Delete("gpu")
	if _, err := openWebGPU(t.Context(), Config{Software: true}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("got error %v, want %v", err, device.ErrUnavailable)
	}
}

func TestWebGPUMachine(t *testing.T) {
	o := machinetest.Options{Sum: sumCode, Broken: brokenCode}
	machinetest.Run(t, openTest(t, Config{}), o)
	t.Run("small bindings", func(t *testing.T) { machinetest.Run(t, openTest(t, Config{Binding: 1 << 14}), o) })
	m := openTest(t, Config{})
	machinetest.Lost(t, m, o, func() { m.device.Call("destroy") })
}

// TestWebGPUGroups runs the same dispatches again, which make no new bind
// groups, until a memory is released.
func TestWebGPUGroups(t *testing.T) {
	m := openTest(t, Config{})
	a, b, out := alloc(t, m, 64), alloc(t, m, 64), alloc(t, m, 64)
	p, err := m.Compile(t.Context(), sumCode)
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Constants([][]int32{{64, 0}, {64, 1}})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(a, b gpu.Memory, index int) gpu.Dispatch {
		return gpu.Dispatch{Pipeline: p, Bound: []gpu.Bound{whole(a, 64), whole(b, 64), whole(out, 64)}, Constants: c, Index: index, Groups: 1}
	}
	for range 3 {
		if err := m.Run(t.Context(), []gpu.Dispatch{sum(a, b, 0), sum(a, b, 1), sum(a, a, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.groups.made); n != 2 {
		t.Errorf("%d bind groups, want 2", n)
	}
	b.Release()
	if n, named := len(m.groups.made), len(a.(*webgpuMemory).used); n != 1 || named != 1 {
		t.Errorf("%d bind groups after one memory was released, %d of another, want 1 and 1", n, named)
	}
	for i := range mostGroups { // one memory at ever other sizes
		d := sum(a, a, 0)
		d.Bound[0].Size = int64(i) + 1
		m.groups.find(m.device, p.(*pipeline).layout, d.Bound)
	}
	if n, named := len(m.groups.made), len(a.(*webgpuMemory).used); n > mostGroups || named != n {
		t.Errorf("%d bind groups, %d of the only memory", n, named)
	}
	if err := m.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWebGPUCompileError(t *testing.T) {
	m := openTest(t, Config{})
	_, err := m.Compile(t.Context(), brokenCode)
	if err == nil || !strings.Contains(err.Error(), brokenCode.Key) || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got error %v, want one that names the code and shows the place", err)
	}
	if err := m.Wait(t.Context()); err != nil {
		t.Errorf("the machine should go on: %v", err)
	}
}

// TestWebGPULateError does what WebGPU forbids, which shows at the next wait
// and not later.
func TestWebGPULateError(t *testing.T) {
	m := openTest(t, Config{})
	mem := alloc(t, m, 16)
	mem.Release()
	if err := m.Read(t.Context(), mem, make([]byte, 64)); err == nil || errors.Is(err, device.ErrLost) {
		t.Errorf("reading released memory: got error %v", err)
	} else {
		t.Log(err)
	}
	ok := alloc(t, m, 16)
	if err := m.Write(ok, bytes.Repeat([]byte{7}, 64)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 64)
	if err := m.Read(t.Context(), ok, got); err != nil || got[63] != 7 {
		t.Errorf("the machine should go on: %v, %d", err, got[63])
	}
}

// TestWebGPUMemory asks for more than there is: SwiftShader has no room for the
// largest buffer that WebGPU allows here.
func TestWebGPUMemory(t *testing.T) {
	m := openTest(t, Config{})
	largest := int(m.Info().Buffer / 4)
	if _, err := m.Alloc(kernel.I32, largest+1); !errors.Is(err, device.ErrMemory) {
		t.Errorf("a buffer beyond the limit: got error %v, want %v", err, device.ErrMemory)
	}
	if _, err := m.Alloc(kernel.I32, largest); !errors.Is(err, device.ErrMemory) {
		t.Errorf("a buffer without room: got error %v, want %v", err, device.ErrMemory)
	}
	// One whose making nobody waited for.
	if _, err := m.newBuffer(4*int64(largest), usageStorage); err != nil {
		t.Error(err)
	}
	if err := m.Wait(t.Context()); !errors.Is(err, device.ErrMemory) {
		t.Errorf("wait: got error %v, want %v", err, device.ErrMemory)
	}
	if err := m.Wait(t.Context()); err != nil {
		t.Errorf("the machine should go on: %v", err)
	}
	alloc(t, m, 1<<20)
}

func TestWebGPUCancel(t *testing.T) {
	m := openTest(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mem := alloc(t, m, 16)
	for name, err := range map[string]error{
		"run":  m.Run(ctx, nil),
		"read": m.Read(ctx, mem, make([]byte, 64)),
		"wait": m.Wait(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want %v", name, err, context.Canceled)
		}
	}
	if err := m.Read(t.Context(), mem, make([]byte, 64)); err != nil {
		t.Errorf("after it was cancelled: %v", err)
	}
}

// TestWebGPULost destroys the device under the machine.
func TestWebGPULost(t *testing.T) {
	m := openTest(t, Config{})
	mem := alloc(t, m, 16)
	m.device.Call("destroy")
	if err := m.Wait(t.Context()); !errors.Is(err, device.ErrLost) {
		t.Errorf("wait: got error %v, want %v", err, device.ErrLost)
	} else {
		t.Log(err)
	}
	allLost(t, m, mem)
	again := openTest(t, Config{})
	if err := again.Wait(t.Context()); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// allLost calls everything of a machine that is lost.
func allLost(t *testing.T, m *webgpu, mem gpu.Memory) {
	t.Helper()
	ctx := t.Context()
	_, errAlloc := m.Alloc(kernel.I32, 4)
	_, errConstants := m.Constants([][]int32{{1}})
	_, errCompile := m.Compile(ctx, sumCode)
	for i, err := range []error{
		errAlloc, errConstants, errCompile, m.Write(mem, []byte{1}), m.Run(ctx, nil), m.Read(ctx, mem, []byte{1}), m.Wait(ctx),
	} {
		if !errors.Is(err, device.ErrLost) {
			t.Errorf("call %d: got error %v, want %v", i, err, device.ErrLost)
		}
	}
	mem.Release()
}

// TestWebGPUCrash has the browser's GPU process killed while it computes. Once
// does no lasting harm. When it happens again soon, Chromium lets the page have
// no GPU any more, and says so.
func TestWebGPUCrash(t *testing.T) {
	crash(t)
	crash(t)
	m, err := openWebGPU(t.Context(), Config{Software: true})
	if err == nil {
		m.Close()
	} else if !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("opened after two crashes: got error %v, want none or %v", err, device.ErrUnavailable)
	}
}

func crash(t *testing.T) {
	t.Helper()
	m := openTest(t, Config{})
	mem := alloc(t, m, 1<<20)
	js.Global().Call("postMessage", map[string]any{"kind": "crash", "value": "gpu"})
	var err error
	for err == nil { // not dead yet
		err = m.Read(t.Context(), mem, make([]byte, 4<<20))
	}
	if !errors.Is(err, device.ErrLost) {
		t.Errorf("got error %v, want %v", err, device.ErrLost)
	}
	t.Log(err)
	allLost(t, m, mem)
}

// TestWebGPUOverhead is for the log alone: what calls cost.
func TestWebGPUOverhead(t *testing.T) {
	m := openTest(t, Config{})
	src, dst := alloc(t, m, 64), alloc(t, m, 64)
	p, err := m.Compile(t.Context(), sumCode)
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Constants([][]int32{{64, 1}})
	if err != nil {
		t.Fatal(err)
	}
	list := slices.Repeat([]gpu.Dispatch{{Pipeline: p, Bound: []gpu.Bound{whole(src, 64), whole(src, 64), whole(dst, 64)}, Constants: c, Groups: 1}}, 1000)
	took := func(what string, n int, f func()) {
		start := time.Now()
		f()
		t.Logf("%s: %.1f us", what, float64(time.Since(start).Microseconds())/float64(n))
	}
	took("a dispatch, encoded", len(list), func() { err = m.Run(t.Context(), list) })
	took("waiting for all of them, each", len(list), func() { err = errors.Join(err, m.Wait(t.Context())) })
	took("a wait", 100, func() {
		for range 100 {
			err = errors.Join(err, m.Wait(t.Context()))
		}
	})
	took("a run and a read", 100, func() {
		for range 100 {
			err = errors.Join(err, m.Run(t.Context(), list[:1]), m.Read(t.Context(), dst, make([]byte, 64)))
		}
	})
	took("an allocation", 100, func() {
		for range 100 {
			alloc(t, m, 4096)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
