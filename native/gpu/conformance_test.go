package gpu

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
)

// TestConformance holds the whole lane to the bytes of the reference, on every
// driver.
func TestConformance(t *testing.T) {
	if conf, here := onDrivers(t); here {
		devicetest.Run(t, open(t, conf), usual())
	}
}

// usual is the whole suite, or little of it under the race detector.
func usual() devicetest.Options {
	if raced {
		return devicetest.Options{Cases: 8, Programs: 8}
	}
	return devicetest.Options{}
}

// TestHardware holds the GPU of this computer to both contracts, where there
// is one.
func TestHardware(t *testing.T) {
	if os.Getenv(driverEnv) != "" {
		t.Skip("the process of a driver that plays a GPU")
	}
	m, err := Open(t.Context(), Config{})
	if errors.Is(err, device.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("machine", func(t *testing.T) { machineTests(t, Config{}) })
	devicetest.Run(t, open(t, Config{}), usual())
}

// TestConformanceInParts does so with bindings so small that memories are
// bound in several.
func TestConformanceInParts(t *testing.T) {
	if raced {
		t.Skip("the race detector has seen this in TestConformance")
	}
	if conf, here := onDrivers(t); here {
		conf.Binding = 160 << 10
		devicetest.Run(t, open(t, conf), devicetest.Options{Cases: 24, Programs: 24})
	}
}

// TestVariants compares every way to print matmuls on matmuls and on whole
// programs, in which they are fused.
func TestVariants(t *testing.T) {
	if raced {
		t.Skip("the race detector has seen this in TestConformance")
	}
	conf, here := onDrivers(t)
	if !here {
		return
	}
	m, err := openMachine(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	variants := m.printers()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	// Most of the time goes into compiling, for every layout of every matmul:
	// TestConformance has more cases of the printer that is used untuned.
	models, err := devicetest.Models()
	if err != nil {
		t.Fatal(err)
	}
	var cases []devicetest.Case
	for i := 0; i < len(models); i += 5 {
		cases = append(cases, models[i])
	}
	for _, c := range devicetest.Cases(2, 24) {
		if strings.HasPrefix(c.Name, "matmul") {
			cases = append(cases, c)
		}
	}
	for _, p := range variants {
		t.Run(p.Name(), func(t *testing.T) {
			conf := conf
			conf.Printer = p.Name()
			dev := open(t, conf)
			for _, c := range cases {
				if err := devicetest.Compare(t.Context(), dev, c); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	t.Logf("compared %d programs for each of %d variants", len(cases), len(variants))
}

// open opens the lane for one test.
func open(t *testing.T, conf Config) device.Device {
	t.Helper()
	dev, err := Device(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return dev
}
