package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/native/cuda"
	"github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/wasm/simd/wazerosimd"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// lane is a device that this program can use.
type lane struct {
	name string
	// open opens the device in this process.
	open func(ctx context.Context, s settings) (device.Device, error)
	// page is the lane's name in a browser, where lanes without open live.
	page string
	// gpu lanes are tested before a job relies on them: drivers err.
	gpu bool
}

// settings are what a command says about a lane.
type settings struct {
	threads  int  // of the cpu lane; 0: all
	software bool // a GPU that a processor plays will do
}

// lanes lists the devices. The first one needs no driver and is on every
// machine: it is what commands use that are not told otherwise.
var lanes = []lane{
	{name: "cpu", open: func(_ context.Context, s settings) (device.Device, error) {
		return cpu.New(cpu.Config{Threads: s.threads})
	}},
	{name: "vulkan", gpu: true, open: func(ctx context.Context, s settings) (device.Device, error) {
		return gpu.Device(ctx, gpu.Config{Software: s.software, Version: "shoal"})
	}},
	{name: "cuda", gpu: true, open: func(ctx context.Context, _ settings) (device.Device, error) {
		return cuda.Device(ctx, cuda.Config{})
	}},
	{name: "wasm", open: func(ctx context.Context, _ settings) (device.Device, error) {
		return wazerosimd.Open(ctx, 0)
	}},
	{name: "reference", open: func(context.Context, settings) (device.Device, error) {
		return reference.New(), nil
	}},
	{name: "webgpu", page: "webgpu"},
	{name: "webgl", page: "webgl"},
	{name: "wasm-browser", page: "wasm"},
}

// softwareGPUs tells whether GPUs that a processor plays are used where nobody
// asks for them: they are slower than the cpu lane, and for tests.
func softwareGPUs() bool { return os.Getenv("SHOAL_SOFTWARE_GPU") == "1" }

func laneNames() string {
	var names []string
	for _, l := range lanes {
		names = append(names, l.name)
	}
	return strings.Join(names, ", ")
}

// findLane finds a lane by name; "auto" is the first.
func findLane(c *cobra.Command, name string) (lane, error) {
	for _, l := range lanes {
		if name == l.name || name == "auto" {
			return l, nil
		}
	}
	return lane{}, usagef(c, "--device: want auto, %s, got %q", laneNames(), name)
}

// openLane opens a lane of this process for a job. One with a driver must
// first pass the test that a volunteer's must.
func openLane(ctx context.Context, l lane) (device.Device, error) {
	open := func(ctx context.Context) (device.Device, error) {
		return l.open(ctx, settings{software: softwareGPUs()})
	}
	if !l.gpu {
		d, err := open(ctx)
		if err != nil {
			return nil, fmt.Errorf("device %s: %w", l.name, err)
		}
		return d, nil
	}
	d, v := choose.Config{}.Try(ctx, choose.Lane{Name: l.name, Open: open})
	if d == nil {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("device %s: %s", l.name, v.Error))
	}
	return d, nil
}

func deviceFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "device", "auto", "what computes: "+laneNames()+"; auto is "+lanes[0].name)
}
