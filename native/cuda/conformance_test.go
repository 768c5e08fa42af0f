package cuda

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ptx"
)

// TestConformance holds the lane to the bytes of the reference.
func TestConformance(t *testing.T) {
	here(t, Config{})
	d, err := Device(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	}()
	devicetest.Run(t, d, devicetest.Options{})
}

// TestConformanceOfVariants does so with every way to multiply.
func TestConformanceOfVariants(t *testing.T) {
	m := here(t, Config{})
	for _, p := range m.variants() {
		t.Run(p.Name(), func(t *testing.T) {
			devicetest.Run(t, m.lane(t, p), devicetest.Options{Cases: 12, Programs: 12})
		})
	}
}

// variants are the printers worth comparing.
func (m *machine) variants() []launch.Printer {
	var all []launch.Printer
	for _, o := range ptx.Variants(ptx.Options{Limits: m.info.Limits, Units: m.adapter.Units, Hopper: m.adapter.Capability == 90}) {
		all = append(all, ptx.New(o))
	}
	return all
}

// lane is a device with one printer. It leaves m open.
func (m *machine) lane(t testing.TB, p launch.Printer) device.Device {
	t.Helper()
	d, err := gpu.New(t.Context(), gpu.Config{Machine: keepOpen{m}, Printer: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return d
}

// keepOpen is a machine that outlives its devices.
type keepOpen struct{ *machine }

func (keepOpen) Close() error { return nil }
