package cpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Config is what a device is made of. The zero value is right for a machine of
// one's own.
type Config struct {
	Threads  int      // at most; 0: all processors Go may use
	Features string   // "avx512", "avx2", "dotprod", "neon" or "go"; empty: the best this processor has
	Memory   int64    // bytes a program may occupy; 0: no limit of ours
	Profile  *Profile // if set, collects the time of every kernel
}

// Features lists what this processor can run, best first. "go" is last and
// always there.
func Features() []string {
	var names []string
	for _, l := range lanes() {
		names = append(names, l.name)
	}
	return names
}

// processor is the device.
type processor struct {
	config  Config
	lane    lane
	pool    *pool
	memory  *memory
	running chan struct{} // holds a token while no run is on
}

var _ device.Device = (*processor)(nil)

// New makes a device. Features that this processor lacks are
// device.ErrUnavailable.
func New(c Config) (device.Device, error) {
	if c.Threads < 0 || c.Memory < 0 {
		return nil, fmt.Errorf("cpu: config has %d threads and %d bytes: want 0 or more", c.Threads, c.Memory)
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	for _, l := range lanes() {
		if c.Features == "" || c.Features == l.name {
			d := &processor{config: c, lane: l, pool: newPool(c.Threads), memory: &memory{}, running: make(chan struct{}, 1)}
			d.running <- struct{}{}
			return d, nil
		}
	}
	return nil, fmt.Errorf("cpu: features %q: %w: have %v", c.Features, device.ErrUnavailable, Features())
}

func (d *processor) Caps() device.Caps {
	return device.Caps{
		Lane:    "cpu",
		Detail:  runtime.GOARCH + " " + d.lane.name,
		Threads: d.config.Threads,
		Memory:  d.config.Memory,
	}
}

func (d *processor) Upload(data []byte) (device.Buffer, error) {
	b := d.memory.get(len(data))
	copy(b.data, data)
	return b, nil
}

func (d *processor) Load(p *program.Program) (device.Executable, error) {
	if need := p.Cost().PeakBytes; d.config.Memory > 0 && need > d.config.Memory {
		return nil, fmt.Errorf("cpu: program %s needs %d bytes, more than the %d allowed", p.ID(), need, d.config.Memory)
	}
	return newExecutable(d, plan.New(p, d.lane.fusions()...)), nil
}

func (d *processor) Close() error {
	d.pool.close()
	d.memory.close()
	return nil
}

// acquire waits until no other run is on.
func (d *processor) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.running:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *processor) release() { d.running <- struct{}{} }

var errForeign = errors.New("cpu: input buffer belongs to another device or was released")
