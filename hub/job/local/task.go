package local

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// task is a module with its limits, loaded as often as runs of it go on at the
// same time: a sandbox.Module is for one at a time.
type task struct {
	job.Task
	code    []byte
	modules []sandbox.Module
}

// task reads a task and its module once. It returns nil when h is no task.
func (e *Executor) task(ctx context.Context, h job.Hash) (*task, error) {
	if t, ok := e.tasks[h]; ok {
		return t, nil
	}
	if _, ok := e.programs[h]; ok {
		return nil, nil
	}
	encoded, err := e.blobs.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	if !job.IsTask(encoded) {
		return nil, nil
	}
	t := new(task)
	if t.Task, err = job.DecodeTask(encoded); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShard, err)
	}
	if e.Sandbox == nil {
		return nil, errors.New("local: the job runs a module, and there is no sandbox here")
	}
	if t.code, err = e.blobs.Get(ctx, t.Module); err != nil {
		return nil, fmt.Errorf("local: module: %w", err)
	}
	e.tasks[h] = t
	return t, nil
}

// load sees to it that there are n modules.
func (t *task) load(ctx context.Context, host sandbox.Host, n int) error {
	limits := sandbox.Limits{Fuel: t.Fuel, Memory: t.Memory, Output: t.Output}
	for len(t.modules) < n {
		m, err := host.Load(ctx, t.code, limits)
		var refused *sandbox.ModuleError
		if errors.As(err, &refused) {
			err = fmt.Errorf("%w: %w", ErrShard, err)
		}
		if err != nil {
			return fmt.Errorf("local: module %v: %w", t.Module, err)
		}
		t.modules = append(t.modules, m)
	}
	return nil
}

func (t *task) close() error {
	var err error
	for _, m := range t.modules {
		err = errors.Join(err, m.Close())
	}
	t.modules = nil
	return err
}

// runTask runs the module on every input of shards, several at a time. Outcomes
// do not depend on that.
func (e *Executor) runTask(ctx context.Context, t *task, shards []job.Shard) ([][][]byte, error) {
	type place struct{ shard, input int }
	var places []place
	outputs := make([][][]byte, len(shards))
	for i, s := range shards {
		outputs[i] = make([][]byte, len(s.Inputs))
		for k := range s.Inputs {
			places = append(places, place{i, k})
		}
	}
	threads := min(max(e.Threads, 1), len(places))
	if err := t.load(ctx, e.Sandbox, threads); err != nil {
		return nil, err
	}
	next := make(chan place, len(places))
	for _, p := range places {
		next <- p
	}
	close(next)
	errs := make([]error, threads)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wait sync.WaitGroup
	for thread := range threads {
		wait.Go(func() {
			for p := range next {
				var err error
				outputs[p.shard][p.input], err = e.runInput(ctx, t.modules[thread], shards[p.shard].Inputs[p.input])
				if err != nil {
					errs[thread] = fmt.Errorf("shard %d: local: input %d: %w", p.shard, p.input, err)
					stop() // the others' are worth nothing without this one
					return
				}
			}
		})
	}
	wait.Wait()
	return outputs, firstCause(errs)
}

func (e *Executor) runInput(ctx context.Context, m sandbox.Module, in job.Input) ([]byte, error) {
	data := in.Data
	if data == nil {
		var err error
		if data, err = e.blobs.Get(ctx, in.Blob); err != nil {
			return nil, err
		}
	}
	o, err := m.Run(ctx, data)
	if err != nil {
		return nil, err
	}
	return o.Encode(), nil
}

// firstCause prefers the error that stopped the others to theirs.
func firstCause(errs []error) error {
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}
