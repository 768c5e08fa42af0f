// Package local drives a job to its end on one device or in the sandbox of this
// process: no hub, no network, no volunteers. It is what `shoal reproduce` does, and the
// yardstick a swarm's result is compared with.
//
// The package owns the order of things (compute each shard of a round, fold,
// go on) and the memory that takes. What shards mean, it refuses to know.
package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Config says how to run a job.
type Config struct {
	Device  device.Device // computes the shards and the folding programs; nil where there are none
	Sandbox sandbox.Host  // runs the shards that run modules; nil where there are none
	Threads int           // how many runs of a module go on at the same time; at least one

	// Data reads a data file named in the job file, as job.Env's.
	Data func(ctx context.Context, name string) ([]byte, error)

	// Blobs may hold blobs that the job file names, which stay. Run adds its
	// own to it and drops what is not needed any more; nil means an empty store.
	Blobs *Blobs

	// Progress, when not nil, hears of every round on Run's goroutine.
	Progress func(job.Report)
}

// Result is a finished job.
type Result struct {
	Plan      job.Plan
	Shards    int // shards computed
	Artifacts []job.Artifact
}

// Artifact returns the named file.
func (r *Result) Artifact(name string) ([]byte, error) {
	for _, a := range r.Artifacts {
		if a.Name == name {
			return a.Data, nil
		}
	}
	return nil, fmt.Errorf("local: the job made no file %q", name)
}

// Run computes the whole job.
func Run(ctx context.Context, kind job.Kind, spec *job.Spec, cfg Config) (res *Result, err error) {
	blobs := cfg.Blobs
	if blobs == nil {
		blobs = NewBlobs()
	}
	given := blobs.names()
	env := job.Env{Blobs: blobs, Device: cfg.Device, Data: cfg.Data}
	plan, err := kind.Check(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	run, err := kind.Start(ctx, spec, env, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	exec := NewExecutor(cfg.Device, blobs)
	exec.Sandbox, exec.Threads = cfg.Sandbox, cfg.Threads
	defer func() { err = errors.Join(err, exec.Close()) }()

	res = &Result{Plan: plan}
	for round := run.Round(); !round.Done; round = run.Round() {
		keep := named(round)
		exec.Forget(keep)
		for _, h := range given {
			keep[h] = true
		}
		blobs.Retain(keep)
		outputs, err := exec.round(ctx, round.Shards)
		if err != nil {
			return nil, fmt.Errorf("round %d, %w", round.Index, err)
		}
		report, err := run.Fold(ctx, outputs)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round.Index, err)
		}
		res.Shards += len(round.Shards)
		if cfg.Progress != nil {
			cfg.Progress(report)
		}
	}
	res.Artifacts, err = run.Artifacts(ctx)
	if err != nil {
		return nil, err
	}
	return res, nil
}

// named collects the blobs a round needs.
func named(r job.Round) map[job.Hash]bool {
	names := map[job.Hash]bool{}
	for _, s := range r.Shards {
		names[s.Program] = true
		for _, in := range s.Inputs {
			if in.Data == nil {
				names[in.Blob] = true
			}
		}
	}
	return names
}
