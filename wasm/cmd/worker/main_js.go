package main

import (
	"cmp"
	"context"
	"runtime/debug"
	"syscall/js"

	"github.com/shoal-compute/shoal/wasm/browser"
	"github.com/shoal-compute/shoal/wasm/browser/box"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/simd"
	gpu "github.com/shoal-compute/shoal/webgpu/browser"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// heapLimit is what the collector keeps this program's own heap within, where
// it can: a page's memory never shrinks, so garbage left waiting costs the
// visitor for as long as the tab is open.
const heapLimit = 48 << 20

func main() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(heapLimit)
	browser.Serve(context.Background(), browser.Options{Agent: agent, Build: build(), Lanes: lanes, Sandbox: openSandbox})
}

// build names what the page loaded: the script that starts this program says
// what the hub calls its bytes.
func build() string {
	if v := js.Global().Get("shoalBuild"); v.Type() == js.TypeString {
		return v.String()
	}
	return ""
}

// lanes are the devices of a browser, best first. The sandbox is a lane beside
// them, for people's modules.
var lanes = []browser.Lane{
	{Name: "webgpu", Group: "gpu", Open: func(ctx context.Context, s browser.Settings) (device.Device, error) {
		return gpu.WebGPU(ctx, config("webgpu", s))
	}},
	{Name: "webgl", Group: "gpu", Open: func(ctx context.Context, s browser.Settings) (device.Device, error) {
		return gpu.WebGL(ctx, config("webgl", s))
	}},
	{Name: "wasm", Group: browser.GroupProcessor, Open: openWASM},
}

func config(lane string, s browser.Settings) gpu.Config {
	return gpu.Config{
		Memory: s.Memory, Software: s.Software, Binding: s.Binding,
		Version: s.Tuning.Build, Known: s.Tuning.Known(lane), Tuned: s.Tuning.Keep(lane),
	}
}

// openSandbox makes the thread for people's modules, which starts when there is
// one.
func openSandbox() (sandbox.Host, error) { return box.New(browser.Name()) }

// openWASM opens the module that is part of this program, so that both are of
// one version.
func openWASM(ctx context.Context, s browser.Settings) (device.Device, error) {
	m, err := browser.Instantiate(ctx, simd.Module, simd.MemoryName, simd.RunName, s.Yielder)
	if err != nil {
		return nil, err
	}
	memory := cmp.Or(s.Memory, 256<<20)
	return simd.New(m, device.Caps{Detail: "simd128 " + browser.Name(), Memory: memory}), nil
}
