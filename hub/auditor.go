package hub

import (
	"context"
	"errors"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
)

// auditor runs shards on the hub's own device and sandboxes. It is used by one
// goroutine at a time.
type auditor struct {
	executor *local.Executor
	arbiter  *local.Executor // runs modules on the second engine; nil: there is none
}

func newAuditor(c Config, blobs job.Blobs) *auditor {
	a := &auditor{executor: local.NewExecutor(c.Device, blobs)}
	a.executor.Sandbox = c.Sandbox
	if c.Arbiter != nil {
		a.arbiter = local.NewExecutor(nil, blobs)
		a.arbiter.Sandbox = c.Arbiter
	}
	return a
}

// execute computes a shard. What it uploaded stays for the next one, which is
// often of the same round and shares its weights.
func (a *auditor) execute(ctx context.Context, s job.Shard, _ job.Blobs) ([][]byte, error) {
	keep := map[job.Hash]bool{}
	for _, in := range s.Inputs {
		keep[in.Blob] = true
	}
	a.executor.Forget(keep)
	return a.executor.Execute(ctx, s)
}

// confirm computes a shard that runs a module on the second engine. Programs
// have one meaning and no second engine.
func (a *auditor) confirm(ctx context.Context, s job.Shard, blobs job.Blobs) ([][]byte, error) {
	encoded, err := blobs.Get(ctx, s.Program)
	if err != nil || a.arbiter == nil || !job.IsTask(encoded) {
		return nil, err
	}
	a.arbiter.Forget(nil)
	return a.arbiter.Execute(ctx, s)
}

func (a *auditor) close() error {
	err := a.executor.Close()
	if a.arbiter != nil {
		err = errors.Join(err, a.arbiter.Close())
	}
	return err
}
