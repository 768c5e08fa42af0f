// Package paced makes a device compute for at most a share of the time: what
// people ask for when they lend a machine they are using themselves.
//
// It owns the arithmetic of resting. It refuses to know what the share was
// agreed for, and any concrete device: it wraps whatever it is given.
package paced

import (
	"context"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Device wraps another device and rests between runs.
type Device struct {
	device.Device
	percent int64

	now  func() time.Time
	wait func(ctx context.Context, d time.Duration) error

	rest  sync.Mutex // guards until
	until time.Time  // no run starts before
}

var (
	_ device.Device = (*Device)(nil)
	_ device.Meter  = (*Device)(nil)
)

// Traffic implements device.Meter. Devices that do not count have none.
func (d *Device) Traffic() device.Traffic {
	if m, ok := d.Device.(device.Meter); ok {
		return m.Traffic()
	}
	return device.Traffic{}
}

// New returns d, computing for at most percent of the time, from 1 to 100.
// After a run of t it rests t*(100-percent)/percent before it starts the next
// one: a result is never held back, and a device with nothing to do does not
// rest twice. Values outside the range count as its nearest end.
func New(d device.Device, percent int) *Device {
	return &Device{Device: d, percent: int64(min(max(percent, 1), 100)), now: time.Now, wait: wait}
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

// Run rests for as long as the runs before it demand, then runs. It returns
// when the run is done: a device that goes on by itself would not rest.
func (e *executable) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	d := e.device
	if err := d.wait(ctx, d.owed()); err != nil {
		return nil, err
	}
	start := d.now()
	out, err := e.Executable.Run(ctx, inputs)
	if w, ok := d.Device.(device.Waiter); ok && err == nil {
		if err = w.Wait(ctx); err != nil {
			for _, b := range out {
				b.Release()
			}
			out = nil
		}
	}
	d.ran(start, d.now())
	return out, err
}

// owed is how long the device still has to rest.
func (d *Device) owed() time.Duration {
	d.rest.Lock()
	defer d.rest.Unlock()
	return d.until.Sub(d.now())
}

// ran notes a run and the rest that follows from it. Runs that overlap each
// add theirs.
func (d *Device) ran(start, end time.Time) {
	pause := end.Sub(start) * time.Duration(100-d.percent) / time.Duration(d.percent)
	d.rest.Lock()
	defer d.rest.Unlock()
	if d.until.Before(end) {
		d.until = end
	}
	d.until = d.until.Add(pause)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
