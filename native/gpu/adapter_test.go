package gpu

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gogpu/gputypes"
	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// TestChoose picks from lists of adapters as computers have them.
func TestChoose(t *testing.T) {
	adapter := func(name string, backend gputypes.Backend, kind gputypes.DeviceType) candidate {
		info := gputypes.AdapterInfo{Name: name, Backend: backend, DeviceType: kind}
		return candidate{Adapter: describe(backend, info), exposed: hal.ExposedAdapter{Info: info}}
	}
	var (
		laptop   = adapter("Intel(R) UHD Graphics 620", gputypes.BackendVulkan, gputypes.DeviceTypeIntegratedGPU)
		card     = adapter("NVIDIA GeForce RTX 4090", gputypes.BackendVulkan, gputypes.DeviceTypeDiscreteGPU)
		card12   = adapter("NVIDIA GeForce RTX 4090", gputypes.BackendDX12, gputypes.DeviceTypeDiscreteGPU)
		llvmpipe = adapter("llvmpipe (LLVM 15.0.6, 256 bits)", gputypes.BackendVulkan, gputypes.DeviceTypeCPU)
		warp     = adapter("Microsoft Basic Render Driver", gputypes.BackendDX12, gputypes.DeviceTypeDiscreteGPU)
	)
	for _, c := range []struct {
		name string
		list []candidate
		conf Config
		want string // name and backend, or part of the error
	}{
		{"the card before the laptop's own", []candidate{laptop, card, card12}, Config{}, "NVIDIA GeForce RTX 4090, Vulkan"},
		{"by name", []candidate{laptop, card}, Config{Adapter: "uhd"}, "Intel(R) UHD Graphics 620, Vulkan"},
		{"never a processor", []candidate{llvmpipe}, Config{}, "llvmpipe (LLVM 15.0.6, 256 bits) is played by the processor"},
		{"whatever its driver says", []candidate{warp}, Config{}, "Microsoft Basic Render Driver is played by the processor"},
		{"not even by name", []candidate{card, llvmpipe}, Config{Adapter: "llvm"}, "is played by the processor"},
		{"but in tests", []candidate{llvmpipe}, Config{Software: true}, "llvmpipe (LLVM 15.0.6, 256 bits), Vulkan"},
		{"a GPU even in tests", []candidate{llvmpipe, laptop}, Config{Software: true}, "Intel(R) UHD Graphics 620, Vulkan"},
		{"no such name", []candidate{card}, Config{Adapter: "radeon"}, `no GPU has "radeon" in its name`},
		{"no adapter", nil, Config{Adapter: "radeon"}, "no GPU with a driver"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := candidates{adapters: c.list}
			all.sort()
			got, err := choose(all.adapters, c.conf)
			found := got.Name + ", " + got.Backend
			if err != nil {
				found = err.Error()
				if !errors.Is(err, device.ErrUnavailable) {
					t.Errorf("%v does not wrap ErrUnavailable", err)
				}
			}
			if !strings.Contains(found, c.want) {
				t.Errorf("got %q, want %q", found, c.want)
			}
		})
	}
}

// TestRefuse opens what volunteers must not use.
func TestRefuse(t *testing.T) {
	conf, here := onDrivers(t)
	if !here {
		return
	}
	list := Adapters()
	if len(list) != 1 || !list[0].Software || list[0].Backend != "Vulkan" || list[0].Driver == "" || list[0].Memory == 0 {
		t.Errorf("adapters %+v, want one that a processor plays, with its driver and memory", list)
	}
	if m, err := Open(t.Context(), Config{}); !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), list[0].Name) {
		t.Errorf("a processor that plays a GPU: %v, %v, want ErrUnavailable and why", m, err)
	}
	conf.Adapter = "geforce"
	if m, err := Open(t.Context(), conf); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("an adapter that is not there: %v, %v, want ErrUnavailable", m, err)
	}
	for _, bad := range []Config{{Memory: -1}, {Binding: 100}} {
		if m, err := Open(t.Context(), bad); err == nil || errors.Is(err, device.ErrUnavailable) {
			t.Errorf("%+v: %v, %v, want an error about the configuration", bad, m, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, conf); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestNoDriver runs where the loader finds nothing.
func TestNoDriver(t *testing.T) {
	if os.Getenv(driverEnv) == "" {
		nothing := t.TempDir() + "/none.json"
		again(t, "TestNoDriver", driverEnv+"=none", "VK_ICD_FILENAMES="+nothing, "VK_DRIVER_FILES="+nothing)
		return
	}
	if list := Adapters(); len(list) != 0 {
		t.Errorf("adapters %v, want none", list)
	}
	d, err := Device(t.Context(), Config{Software: true})
	if !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("without a driver: %v, %v, want ErrUnavailable", d, err)
	}
	t.Log(err)
}

// TestTuned tunes once, and uses what was found as long as it holds.
func TestTuned(t *testing.T) {
	conf, here := onDrivers(t)
	if !here {
		return
	}
	var found []gpu.Choice
	conf.Version = "1"
	conf.Tuned = func(c gpu.Choice) { found = append(found, c) }
	detail := open(t, conf).Caps().Detail
	if len(found) != 1 || !strings.HasSuffix(detail, ", "+found[0].Printer) {
		t.Fatalf("tuning found %+v, and the device is %q", found, detail)
	}
	t.Logf("%+v", found[0])
	conf.Known = found[0]
	if again := open(t, conf).Caps().Detail; again != detail || len(found) != 1 {
		t.Errorf("with what was found the device is %q and tuned %d times, want %q and no more", again, len(found), detail)
	}
	conf.Version = "2"
	open(t, conf)
	if len(found) != 2 {
		t.Error("another version did not tune again")
	}
	conf.Printer = "prose"
	if d, err := Device(t.Context(), conf); err == nil || !strings.Contains(err.Error(), "prose") {
		t.Errorf("a printer that does not exist: %v, %v", d, err)
	}
}
