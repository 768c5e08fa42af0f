package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Executor computes shards on one device. It keeps loaded programs and, until
// Forget, uploaded blobs: the shards of a round share weights. It is used by
// one goroutine.
type Executor struct {
	device   device.Device
	blobs    job.Blobs
	programs map[job.Hash]device.Executable
	buffers  map[job.Hash]device.Buffer
}

// NewExecutor returns an executor on d, which stays the caller's.
func NewExecutor(d device.Device, blobs job.Blobs) *Executor {
	return &Executor{
		device:   d,
		blobs:    blobs,
		programs: map[job.Hash]device.Executable{},
		buffers:  map[job.Hash]device.Buffer{},
	}
}

// Execute computes s and returns its outputs.
func (e *Executor) Execute(ctx context.Context, s job.Shard) ([][]byte, error) {
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
		return nil, err
	}
	exe, err := e.device.Load(p)
	if err != nil {
		return nil, err
	}
	e.programs[h] = exe
	return exe, nil
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
	return err
}
