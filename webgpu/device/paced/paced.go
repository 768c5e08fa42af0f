// Package paced makes a device compute for at most a share of the time: what
// people ask for when they lend a machine they are using themselves.
//
// It owns the arithmetic of resting, which is a Pace's, and lends it to whoever
// else computes on the same hardware. It refuses to know what the share was
// agreed for, and any concrete device: it wraps whatever it is given.
package paced

import (
	"context"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Device wraps another device and computes at a Pace.
type Device struct {
	device.Device
	pace *Pace
}

var (
	_ device.Device = (*Device)(nil)
	_ device.Meter  = (*Device)(nil)
)

// New returns d, computing at pace p.
func New(d device.Device, p *Pace) *Device { return &Device{d, p} }

// Traffic implements device.Meter. Devices that do not count have none.
func (d *Device) Traffic() device.Traffic {
	if m, ok := d.Device.(device.Meter); ok {
		return m.Traffic()
	}
	return device.Traffic{}
}

// Load implements device.Device.
func (d *Device) Load(p *program.Program) (device.Executable, error) {
	e, err := d.Device.Load(p)
	if err != nil {
		return nil, err
	}
	return &executable{Executable: e, device: d}, nil
}

type executable struct {
	device.Executable
	device *Device
}

// Run returns when the run is done: a device that goes on by itself would not
// rest.
func (e *executable) Run(ctx context.Context, inputs []device.Buffer) (out []device.Buffer, err error) {
	err = e.device.pace.Do(ctx, func() error {
		if out, err = e.Executable.Run(ctx, inputs); err != nil {
			return err
		}
		w, ok := e.device.Device.(device.Waiter)
		if !ok {
			return nil
		}
		if err = w.Wait(ctx); err != nil {
			for _, b := range out {
				b.Release()
			}
			out = nil
		}
		return err
	})
	return out, err
}
