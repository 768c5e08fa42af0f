package gpu

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// Device opens an adapter as the lane vulkan. What this computer does not
// have, or conf does not allow, is an error that wraps device.ErrUnavailable.
func Device(ctx context.Context, conf Config) (device.Device, error) {
	m, err := openMachine(ctx, conf)
	if err != nil {
		return nil, err
	}
	p, err := conf.choose(ctx, m)
	if errors.Is(err, device.ErrLost) {
		// Some code ended the machine when it was tried. The safest may not.
		if err := m.Close(); err != nil {
			return nil, err
		}
		if m, err = openMachine(ctx, conf); err != nil {
			return nil, err
		}
		p = m.printers()[0]
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	d, err := gpu.New(ctx, gpu.Config{Machine: m, Printer: p})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return d, nil
}

// printers are those that may be used on m, the safest first.
func (m *machine) printers() []launch.Printer {
	var all []launch.Printer
	for _, o := range wgsl.Variants(m.info.Limits, m.dot4) {
		all = append(all, wgsl.New(o))
	}
	return all
}

// choose is the printer to use on m: the one that conf names, or that was the
// fastest before, or that a short measurement finds, or, where conf asks for
// no tuning, the safest.
func (conf Config) choose(ctx context.Context, m *machine) (launch.Printer, error) {
	all := m.printers()
	if conf.Printer != "" {
		i := slices.IndexFunc(all, func(p launch.Printer) bool { return p.Name() == conf.Printer })
		if i < 0 {
			return nil, fmt.Errorf("native/gpu: config: no printer %q for %s", conf.Printer, m.info.Adapter)
		}
		return all[i], nil
	}
	if conf.Version == "" {
		return all[0], nil
	}
	t := gpu.Tuning{Machine: m, Printers: all, Version: conf.Version}
	if p := t.Find(conf.Known); p != nil {
		return p, nil
	}
	found, err := gpu.Tune(ctx, t)
	if err != nil {
		return nil, err
	}
	if conf.Tuned != nil {
		conf.Tuned(found)
	}
	return t.Find(found), nil
}
