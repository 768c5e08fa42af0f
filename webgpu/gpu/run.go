package gpu

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// executable is a program as the list of dispatches of a run, in which only
// the memories are missing: refs and clears tell of every place in the list
// which memory of the table belongs there. All of it is guarded by dev.turn.
type executable struct {
	dev     *gpu
	program *program.Program
	chunks  []plan.Chunk

	list      []Dispatch
	refs      []int     // of all Bound, in order
	clears    []int     // of all Clear, in order
	table     []Memory  // inputs, outputs, chunks
	constants Constants // nil once closed
}

var _ device.Executable = (*executable)(nil)

// Run implements device.Executable. It returns as soon as all work is handed
// over.
func (e *executable) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	d := e.dev
	if err := d.acquire(ctx); err != nil {
		return nil, err
	}
	defer d.release()
	if e.constants == nil {
		return nil, errors.New("gpu: the executable is closed")
	}
	in, err := e.accept(inputs)
	if err != nil {
		return nil, err
	}
	var out []*buffer
	err = d.retry(func() (err error) {
		out, err = e.once(ctx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	bufs := make([]device.Buffer, len(out))
	for i, b := range out {
		bufs[i] = b
	}
	return bufs, nil
}

// accept checks the inputs' number, sizes and values: the proof of a program
// holds only for inputs as declared, gathers included.
func (e *executable) accept(inputs []device.Buffer) ([]*buffer, error) {
	ports := e.program.Inputs()
	if len(inputs) != len(ports) {
		return nil, fmt.Errorf("gpu: %d inputs, want %d", len(inputs), len(ports))
	}
	in := make([]*buffer, len(inputs))
	for i, x := range inputs {
		b, ok := x.(*buffer)
		if !ok || b.dev != e.dev {
			return nil, fmt.Errorf("gpu: input %s belongs to another device", ports[i].Name)
		}
		if b.size != ports[i].Type.Bytes() {
			return nil, fmt.Errorf("gpu: input %s has %d bytes, want %d", ports[i].Name, b.size, ports[i].Type.Bytes())
		}
		if err := b.check(ports[i]); err != nil {
			return nil, err
		}
		in[i] = b
	}
	return in, nil
}

// once runs the program once.
func (e *executable) once(ctx context.Context, in []*buffer) (out []*buffer, err error) {
	d := e.dev
	defer func() {
		if err != nil {
			for _, b := range out {
				b.Release()
			}
			out = nil
		}
	}()
	for i, b := range in {
		if e.table[i], err = b.on(ctx, e.program.Inputs()[i].Type.DType); err != nil {
			return out, err
		}
	}
	for i, o := range e.program.Outputs() {
		k, err := d.memory.get(o.Type.DType, int64(o.Type.Bytes()))
		if err != nil {
			return out, d.failed("memory for output "+o.Name, err)
		}
		b := &buffer{dev: d, size: o.Type.Bytes(), extents: proved(o.Type), batch: d.current()}
		b.blocks[k.dtype] = k
		out = append(out, b)
		e.table[len(in)+i] = k.Memory
	}
	if err := d.chunks.reserve(&d.memory, e.chunks, e.table[len(in)+len(out):]); err != nil {
		return out, d.failed("memory for temporaries", err)
	}
	e.patch()
	return out, e.submit(ctx, out)
}

// patch puts the memories of the table where they belong.
func (e *executable) patch() {
	refs, clears := e.refs, e.clears
	for i := range e.list {
		item := &e.list[i]
		for j := range item.Bound {
			item.Bound[j].Memory = e.table[refs[j]]
		}
		for j := range item.Clear {
			item.Clear[j] = e.table[clears[j]]
		}
		refs, clears = refs[len(item.Bound):], clears[len(item.Clear):]
	}
}

// submit hands the list to the machine: at once if it is short enough, else in
// parts, waiting for each but the last.
func (e *executable) submit(ctx context.Context, out []*buffer) error {
	d := e.dev
	for list := e.list; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := d.pace.take(list)
		if err := d.machine.Run(ctx, list[:n]); err != nil {
			return d.interrupted(ctx, err)
		}
		d.traffic.submits.Add(1)
		d.traffic.dispatches.Add(int64(n))
		if list = list[n:]; len(list) == 0 {
			return nil
		}
		if err := d.machine.Wait(ctx); err != nil {
			return d.interrupted(ctx, err)
		}
		d.pace.waited()
		d.settled()
		for _, b := range out { // the rest of the work writes them in the next batch
			b.rewritten()
		}
	}
}

// interrupted is what ends a run that met err.
func (d *gpu) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, device.ErrLost) {
		return ctx.Err()
	}
	d.spoiled(err)
	return d.failed("run", err)
}
