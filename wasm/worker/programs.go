package worker

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

const maxPrograms = 16 // decoded and loaded programs kept per lane

// programs computes on a device.
type programs struct {
	lane      string
	dev       device.Device                                                 // owned by compute
	reopener  func(ctx context.Context, cause error) (device.Device, error) // nil: there is none
	maxMemory int64
	blobs     *blobs

	decoded *lru[job.Hash, *program.Program]    // owned by fetch
	loaded  *lru[program.ID, device.Executable] // owned by compute
	buffers *lru[job.Hash, device.Buffer]       // owned by compute
}

var _ computer = (*programs)(nil)

func newPrograms(index int, dev device.Device, w *Worker) *programs {
	caps := dev.Caps()
	p := &programs{
		lane:      caps.Lane,
		dev:       dev,
		maxMemory: caps.Memory,
		blobs:     w.blobs,
		decoded:   newLRU[job.Hash](maxPrograms, func(*program.Program) {}),
		loaded:    newLRU[program.ID](maxPrograms, func(e device.Executable) { e.Close() }),
		buffers:   newLRU[job.Hash](w.cfg.CacheBytes, func(b device.Buffer) { b.Release() }),
	}
	if p.maxMemory <= 0 {
		p.maxMemory = w.cfg.MaxMemory
	}
	if reopen := w.cfg.Reopen; reopen != nil {
		p.reopener = func(ctx context.Context, cause error) (device.Device, error) { return reopen(ctx, index, cause) }
	}
	return p
}

func (p *programs) prepare(ctx context.Context, s job.Shard) (work, error) {
	prog, inputs, err := p.bring(ctx, s)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([][]byte, int64, error) {
		outputs, err := p.execute(ctx, prog, s, inputs)
		return outputs, s.Cost, err
	}, nil
}

// bring brings a shard's program and inputs here, and checks them.
func (p *programs) bring(ctx context.Context, s job.Shard) (*program.Program, [][]byte, error) {
	prog, err := p.program(ctx, s.Program)
	if err != nil {
		return nil, nil, err
	}
	if err := p.check(s, prog); err != nil {
		return nil, nil, err
	}
	inputs, err := p.blobs.inputs(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	for i, data := range inputs {
		if port := prog.Inputs()[i]; len(data) != port.Type.Bytes() {
			return nil, nil, fmt.Errorf("worker: input %d (%s) has %d bytes, the program wants %d", i, port.Name, len(data), port.Type.Bytes())
		}
	}
	return prog, inputs, nil
}

func (p *programs) program(ctx context.Context, h job.Hash) (*program.Program, error) {
	if prog, ok := p.decoded.get(h); ok {
		return prog, nil
	}
	data, err := p.blobs.get(ctx, h)
	if err != nil {
		return nil, err
	}
	if job.IsTask(data) {
		return nil, fmt.Errorf("worker: the shard runs a module, and %s runs programs", p.lane)
	}
	prog, err := program.Decode(data)
	if err != nil {
		return nil, err
	}
	p.decoded.put(h, prog, 1)
	p.decoded.trim()
	return prog, nil
}

// check holds the shard to its program, and the program to this device. The
// cost is recomputed: credit and limits hang on it.
func (p *programs) check(s job.Shard, prog *program.Program) error {
	cost := prog.Cost()
	if len(s.Inputs) != len(prog.Inputs()) {
		return fmt.Errorf("worker: shard has %d inputs, its program wants %d", len(s.Inputs), len(prog.Inputs()))
	}
	if s.Cost != cost.Ops {
		return fmt.Errorf("worker: shard claims a cost of %d, its program costs %d", s.Cost, cost.Ops)
	}
	if cost.PeakBytes > p.maxMemory {
		return fmt.Errorf("worker: program needs %d bytes, %s has %d", cost.PeakBytes, p.lane, p.maxMemory)
	}
	size := 0
	for _, out := range prog.Outputs() {
		size += out.Type.Bytes()
	}
	if size > maxOutputs {
		return fmt.Errorf("worker: outputs have %d bytes, a result holds %d", size, maxOutputs)
	}
	return nil
}

func (p *programs) execute(ctx context.Context, prog *program.Program, s job.Shard, inputs [][]byte) ([][]byte, error) {
	defer p.loaded.trim()
	defer p.buffers.trim()
	exe, err := p.load(prog)
	if err != nil {
		return nil, err
	}
	in := make([]device.Buffer, len(inputs))
	for i, data := range inputs {
		b, kept, err := p.upload(s.Inputs[i], data)
		if err != nil {
			return nil, fmt.Errorf("worker: upload input %d: %w", i, err)
		}
		if !kept {
			defer b.Release()
		}
		in[i] = b
	}
	out, err := exe.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	return readAll(out)
}

func (p *programs) load(prog *program.Program) (device.Executable, error) {
	id := prog.ID()
	if exe, ok := p.loaded.get(id); ok {
		return exe, nil
	}
	exe, err := p.dev.Load(prog)
	if err != nil {
		return nil, err
	}
	p.loaded.put(id, exe, 1)
	return exe, nil
}

// upload brings an input to the device. Blobs stay there, since a round's
// shards share them.
func (p *programs) upload(in job.Input, data []byte) (b device.Buffer, kept bool, err error) {
	if in.Data != nil {
		b, err = p.dev.Upload(data)
		return b, false, err
	}
	if b, ok := p.buffers.get(in.Blob); ok {
		return b, true, nil
	}
	if b, err = p.dev.Upload(data); err != nil {
		return nil, false, err
	}
	p.buffers.put(in.Blob, b, int64(b.Size()))
	return b, true, nil
}

// readAll reads and releases a program's outputs.
func readAll(out []device.Buffer) ([][]byte, error) {
	var failed error
	data := make([][]byte, len(out))
	for i, b := range out {
		data[i] = make([]byte, b.Size())
		if err := b.Read(data[i]); err != nil && failed == nil {
			failed = fmt.Errorf("worker: read output %d: %w", i, err)
		}
		b.Release()
	}
	if failed != nil {
		return nil, failed
	}
	return data, nil
}

func (p *programs) reopen(ctx context.Context, cause error) error {
	if p.reopener == nil {
		return cause
	}
	dev, err := p.reopener(ctx, cause)
	if err != nil {
		return fmt.Errorf("worker: not reopened: %w", err)
	}
	p.dev = dev
	return nil
}

func (p *programs) shrink() {
	p.loaded.budget = max(p.loaded.budget/2, 1)
	p.buffers.budget /= 2
	p.loaded.trim()
	p.buffers.trim()
}

func (p *programs) empty() {
	p.loaded.clear()
	p.buffers.clear()
}
