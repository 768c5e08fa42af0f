package main

import (
	"context"
	"fmt"

	host "github.com/shoal-compute/shoal/wasm/browser"
	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/browser"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// open opens a lane, on whatever plays the GPU. The rest is for lanes whose
// code has variants and whose memory is bound in parts.
func open(ctx context.Context, lane, printer string, binding int64) (device.Device, error) {
	switch lane {
	case "wasm":
		m, err := host.Instantiate(ctx, simd.Module, simd.MemoryName, simd.RunName, host.NewYielder())
		if err != nil {
			return nil, err
		}
		return simd.New(m, device.Caps{Detail: host.Name()}), nil
	case "webgpu":
		return browser.WebGPU(ctx, browser.Config{Software: true, Printer: printer, Binding: binding})
	case "webgl":
		return browser.WebGL(ctx, browser.Config{Software: true, Printer: printer})
	}
	return nil, fmt.Errorf("conformance: no lane %q", lane)
}
