// Package paced makes a sandbox compute at a pace: for at most a share of the
// time, and in turns with the other lanes of the same processor.
//
// It refuses to know what the share was agreed for, and any concrete sandbox:
// it wraps whatever it is given.
package paced

import (
	"context"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/webgpu/device/paced"
)

// New returns h, computing at pace p: modules are made ready, and each of their
// runs takes place, when p says so.
func New(h sandbox.Host, p *paced.Pace) sandbox.Host { return host{h, p} }

type host struct {
	sandbox.Host
	pace *paced.Pace
}

func (h host) Load(ctx context.Context, code []byte, l sandbox.Limits) (m sandbox.Module, err error) {
	err = h.pace.Do(ctx, func() error {
		m, err = h.Host.Load(ctx, code, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	return module{m, h.pace}, nil
}

type module struct {
	sandbox.Module
	pace *paced.Pace
}

func (m module) Run(ctx context.Context, input []byte) (out job.Outcome, err error) {
	err = m.pace.Do(ctx, func() error {
		out, err = m.Module.Run(ctx, input)
		return err
	})
	return out, err
}
