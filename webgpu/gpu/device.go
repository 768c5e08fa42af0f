package gpu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// Config is what a device is made of.
type Config struct {
	Machine Machine        // owned by the device once New has succeeded
	Printer launch.Printer // made for the machine's limits
	Memory  int64          // bytes that may be allocated; 0: as many as the machine allows

	// Turn is how long work handed to the machine at once should take at most;
	// 0: half a second. It keeps the machine usable for others, and far from
	// the time limits of drivers.
	Turn time.Duration
	Now  func() time.Time // nil: time.Now
}

// gpu is the device.
//
// It has no goroutines. Whoever holds turn may call the machine; mu guards what
// buffers may touch without it.
type gpu struct {
	machine Machine
	info    Info
	printer launch.Printer
	caps    device.Caps

	turn chan struct{} // holds a token while nobody uses the machine

	// Guarded by turn.
	pipelines map[string]Pipeline // by key of the code
	chunks    chunks
	pace      pace
	refused   map[*plan.Fusion]bool

	memory  memory
	traffic traffic

	mu     sync.Mutex // guards what follows
	end    error      // lost or closed, and for good
	recent *batch     // what was handed over since the machine was last seen idle
}

var (
	_ device.Device = (*gpu)(nil)
	_ device.Meter  = (*gpu)(nil)
	_ device.Waiter = (*gpu)(nil)
)

var errClosed = errors.New("gpu: the device is closed")

// New makes a device over c.Machine.
func New(ctx context.Context, c Config) (device.Device, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return newDevice(c)
}

func newDevice(c Config) (*gpu, error) {
	if c.Machine == nil || c.Printer == nil || c.Memory < 0 || c.Turn < 0 {
		return nil, fmt.Errorf("gpu: config: want a machine, a printer, and memory (%d) and turn (%v) of 0 or more", c.Memory, c.Turn)
	}
	info := c.Machine.Info()
	if b := info.Limits.Binding; b < granule || b%granule != 0 {
		return nil, fmt.Errorf("gpu: machine %s binds %d bytes: want a multiple of %d", info.Lane, b, granule)
	}
	if info.Memory <= 0 || info.Buffer <= 0 {
		return nil, fmt.Errorf("gpu: machine %s allows %d bytes, %d at once: want more than 0", info.Lane, info.Memory, info.Buffer)
	}
	limit := info.Memory
	if c.Memory > 0 {
		limit = min(limit, c.Memory)
	}
	d := &gpu{
		machine: c.Machine, info: info, printer: c.Printer,
		caps: device.Caps{
			Lane:    info.Lane,
			Detail:  fmt.Sprintf("%s, %s, %s", info.Adapter, info.Driver, c.Printer.Name()),
			Threads: 1,
			Memory:  limit,
		},
		turn:      make(chan struct{}, 1),
		pipelines: map[string]Pipeline{},
		refused:   map[*plan.Fusion]bool{},
		pace:      newPace(cmp.Or(c.Turn, defaultTurn), c.Now),
		memory:    memory{machine: c.Machine, limit: limit, largest: info.Buffer / granule * granule, typed: info.Typed},
		recent:    &batch{},
	}
	d.turn <- struct{}{}
	return d, nil
}

func (d *gpu) Caps() device.Caps { return d.caps }

// acquire waits for the machine.
func (d *gpu) acquire(ctx context.Context) error {
	if err := d.ended(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.ended(); err != nil {
		d.release()
		return err
	}
	d.memory.sweep()
	return nil
}

func (d *gpu) release() { d.turn <- struct{}{} }

// ended is why the device cannot be used any more, or nil.
func (d *gpu) ended() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.end
}

// failed looks at an error of the machine before it is returned. The machine
// is held.
func (d *gpu) failed(what string, err error) error {
	err = fmt.Errorf("gpu: %s: %w", what, err)
	if errors.Is(err, device.ErrLost) {
		d.mu.Lock()
		if d.end == nil {
			d.end = err
		}
		d.mu.Unlock()
	}
	return err
}

// retry calls f again where it had no memory, after giving back all that can
// be had again later. The machine is held.
func (d *gpu) retry(f func() error) error {
	err := f()
	if !errors.Is(err, device.ErrMemory) || d.ended() != nil {
		return err
	}
	d.shrink()
	return f()
}

// shrink gives back memory that holds nothing. The machine is held.
func (d *gpu) shrink() {
	d.chunks.drop(&d.memory)
	d.memory.drop()
}

// Wait implements device.Waiter.
func (d *gpu) Wait(ctx context.Context) error {
	if err := d.acquire(ctx); err != nil {
		return err
	}
	defer d.release()
	if err := d.machine.Wait(ctx); err != nil {
		return d.interrupted(ctx, err)
	}
	d.settled()
	return nil
}

// Close implements device.Device.
func (d *gpu) Close() error {
	d.mu.Lock()
	if errors.Is(d.end, errClosed) {
		d.mu.Unlock()
		return nil
	}
	d.end = errClosed
	d.mu.Unlock()
	<-d.turn
	defer d.release()
	d.shrink()
	if err := d.machine.Close(); err != nil {
		return fmt.Errorf("gpu: close: %w", err)
	}
	return nil
}

// traffic counts.
type traffic struct{ submits, dispatches, written, read atomic.Int64 }

// Traffic implements device.Meter.
func (d *gpu) Traffic() device.Traffic {
	t := &d.traffic
	return device.Traffic{Submits: t.submits.Load(), Dispatches: t.dispatches.Load(), Written: t.written.Load(), Read: t.read.Load()}
}
