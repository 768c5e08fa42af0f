// Package sandbox makes anybody's WebAssembly module a function: its outcome
// depends on the module, the limits and the input, and on nothing else, so a
// run in a browser and a run under wazero return the same bytes.
//
// WebAssembly leaves little to the engine, and what it leaves is taken away by
// rewriting the module before any engine sees it: the bits of NaNs are made
// canonical, memory grows by our count and not by the host's luck, the depth of
// calls and the instructions executed are counted and end the run at the same
// instruction everywhere. What a module may import is a part of WASI that has
// no time, no randomness, no files and no network in it. README.md says for
// authors what a module looks like and what it is given.
//
// The package refuses to know what the module computes, who asked for it, and
// which engine runs it: engines are Hosts, in packages below.
package sandbox

import (
	"context"

	"github.com/shoal-compute/shoal/hub/job"
)

// Limits bound one run. They are those of a job.Task.
type Limits struct {
	Fuel   uint64 // instructions that one run may execute
	Memory uint32 // pages of 64 KiB
	Output uint32 // bytes
}

// Host is an engine that runs rewritten modules.
type Host interface {
	// Load checks, rewrites and compiles a module. A module that cannot be run
	// anywhere is a *ModuleError, the same on every host.
	Load(ctx context.Context, module []byte, l Limits) (Module, error)
	// Name tells people which engine it is, as in "wazero 1.9.0".
	Name() string
	Close() error
}

// Module is a loaded module. It is not safe for concurrent use.
type Module interface {
	// Run runs the module once, from its beginning, with nothing left over
	// from earlier runs. An error means that this machine could not do it:
	// ctx ended, or the host ran out of memory. It says nothing of the module.
	Run(ctx context.Context, input []byte) (job.Outcome, error)
	Close() error
}
