package gpu

import (
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
)

// few keeps the suite short: the double is a second interpreter.
var few = devicetest.Options{Cases: 6, Programs: 24}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Info)
		config Config
	}{
		{"bytes", nil, Config{Memory: 1 << 26}},
		{"typed", func(i *Info) { i.Typed = true }, Config{}},
		{"typed in parts", func(i *Info) { i.Typed, i.Limits.Binding = true, 256 }, Config{}},
		{"in parts, slow", func(i *Info) { i.Limits.Binding = 512 }, Config{Turn: 1, Now: slow()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newDouble(t, c.change)
			d := m.device(c.config)
			devicetest.Run(t, d, few)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if m.open != 0 {
				t.Errorf("%d memories are left when the device is closed", m.open)
			}
		})
	}
}

// slow is a clock on which everything takes a second.
func slow() func() time.Time {
	var at time.Time
	return func() time.Time { at = at.Add(time.Second); return at }
}
