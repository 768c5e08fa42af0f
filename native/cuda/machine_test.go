package cuda

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/gpu/machinetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ptx/ptxtest"
)

// here opens the GPU, or skips the test where there is none. With
// SHOAL_REQUIRE=cuda there has to be one.
func here(t testing.TB, conf Config) *machine {
	t.Helper()
	m, err := openMachine(t.Context(), conf)
	if errors.Is(err, device.ErrUnavailable) && os.Getenv("SHOAL_REQUIRE") != "cuda" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return m
}

func TestMachine(t *testing.T) {
	machinetest.Run(t, here(t, Config{}), machinetest.Options{Sum: ptxtest.Sum(), Broken: ptxtest.Broken()})
}

// TestOpen checks that what is not there is reported as such, quietly.
func TestOpen(t *testing.T) {
	for _, conf := range []Config{{}, {Adapter: "no such GPU"}} {
		m, err := Open(t.Context(), conf)
		switch {
		case err == nil && conf.Adapter != "":
			t.Errorf("%+v was opened", conf)
			fallthrough
		case err == nil:
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		case !errors.Is(err, device.ErrUnavailable) || !strings.HasPrefix(err.Error(), "cuda: ") || m != nil:
			t.Errorf("%+v: %v, want device.ErrUnavailable and no machine", conf, err)
		}
	}
	if d, err := Device(t.Context(), Config{Adapter: "no such GPU"}); !errors.Is(err, device.ErrUnavailable) || d != nil {
		t.Errorf("device: %v, want device.ErrUnavailable and no device", err)
	}
	if _, err := Open(t.Context(), Config{Memory: -1}); err == nil || errors.Is(err, device.ErrUnavailable) {
		t.Errorf("negative memory: %v, want an error of the caller", err)
	}
}

func TestChoose(t *testing.T) {
	turing := Adapter{Name: "Tesla T4", Capability: 75, Driver: 12040}
	ampere := Adapter{Name: "NVIDIA A100", Capability: 80, Driver: 12040}
	hopper := Adapter{Name: "NVIDIA H100", Capability: 90, Driver: 12040}
	old := Adapter{Name: "NVIDIA A10", Capability: 86, Driver: 10020}
	for _, c := range []struct {
		name string
		list []Adapter
		want string // adapter
		why  string // part of the error
	}{
		{"none", nil, "", "finds no GPU"},
		{"first", []Adapter{ampere, hopper}, "NVIDIA A100", ""},
		{"too old", []Adapter{turing}, "", "Tesla T4 has compute capability 7.5, want 8.0"},
		{"not the old one", []Adapter{turing, ampere}, "NVIDIA A100", ""},
		{"driver", []Adapter{old}, "", "the driver is for CUDA 10.2, want 11.0"},
	} {
		a, err := choose(c.list, Config{})
		if a.Name != c.want || (err == nil) != (c.why == "") || err != nil && (!strings.Contains(err.Error(), c.why) || !errors.Is(err, device.ErrUnavailable)) {
			t.Errorf("%s: %q, %v; want %q, %q", c.name, a.Name, err, c.want, c.why)
		}
	}
	if a, err := choose([]Adapter{ampere, hopper}, Config{Adapter: "h100"}); err != nil || a.Name != hopper.Name {
		t.Errorf("by name: %q, %v", a.Name, err)
	}
}

// TestErrors checks what results mean to callers.
func TestErrors(t *testing.T) {
	for r, want := range map[result]error{outOfMemory: device.ErrMemory, 700: device.ErrLost, 719: device.ErrLost, 214: device.ErrLost, 1: nil, 218: nil} {
		err := error(&driverError{r, "text"})
		for _, kind := range []error{device.ErrMemory, device.ErrLost, device.ErrUnavailable} {
			if got := errors.Is(err, kind); got != (kind == want) {
				t.Errorf("result %d: is %v: %v", r, kind, got)
			}
		}
	}
}

// TestMemory checks that asking for too much is an error that leaves the
// machine well.
func TestMemory(t *testing.T) {
	m := here(t, Config{})
	if _, err := m.Alloc(kernel.I32, 1<<45); !errors.Is(err, device.ErrMemory) {
		t.Errorf("2^47 bytes: %v, want device.ErrMemory", err)
	}
	machinetest.Run(t, m, machinetest.Options{Sum: ptxtest.Sum()})
}

// TestLost breaks the context with a kernel that writes where it may not.
func TestLost(t *testing.T) {
	m := here(t, Config{})
	code := ptxtest.Sum()
	code.Key = "fault"
	machinetest.Lost(t, m, machinetest.Options{Sum: ptxtest.Sum()}, func() {
		p, err := m.Compile(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.Constants([][]int32{{64, -999999}})
		if err != nil {
			t.Fatal(err)
		}
		nowhere := gpu.Bound{Memory: &memory{machine: m, address: 1 << 48, bytes: 256}, Size: 256}
		err = m.Run(t.Context(), []gpu.Dispatch{{Pipeline: p, Bound: []gpu.Bound{nowhere, nowhere, nowhere}, Constants: c, Groups: 1}})
		if err != nil && !errors.Is(err, device.ErrLost) {
			t.Fatal(err)
		}
	})
}
