package browser

import (
	"bytes"
	"context"
	"errors"
	"syscall/js"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/gpu/machinetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// sumShader is out[i] = a[i] + b[i] + p for all i, in textures of 4096 texels a
// row.
var sumShader = &launch.Code{
	Key:   "sum",
	Entry: "main",
	Text: `#version 300 es
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  o0 = texelFetch(b0, at, 0) + texelFetch(b1, at, 0) + params[0].y;
}
`,
	Params:   2,
	Bindings: []launch.Binding{{DType: kernel.I32}, {DType: kernel.I32}, {DType: kernel.I32, Write: true}},
}

var brokenShader = &launch.Code{Key: "broken", Entry: "main", Text: "#version 300 es\nvoid main() { nonsense; }\n", Bindings: sumShader.Bindings}

func openTestGL(t *testing.T, cfg Config) *webgl {
	t.Helper()
	cfg.Software = true
	m, err := openWebGL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func allocGL(t *testing.T, m *webgl, d kernel.DType, elems int) *webglMemory {
	t.Helper()
	mem, err := m.Alloc(d, elems)
	if err != nil {
		t.Fatal(err)
	}
	return mem.(*webglMemory)
}

func TestWebGLInfo(t *testing.T) {
	m := openTestGL(t, Config{Memory: 5 << 20, Binding: 1<<20 + 100})
	info := m.Info()
	t.Logf("%+v, %d texels a row", info, m.width)
	if info.Lane != "webgl" || info.Memory != 5<<20 || info.Limits.Binding != 1<<20 || !info.Typed || !info.Software {
		t.Errorf("got %+v", info)
	}
	if info.Limits.Bindings < 16 || info.Limits.Targets < leastTargets || info.Limits.Side < 2048 {
		t.Errorf("less than WebGL2 promises: %+v", info.Limits)
	}
	if _, err := openWebGL(Config{}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("a context that a processor draws for: got error %v, want %v", err, device.ErrUnavailable)
	}
}

// TestWebGLNone hides the canvas that is not in the page from the worker.
func TestWebGLNone(t *testing.T) {
	class := js.Global().Get("OffscreenCanvas")
	js.Global().Set("OffscreenCanvas", js.Undefined())
	defer js.Global().Set("OffscreenCanvas", class)
	if _, err := openWebGL(Config{Software: true}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("got error %v, want %v", err, device.ErrUnavailable)
	}
}

func TestWebGLMachine(t *testing.T) {
	o := machinetest.Options{Sum: sumShader, Groups: func(n int) int { return (n + 3) / 4 }, Broken: brokenShader}
	machinetest.Run(t, openTestGL(t, Config{}), o)
	m := openTestGL(t, Config{})
	machinetest.Lost(t, m, o, func() { loseContext(m.gl) })
}

// pairShader writes two memories of different types.
var pairShader = &launch.Code{
	Key:   "pair",
	Entry: "main",
	Text: `#version 300 es
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
uniform isampler2D b0;
layout(location = 0) out ivec4 o0;
layout(location = 1) out ivec4 o1;
void main() {
  ivec4 v = texelFetch(b0, ivec2(gl_FragCoord.xy), 0) + params[0].x;
  o0 = v;
  o1 = -v;
}
`,
	Params:   1,
	Bindings: []launch.Binding{{DType: kernel.I16}, {DType: kernel.I8, Write: true}, {DType: kernel.I32, Write: true}},
}

// TestWebGLTogether writes memories of different types and sizes together, and
// one of them between with others: WebGL wants textures of one size.
func TestWebGLTogether(t *testing.T) {
	m := openTestGL(t, Config{})
	p, err := m.Compile(t.Context(), pairShader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Constants([][]int32{{1}, {2}, {3}, {4}})
	if err != nil {
		t.Fatal(err)
	}
	const small, large = 1000, 40_000
	x := allocGL(t, m, kernel.I16, large)
	data := make([]byte, 2*large)
	for i := range large {
		data[2*i] = byte(i % 100)
	}
	if err := m.Write(x, data); err != nil {
		t.Fatal(err)
	}
	a, b, d := allocGL(t, m, kernel.I8, large), allocGL(t, m, kernel.I32, small), allocGL(t, m, kernel.I32, large)
	pair := func(o0, o1 gpu.Memory, index, elems int) gpu.Dispatch {
		return gpu.Dispatch{
			Pipeline: p, Bound: []gpu.Bound{{Memory: x}, {Memory: o0}, {Memory: o1}},
			Constants: c, Index: index, Groups: elems / 4,
		}
	}
	check := func(mem gpu.Memory, size, elems int, want func(v int) int) {
		t.Helper()
		got := make([]byte, size*elems)
		if err := m.Read(t.Context(), mem, got); err != nil {
			t.Fatal(err)
		}
		for i := range elems {
			for j := range size {
				if w := byte(want(i%100) >> (8 * j)); got[i*size+j] != w {
					t.Fatalf("byte %d of element %d is %d, want %d", j, i, got[i*size+j], w)
				}
			}
		}
	}
	made := uint64(0)
	for round := range 3 {
		list := []gpu.Dispatch{pair(a, d, 0, large), pair(a, b, 1, small), pair(a, d, 2, large), pair(a, b, 3, small)}
		if err := m.Run(t.Context(), list[:2]); err != nil {
			t.Fatal(err)
		}
		check(d, 4, large, func(v int) int { return -v - 1 })
		check(a, 1, small, func(v int) int { return v + 2 })
		check(b, 4, small, func(v int) int { return -v - 2 })
		if err := m.Run(t.Context(), list[2:]); err != nil {
			t.Fatal(err)
		}
		check(d, 4, large, func(v int) int { return -v - 3 })
		check(a, 1, small, func(v int) int { return v + 4 })
		if n := m.textures.last; round == 0 {
			made = n
		} else if n != made {
			t.Errorf("round %d made %d textures", round, n-made)
		}
	}
	for _, mem := range []gpu.Memory{x, a, b, d} {
		mem.Release()
	}
	if s := &m.textures; s.taken != 0 || s.spare != 0 || len(m.frames.made) != 0 {
		t.Errorf("%d and %d bytes and %d framebuffers are left", s.taken, s.spare, len(m.frames.made))
	}
}

// TestWebGLBands draws one dispatch in many pieces.
func TestWebGLBands(t *testing.T) {
	m := openTestGL(t, Config{})
	p, err := m.Compile(t.Context(), sumShader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Constants([][]int32{{0, 5}})
	if err != nil {
		t.Fatal(err)
	}
	elems := 4*m.width*9 + 8
	x, out := allocGL(t, m, kernel.I32, elems), allocGL(t, m, kernel.I32, elems)
	if err := m.Write(x, make([]byte, 4*elems)); err != nil {
		t.Fatal(err)
	}
	d := gpu.Dispatch{Pipeline: p, Bound: []gpu.Bound{{Memory: x}, {Memory: x}, {Memory: out}}, Constants: c, Groups: elems / 4, Cost: 4 * mostCost}
	got := make([]byte, 4*elems)
	if err := errors.Join(m.Run(t.Context(), []gpu.Dispatch{d}), m.Read(t.Context(), out, got)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.Repeat([]byte{5, 0, 0, 0}, elems)) {
		t.Error("some of it was not drawn")
	}
}

// TestWebGLMemory asks for more than there may be.
func TestWebGLMemory(t *testing.T) {
	m := openTestGL(t, Config{})
	most := texelParts * m.width * m.info.Limits.Side
	if _, err := m.Alloc(kernel.I8, most+1); !errors.Is(err, device.ErrMemory) {
		t.Errorf("a memory beyond the limit: got error %v, want %v", err, device.ErrMemory)
	}
	// Sizes that change make textures that nobody has: they are let go.
	m.info.Memory = 1 << 20
	mem := allocGL(t, m, kernel.I32, most)
	for i := range 40 {
		if err := m.Write(mem, make([]byte, (i+1)<<14)); err != nil {
			t.Fatal(err)
		}
	}
	if s := &m.textures; s.taken+s.spare > 1<<20 {
		t.Errorf("%d bytes in use and %d idle", s.taken, s.spare)
	}
}

func TestWebGLCancel(t *testing.T) {
	m := openTestGL(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mem := allocGL(t, m, kernel.I32, 16)
	if err := m.Write(mem, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
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

// TestWebGLLateError does what WebGL forbids, which shows at the next wait and
// not later.
func TestWebGLLateError(t *testing.T) {
	m := openTestGL(t, Config{})
	m.gl.Call("drawArrays", glTriangles, -1, 3)
	if err := m.Wait(t.Context()); err == nil || errors.Is(err, device.ErrLost) {
		t.Errorf("got error %v", err)
	} else {
		t.Log(err)
	}
	if err := m.Wait(t.Context()); err != nil {
		t.Errorf("the machine should go on: %v", err)
	}
}

// TestWebGLLost has everything of a machine that is lost called, and opens
// another.
func TestWebGLLost(t *testing.T) {
	m := openTestGL(t, Config{})
	mem := allocGL(t, m, kernel.I32, 16)
	loseContext(m.gl)
	allLostGL(t, m, mem)
	again := openTestGL(t, Config{})
	if err := again.Wait(t.Context()); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

func allLostGL(t *testing.T, m *webgl, mem gpu.Memory) {
	t.Helper()
	ctx := t.Context()
	_, errAlloc := m.Alloc(kernel.I32, 4)
	_, errConstants := m.Constants([][]int32{{1}})
	_, errCompile := m.Compile(ctx, sumShader)
	for i, err := range []error{
		errAlloc, errConstants, errCompile, m.Write(mem, []byte{1}), m.Run(ctx, nil), m.Read(ctx, mem, []byte{1}), m.Wait(ctx),
	} {
		if !errors.Is(err, device.ErrLost) {
			t.Errorf("call %d: got error %v, want %v", i, err, device.ErrLost)
		}
	}
	mem.Release()
}

// TestWebGLCrash has the browser's GPU process killed while it is waited for.
func TestWebGLCrash(t *testing.T) {
	m := openTestGL(t, Config{})
	mem := allocGL(t, m, kernel.I32, 1<<20)
	err := m.Write(mem, make([]byte, 4<<20))
	js.Global().Call("postMessage", map[string]any{"kind": "crash", "value": "gpu"})
	for err == nil { // not dead yet
		err = m.Read(t.Context(), mem, make([]byte, 4<<20))
	}
	if !errors.Is(err, device.ErrLost) {
		t.Errorf("got error %v, want %v", err, device.ErrLost)
	}
	t.Log(err)
	allLostGL(t, m, mem)
}

// TestWebGLOverhead is for the log alone: what calls cost.
func TestWebGLOverhead(t *testing.T) {
	m := openTestGL(t, Config{})
	x, out := allocGL(t, m, kernel.I32, 64), allocGL(t, m, kernel.I32, 64)
	p, err := m.Compile(t.Context(), sumShader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Constants([][]int32{{64, 1}, {64, 2}})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Write(x, make([]byte, 256))
	var list []gpu.Dispatch
	for i := range 1000 {
		to, from := out, x
		if i%2 == 1 {
			to, from = x, out
		}
		list = append(list, gpu.Dispatch{Pipeline: p, Bound: []gpu.Bound{{Memory: from}, {Memory: from}, {Memory: to}}, Constants: c, Index: i % 2, Groups: 16})
	}
	took := func(what string, n int, f func()) {
		start := time.Now()
		f()
		t.Logf("%s: %.1f us", what, float64(time.Since(start).Microseconds())/float64(n))
	}
	took("a dispatch, called", len(list), func() { err = errors.Join(err, m.Run(t.Context(), list)) })
	took("waiting for all of them, each", len(list), func() { err = errors.Join(err, m.Wait(t.Context())) })
	took("a wait", 100, func() {
		for range 100 {
			err = errors.Join(err, m.Wait(t.Context()))
		}
	})
	took("a run and a read", 100, func() {
		for range 100 {
			err = errors.Join(err, m.Run(t.Context(), list[:1]), m.Read(t.Context(), out, make([]byte, 64)))
		}
	})
	if err != nil {
		t.Error(err)
	}
}
