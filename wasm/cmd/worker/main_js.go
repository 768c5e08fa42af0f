package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/shoal-compute/shoal/wasm/browser"
	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// heapLimit is what the collector keeps this program's own heap within, where
// it can: a page's memory never shrinks, so garbage left waiting costs the
// visitor for as long as the tab is open.
const heapLimit = 48 << 20

func main() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(heapLimit)
	browser.Serve(context.Background(), browser.Options{
		Agent: agent,
		Lanes: []string{"wasm"},
		Open:  open,
	})
}

// open opens a lane. The module of the wasm lane is part of this program, so
// that both are of one version.
func open(ctx context.Context, lane string, memory int64, y *browser.Yielder) (device.Device, error) {
	if lane != "wasm" {
		return nil, fmt.Errorf("%w: no such lane", device.ErrUnavailable)
	}
	m, err := browser.Instantiate(ctx, simd.Module, simd.MemoryName, simd.RunName, y)
	if err != nil {
		return nil, err
	}
	return simd.New(m, device.Caps{Detail: "simd128 " + browser.Name(), Memory: memory}), nil
}
