package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/wasm/simd/wazerosimd"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// lane is a device that this program can open.
type lane struct {
	name string
	// open opens the device. Where busy is not nil, it is what the device has
	// computed for: then that counts in benchmarks, not what passes here.
	open func(ctx context.Context, threads int) (d device.Device, busy func() time.Duration, err error)
	// onlyBench lanes are no use to a job.
	onlyBench bool
}

// lanes lists the devices in order of preference.
var lanes = []lane{
	{name: "cpu", open: func(_ context.Context, threads int) (device.Device, func() time.Duration, error) {
		d, err := cpu.New(cpu.Config{Threads: threads})
		return d, nil, err
	}},
	{name: "wasm", open: func(ctx context.Context, _ int) (device.Device, func() time.Duration, error) {
		d, err := wazerosimd.Open(ctx, 0)
		return d, nil, err
	}},
	{name: "reference", open: func(context.Context, int) (device.Device, func() time.Duration, error) {
		return reference.New(), nil, nil
	}},
	{name: "wasm-browser", onlyBench: true, open: func(ctx context.Context, _ int) (device.Device, func() time.Duration, error) {
		return openBrowserLane(ctx)
	}},
}

// jobLanes names the lanes that jobs can run on.
func jobLanes() string {
	var names []string
	for _, l := range lanes {
		if !l.onlyBench {
			names = append(names, l.name)
		}
	}
	return strings.Join(names, ", ")
}

// openDevice opens the named lane, or the first that this machine has.
func openDevice(ctx context.Context, name string) (device.Device, error) {
	var failed []string
	for _, l := range lanes {
		if l.onlyBench || name != "auto" && name != l.name {
			continue
		}
		d, _, err := l.open(ctx, 0)
		if err == nil {
			return d, nil
		}
		if name != "auto" {
			return nil, fmt.Errorf("device %s: %w", name, err)
		}
		failed = append(failed, fmt.Sprintf("%s: %v", l.name, err))
	}
	if name != "auto" {
		return nil, &usageError{command: "shoal", problem: fmt.Sprintf("--device: want auto, %s, got %q", jobLanes(), name)}
	}
	return nil, fmt.Errorf("no device works here: %s", strings.Join(failed, "; "))
}

func deviceFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "device", "auto", "what computes: auto, "+jobLanes())
}
