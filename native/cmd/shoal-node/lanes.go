package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/native/cuda"
	"github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/wasm/worker"
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
	driver    bool
	processor bool // it computes on the processors that --threads is about
	open      func(ctx context.Context, s settings) (device.Device, error)
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
	{name: "cpu", processor: true, open: func(_ context.Context, s settings) (device.Device, error) {
		return cpu.New(cpu.Config{Threads: s.threads})
	}},
	{name: "reference", processor: true, open: func(context.Context, settings) (device.Device, error) { return reference.New(), nil }},
}

// software tells whether GPUs that a processor plays are used as well. They
// are slower than the cpu lane: this is for tests.
func software() bool { return os.Getenv("SHOAL_SOFTWARE_GPU") == "1" }

func laneNames() string {
	var names []string
	for _, l := range lanes {
		names = append(names, l.name)
	}
	return strings.Join(append(names, worker.LaneSandbox), ", ")
}

func findLane(name string) (lane, bool) {
	i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name })
	if i < 0 {
		return lane{}, false
	}
	return lanes[i], true
}

// wanted is what --device and --sandbox say.
type wanted struct {
	lanes   []lane   // to try
	forced  []string // of them, those that must be used; none: the fittest are to be picked
	sandbox bool     // people's modules are run
	must    bool     // and it is an error if they cannot be
}

// wanted reads the flags. Whoever names devices gets those and no others.
func (n *node) wanted() (wanted, error) {
	w := wanted{lanes: lanes, sandbox: n.sandbox != "off", must: n.sandbox == "on"}
	if n.device == "auto" {
		return w, nil
	}
	w.lanes, w.sandbox = nil, n.sandbox == "on"
	for _, name := range strings.Split(n.device, ",") {
		name = strings.TrimSpace(name)
		if name == worker.LaneSandbox {
			if n.sandbox == "off" {
				return w, usagef("--device names the sandbox, and --sandbox refuses it")
			}
			w.sandbox, w.must = true, true
			continue
		}
		l, known := findLane(name)
		if !known {
			return w, usagef("--device: %q is none of auto, %s", name, laneNames())
		}
		if !slices.Contains(w.forced, l.name) {
			w.lanes, w.forced = append(w.lanes, l), append(w.forced, l.name)
		}
	}
	return w, nil
}
