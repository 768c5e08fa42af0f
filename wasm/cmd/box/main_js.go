package main

import (
	"context"
	"runtime/debug"

	"github.com/shoal-compute/shoal/wasm/browser/box"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/jsbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
)

func main() {
	debug.SetGCPercent(50) // a page's memory never shrinks
	box.Serve(context.Background(), open)
}

// open returns a sandbox that has shown what it can do.
func open(ctx context.Context) (sandbox.Host, error) {
	host, err := jsbox.New()
	if err != nil {
		return nil, err
	}
	return host, selftest.Check(ctx, host)
}
