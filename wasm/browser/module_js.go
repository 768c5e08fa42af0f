package browser

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// longestRun is how long a module computes before the event loop is let in.
const longestRun = 20 * time.Millisecond

// Module is an instantiated WebAssembly module that exports a memory and one
// function of two 32-bit numbers: what package wasm/simd calls an Instance.
type Module struct {
	memory  js.Value
	run     js.Value
	view    js.Value // Uint8Array over all of memory; replaced when that grows
	yielder *Yielder
	busy    time.Duration // since the event loop was last let in
}

// Instantiate compiles and instantiates code, which imports nothing. The
// error wraps device.ErrUnavailable where the browser does not know all of
// its instructions.
func Instantiate(ctx context.Context, code []byte, memory, run string, y *Yielder) (*Module, error) {
	wasm, bytes := js.Global().Get("WebAssembly"), toJS(code)
	if !wasm.Call("validate", bytes).Bool() {
		return nil, fmt.Errorf("%w: the browser has no 128-bit SIMD", device.ErrUnavailable)
	}
	made, err := promise.Await(ctx, nil, wasm.Call("instantiate", bytes))
	if err != nil {
		return nil, err
	}
	exports := made.Get("instance").Get("exports")
	m := &Module{memory: exports.Get(memory), run: exports.Get(run), yielder: y}
	if !m.memory.Truthy() || !m.run.Truthy() {
		return nil, fmt.Errorf("browser: the module exports no %s or no %s", memory, run)
	}
	m.look()
	return m, nil
}

func (m *Module) look() { m.view = js.Global().Get("Uint8Array").New(m.memory.Get("buffer")) }

// Size is the size of the memory in bytes.
func (m *Module) Size() uint64 { return uint64(m.view.Length()) }

// Grow adds pages to the memory.
func (m *Module) Grow(pages uint32) error {
	err := promise.Try(func() { m.memory.Call("grow", pages) })
	m.look()
	return err
}

// Write copies data to the memory at ptr.
func (m *Module) Write(ptr uint32, data []byte) error {
	if js.CopyBytesToJS(m.view.Call("subarray", float64(ptr), float64(ptr)+float64(len(data))), data) != len(data) {
		return errOutside
	}
	return nil
}

// Read copies from the memory at ptr.
func (m *Module) Read(ptr uint32, dst []byte) error {
	if js.CopyBytesToGo(dst, m.view.Call("subarray", float64(ptr), float64(ptr)+float64(len(dst)))) != len(dst) {
		return errOutside
	}
	return nil
}

var errOutside = errors.New("browser: outside the module's memory")

// Run calls the module's function. Every so often it lets the event loop run
// first, so that the hub and the page are heard while a shard is computed.
func (m *Module) Run(steps, count uint32) error {
	if m.busy >= longestRun {
		m.busy = 0
		m.yielder.Yield()
	}
	start := time.Now()
	err := promise.Try(func() { m.run.Invoke(steps, count) })
	m.busy += time.Since(start)
	return err
}

// Close lets go of the module; the browser frees it.
func (m *Module) Close() error {
	m.memory, m.run, m.view = js.Undefined(), js.Undefined(), js.Undefined()
	return nil
}
