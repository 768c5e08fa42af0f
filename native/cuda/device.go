package cuda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ptx"
)

// Device opens a GPU as the lane cuda. What this computer does not have is an
// error that wraps device.ErrUnavailable.
func Device(ctx context.Context, conf Config) (device.Device, error) {
	m, err := openMachine(ctx, conf)
	if err != nil {
		return nil, err
	}
	printers := m.printers()
	if len(printers) > 1 {
		if m, printers, err = tune(ctx, conf, m, printers); err != nil {
			return nil, err
		}
	}
	d, err := gpu.New(ctx, gpu.Config{Machine: m, Printer: printers[0]})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return d, nil
}

// printers are those for this GPU, the likeliest first and the safest last.
func (m *machine) printers() []launch.Printer {
	o := ptx.Options{Limits: m.info.Limits, Units: m.adapter.Units}
	all := []launch.Printer{ptx.New(o)}
	if m.adapter.Capability == 90 {
		o.Hopper = true
		all = []launch.Printer{ptx.New(o), all[0]}
	}
	return all
}

// tuneLimit is how long the choice between printers takes at most.
const tuneLimit = time.Second

// tune chooses the fastest printer whose products are right. Where code ends
// the context, the GPU is opened again and the safest is used.
func tune(ctx context.Context, conf Config, m *machine, printers []launch.Printer) (*machine, []launch.Printer, error) {
	t := gpu.Tuning{Machine: m, Printers: printers, Limit: tuneLimit}
	choice, err := gpu.Tune(ctx, t)
	switch {
	case err == nil:
		return m, []launch.Printer{t.Find(choice)}, nil
	case !errors.Is(err, device.ErrLost):
		return nil, nil, errors.Join(fmt.Errorf("cuda: %w", err), m.Close())
	}
	if err := m.Close(); err != nil {
		return nil, nil, err
	}
	m, err = openMachine(ctx, conf)
	return m, printers[len(printers)-1:], err
}
