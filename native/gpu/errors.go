package gpu

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// guard runs f, which calls the library, and turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in the graphics library: %v", r)
		}
	}()
	return f()
}

// do runs f on a machine that is not lost. After a panic nobody knows in which
// state the library is: the machine is lost.
func (m *machine) do(f func() error) (err error) {
	if m.lost != nil {
		return m.lost
	}
	defer func() {
		if r := recover(); r != nil {
			err = m.lose(fmt.Errorf("panic in the graphics library: %v", r))
		}
	}()
	return f()
}

// lose marks the machine as gone for good.
func (m *machine) lose(err error) error {
	if m.lost == nil {
		m.lost = fmt.Errorf("native/gpu: %w: %w", device.ErrLost, err)
	}
	return m.lost
}

// room says what a failed allocation means: no room, unless the device is
// gone.
func (m *machine) room(err error) error {
	if gone(err) {
		return m.lose(err)
	}
	return fmt.Errorf("native/gpu: %w: %w", device.ErrMemory, err)
}

// gone reports whether err tells of a lost device. Most errors of the library
// hold Vulkan's result only as text; -4 is VK_ERROR_DEVICE_LOST.
func gone(err error) bool {
	return errors.Is(err, hal.ErrDeviceLost) || strings.HasSuffix(err.Error(), "failed: -4")
}
