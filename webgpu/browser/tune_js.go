package browser

import (
	"context"
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// choose is the printer that a lane uses: the one that Config names, or that
// was the fastest here before, or that a short measurement finds, or, where
// Config asks for no tuning, the first.
func (c Config) choose(ctx context.Context, m gpu.Machine, printers []launch.Printer) (launch.Printer, error) {
	if c.Printer != "" {
		i := slices.IndexFunc(printers, func(p launch.Printer) bool { return p.Name() == c.Printer })
		if i < 0 {
			return nil, fmt.Errorf("browser: config: no printer %q for %s", c.Printer, m.Info().Adapter)
		}
		return printers[i], nil
	}
	if c.Version == "" {
		return printers[0], nil
	}
	t := gpu.Tuning{Machine: m, Printers: printers, Version: c.Version}
	if p := t.Find(c.Known); p != nil {
		return p, nil
	}
	found, err := gpu.Tune(ctx, t)
	if err != nil {
		return nil, err
	}
	if c.Tuned != nil {
		c.Tuned(found)
	}
	return t.Find(found), nil
}
