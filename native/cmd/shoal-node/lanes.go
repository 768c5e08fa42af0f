package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/native/cuda"
	"github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// lane is a device that this program can open.
type lane struct {
	name string
	// driver lanes call code that is not ours, which may end the process: they
	// are tested in one of their own.
	driver bool
	open   func(ctx context.Context, s settings) (device.Device, error)
}

// settings are what a lane is opened with.
type settings struct {
	threads int           // of the cpu lane; 0: all
	tuning  choose.Tuning // of GPUs
}

// lanes lists the devices in order of preference.
var lanes = []lane{
	{name: "cuda", driver: true, open: func(ctx context.Context, _ settings) (device.Device, error) {
		return cuda.Device(ctx, cuda.Config{})
	}},
	{name: "vulkan", driver: true, open: func(ctx context.Context, s settings) (device.Device, error) {
		return gpu.Device(ctx, gpu.Config{
			Software: software(), Version: s.tuning.Build, Known: s.tuning.Known("vulkan"), Tuned: s.tuning.Keep("vulkan"),
		})
	}},
	{name: "cpu", open: func(_ context.Context, s settings) (device.Device, error) {
		return cpu.New(cpu.Config{Threads: s.threads})
	}},
	{name: "reference", open: func(context.Context, settings) (device.Device, error) { return reference.New(), nil }},
}

// software tells whether GPUs that a processor plays are used as well. They
// are slower than the cpu lane: this is for tests.
func software() bool { return os.Getenv("SHOAL_SOFTWARE_GPU") == "1" }

func laneNames() string {
	names := make([]string, len(lanes))
	for i, l := range lanes {
		names[i] = l.name
	}
	return strings.Join(names, ", ")
}

func findLane(name string) (lane, bool) {
	i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name })
	if i < 0 {
		return lane{}, false
	}
	return lanes[i], true
}

// wantedLanes reads --device: the lanes to try, and those that must be used,
// which are none where the fittest are to be picked.
func wantedLanes(flag string) (try []lane, forced []string, err error) {
	if flag == "auto" {
		return lanes, nil, nil
	}
	for _, name := range strings.Split(flag, ",") {
		l, known := findLane(strings.TrimSpace(name))
		if !known {
			return nil, nil, usagef("--device: %q is none of auto, %s", name, laneNames())
		}
		if !slices.Contains(forced, l.name) {
			try, forced = append(try, l), append(forced, l.name)
		}
	}
	return try, forced, nil
}
