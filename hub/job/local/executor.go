package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// ErrShard means that nobody can compute a shard, on any machine: its program is
// none, or its inputs do not fit it. Every other error of Execute is this
// machine's, or of whoever keeps the blobs.
var ErrShard = errors.New("local: no shard")

// Executor computes shards: programs on one device, modules in a sandbox. It
// keeps what it has loaded and, until Forget, uploaded blobs: the shards of a
// round share weights. It is used by one goroutine.
type Executor struct {
	// Sandbox runs the shards whose program is a job.Task; nil, there can be
	// none. It stays the caller's.
	Sandbox sandbox.Host
	Threads int // runs of a module at the same time; at least one

	device   device.Device
	blobs    job.Blobs
	programs map[job.Hash]device.Executable
	buffers  map[job.Hash]device.Buffer
	tasks    map[job.Hash]*task
}

// NewExecutor returns an executor on d, which stays the caller's. It may be nil
// where there are only tasks.
func NewExecutor(d device.Device, blobs job.Blobs) *Executor {
	return &Executor{
		device:   d,
		blobs:    blobs,
		programs: map[job.Hash]device.Executable{},
		buffers:  map[job.Hash]device.Buffer{},
		tasks:    map[job.Hash]*task{},
	}
}

// Execute computes s and returns its outputs.
func (e *Executor) Execute(ctx context.Context, s job.Shard) ([][]byte, error) {
	if t, err := e.task(ctx, s.Program); err != nil {
		return nil, err
	} else if t != nil {
		outputs, err := e.runTask(ctx, t, []job.Shard{s})
		if err != nil {
			return nil, err
		}
		return outputs[0], nil
	}
	outputs, err := e.runProgram(ctx, s)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrShard) || errors.Is(err, fs.ErrNotExist) {
		return outputs, err
	}
	if misfit := e.misfit(ctx, s); errors.Is(misfit, ErrShard) {
		return nil, misfit
	}
	return nil, err
}

// runProgram runs a shard whose program is one, and not a task.
func (e *Executor) runProgram(ctx context.Context, s job.Shard) ([][]byte, error) {
	exe, err := e.program(ctx, s.Program)
	if err != nil {
		return nil, err
	}
	inputs := make([]device.Buffer, len(s.Inputs))
	for i, in := range s.Inputs {
		if in.Data == nil {
			inputs[i], err = e.blob(ctx, in.Blob)
		} else if inputs[i], err = e.device.Upload(in.Data); err == nil {
			defer inputs[i].Release()
		}
		if err != nil {
			return nil, fmt.Errorf("local: input %d: %w", i, err)
		}
	}
	buffers, err := exe.Run(ctx, inputs)
	if err != nil {
		return nil, fmt.Errorf("local: program %v: %w", s.Program, err)
	}
	outputs := make([][]byte, len(buffers))
	for i, b := range buffers {
		outputs[i] = make([]byte, b.Size())
		err = errors.Join(err, b.Read(outputs[i]))
		b.Release()
	}
	if err != nil {
		return nil, fmt.Errorf("local: program %v: %w", s.Program, err)
	}
	return outputs, nil
}

// round computes the shards of a round: those of one task together, so that
// there is work for every thread, others one after the other.
func (e *Executor) round(ctx context.Context, shards []job.Shard) ([][][]byte, error) {
	other := func(s job.Shard) bool { return s.Program != shards[0].Program }
	if len(shards) > 0 && !slices.ContainsFunc(shards, other) {
		if t, err := e.task(ctx, shards[0].Program); err != nil {
			return nil, err
		} else if t != nil {
			return e.runTask(ctx, t, shards)
		}
	}
	outputs := make([][][]byte, len(shards))
	for i, s := range shards {
		var err error
		if outputs[i], err = e.Execute(ctx, s); err != nil {
			return nil, fmt.Errorf("shard %d: %w", i, err)
		}
	}
	return outputs, nil
}

// program loads a program once.
func (e *Executor) program(ctx context.Context, h job.Hash) (device.Executable, error) {
	if exe, ok := e.programs[h]; ok {
		return exe, nil
	}
	code, err := e.blobs.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	p, err := program.Decode(code)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShard, err)
	}
	exe, err := e.device.Load(p)
	if err != nil {
		return nil, err
	}
	e.programs[h] = exe
	return exe, nil
}

// misfit finds out whether a run failed because the inputs do not fit the
// program, which devices say each in their own words.
func (e *Executor) misfit(ctx context.Context, s job.Shard) error {
	code, err := e.blobs.Get(ctx, s.Program)
	if err != nil {
		return err
	}
	p, err := program.Decode(code)
	if err != nil {
		return err
	}
	ports := p.Inputs()
	if len(s.Inputs) != len(ports) {
		return fmt.Errorf("%w: %d inputs, the program has %d", ErrShard, len(s.Inputs), len(ports))
	}
	values := make([][]byte, len(ports))
	for i, in := range s.Inputs {
		if values[i] = in.Data; in.Data == nil {
			if values[i], err = e.blobs.Get(ctx, in.Blob); err != nil {
				return err
			}
		}
		if got, want := len(values[i]), ports[i].Type.Bytes(); got != want {
			return fmt.Errorf("%w: input %s has %d bytes, the program wants %d", ErrShard, ports[i].Name, got, want)
		}
	}
	if err := device.CheckRanges(ports, values); err != nil {
		return fmt.Errorf("%w: %w", ErrShard, err)
	}
	return nil
}

// blob uploads a blob once.
func (e *Executor) blob(ctx context.Context, h job.Hash) (device.Buffer, error) {
	if b, ok := e.buffers[h]; ok {
		return b, nil
	}
	data, err := e.blobs.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	b, err := e.device.Upload(data)
	if err != nil {
		return nil, err
	}
	e.buffers[h] = b
	return b, nil
}

// Forget releases the uploaded blobs that are not in keep.
func (e *Executor) Forget(keep map[job.Hash]bool) {
	for h, b := range e.buffers {
		if !keep[h] {
			b.Release()
			delete(e.buffers, h)
		}
	}
}

// Close releases everything the executor holds on the device.
func (e *Executor) Close() error {
	e.Forget(nil)
	var err error
	for _, exe := range e.programs {
		err = errors.Join(err, exe.Close())
	}
	clear(e.programs)
	for _, t := range e.tasks {
		err = errors.Join(err, t.close())
	}
	clear(e.tasks)
	return err
}
