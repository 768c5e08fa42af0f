package gpu

import (
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// NewDouble hands the double to tests outside this package, and what loses it.
func NewDouble(t *testing.T, change func(*Info)) (m Machine, lose func()) {
	d := newDouble(t, change)
	return d, func() { d.fault = func(string) error { return fmt.Errorf("double: %w", device.ErrLost) } }
}
