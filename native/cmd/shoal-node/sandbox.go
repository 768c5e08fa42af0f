package main

import (
	"context"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/paced"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

// openSandbox opens what runs people's modules, if that is wanted. It is the
// caller's to close.
func openSandbox(ctx context.Context, want wanted) (sandbox.Host, []choose.Verdict, error) {
	if !want.sandbox {
		return nil, nil, nil
	}
	host, v := trySandbox(ctx)
	if host == nil && want.must {
		return nil, nil, fmt.Errorf("%s: %s", v.Lane, v.Error)
	}
	return host, []choose.Verdict{v}, nil
}

// offer lets the volunteer run modules in host, if there is one.
func (v *volunteer) offer(host sandbox.Host) {
	v.config.Sandbox = host
	if p := v.pace(true); host != nil && p != nil {
		v.config.Sandbox = paced.New(host, p)
	}
}

// trySandbox opens and tests what runs people's modules. The host is nil unless
// it is fit; then it is the caller's to close.
func trySandbox(ctx context.Context) (sandbox.Host, choose.Verdict) {
	start := time.Now()
	v := choose.Verdict{Lane: worker.LaneSandbox, Threads: 1}
	host, err := wazerobox.New(ctx, wazerobox.Options{})
	if err == nil {
		v.Detail = host.Name()
		if err = selftest.Check(ctx, host); err != nil {
			host.Close()
		}
	}
	if err != nil {
		v.Error, v.Why = err.Error(), err.Error()
		return nil, v
	}
	v.Fit, v.Chosen, v.Millis = true, true, float64(time.Since(start).Milliseconds())
	v.Why = "fit, and the one way to run modules"
	return host, v
}
