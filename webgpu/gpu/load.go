package gpu

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Load implements device.Device.
func (d *gpu) Load(p *program.Program) (device.Executable, error) {
	if err := d.ended(); err != nil {
		return nil, err
	}
	if need := p.Cost().PeakBytes; need > d.caps.Memory {
		return nil, d.tooLarge(p, "in all", need, d.caps.Memory)
	}
	if err := d.acquire(context.Background()); err != nil {
		return nil, err
	}
	defer d.release()
	pl, steps, err := d.print(p)
	if err != nil {
		return nil, fmt.Errorf("gpu: program %s: %w", p.ID(), err)
	}
	l := newLayout(d, pl, steps)
	if l.largest > d.memory.largest {
		return nil, d.tooLarge(p, "for one tensor", l.largest, d.memory.largest)
	}
	if l.total > d.caps.Memory {
		return nil, d.tooLarge(p, "in all", l.total, d.caps.Memory)
	}
	e := &executable{dev: d, program: p, chunks: l.chunks}
	e.table = make([]Memory, len(p.Inputs())+len(p.Outputs())+len(l.chunks))
	if err := d.retry(func() error { return e.build(pl, steps, l) }); err != nil {
		return nil, err
	}
	return e, nil
}

func (d *gpu) tooLarge(p *program.Program, what string, need, have int64) error {
	return fmt.Errorf("gpu: program %s needs %d bytes %s, %s has %d: %w", p.ID(), need, what, d.caps.Lane, have, device.ErrMemory)
}

// print plans p and prints its steps. Where a fused kernel does not fit the
// machine, which may bind too few memories for it, its parts run one by one.
func (d *gpu) print(p *program.Program) (*plan.Plan, []*launch.Step, error) {
	for {
		var use []*plan.Fusion
		for _, f := range plan.Fusions {
			if !d.refused[f] {
				use = append(use, f)
			}
		}
		pl := plan.New(p, use...)
		steps, i, err := d.steps(pl)
		if err == nil {
			return pl, steps, nil
		}
		f := slices.IndexFunc(use, func(f *plan.Fusion) bool { return f.Kernel() == pl.Steps[i].Kernel })
		if f < 0 {
			return nil, nil, err
		}
		d.refused[use[f]] = true
	}
}

// steps prints the steps of pl, or tells which of them cannot be.
func (d *gpu) steps(pl *plan.Plan) (steps []*launch.Step, at int, err error) {
	for i, s := range pl.Steps {
		step, err := d.printer.Step(s.Instance)
		if err == nil {
			err = check(step, s.Instance, d.info.Limits)
		}
		if err != nil {
			return nil, i, fmt.Errorf("step %d (%s): %w", i, s.Kernel.Name, err)
		}
		steps = append(steps, step)
	}
	return steps, 0, nil
}

// pipeline compiles code, once. The machine is held.
func (d *gpu) pipeline(c *launch.Code) (Pipeline, error) {
	if p, ok := d.pipelines[c.Key]; ok {
		return p, nil
	}
	p, err := d.machine.Compile(context.Background(), c)
	if err != nil {
		return nil, d.failed("compile "+c.Key, err)
	}
	d.pipelines[c.Key] = p
	return p, nil
}

// start has a machine that can compile the code of all steps at once. The
// machine is held.
func (d *gpu) start(steps []*launch.Step) {
	m, ok := d.machine.(Starter)
	if !ok {
		return
	}
	started := map[string]bool{}
	for _, s := range steps {
		for _, p := range s.Passes {
			if key := p.Code.Key; d.pipelines[key] == nil && !started[key] {
				started[key] = true
				m.Start(p.Code)
			}
		}
	}
}

// build compiles the code of steps and lists the dispatches of a run. The
// machine is held.
func (e *executable) build(pl *plan.Plan, steps []*launch.Step, l *layout) error {
	d := e.dev
	e.list, e.refs, e.clears = nil, nil, nil
	d.start(steps)
	inputs := len(e.program.Inputs())
	chunk0 := inputs + len(e.program.Outputs())
	var params [][]int32
	for i, s := range steps {
		bufs := pl.Steps[i].Bufs
		// where finds buffer or temporary b of this step in the table.
		where := func(b int) (at int, size int64) {
			if b >= len(bufs) {
				t := s.Temps[b-len(bufs)]
				return chunk0 + l.temps[i][b-len(bufs)], int64(t.Elems) * int64(t.DType.Size())
			}
			slot := bufs[b]
			switch slot.Place {
			case plan.Input:
				return slot.Index, int64(slot.Size)
			case plan.Output:
				return inputs + slot.Index, int64(slot.Size)
			}
			return chunk0 + l.values[slot.Value], int64(slot.Size)
		}
		for _, p := range s.Passes {
			pipeline, err := d.pipeline(p.Code)
			if err != nil {
				return err
			}
			item := Dispatch{
				Pipeline: pipeline, Index: len(params), Groups: p.Groups,
				Cost: pl.Steps[i].Cost / int64(len(s.Passes)),
			}
			params = append(params, p.Params)
			for _, r := range p.Refs {
				at, size := where(r.Buf)
				offset := int64(r.Part) * d.info.Limits.Binding
				if offset >= size {
					return fmt.Errorf("gpu: program %s: step %d (%s) binds part %d of %d bytes", e.program.ID(), i, p.Code.Key, r.Part, size)
				}
				item.Bound = append(item.Bound, Bound{Offset: offset, Size: min(roundUp(size-offset, align), d.info.Limits.Binding)})
				e.refs = append(e.refs, at)
			}
			for _, b := range p.Clear {
				at, _ := where(b)
				item.Clear = append(item.Clear, nil)
				e.clears = append(e.clears, at)
			}
			e.list = append(e.list, item)
		}
	}
	constants, err := d.machine.Constants(params)
	if err != nil {
		return d.failed("constants", err)
	}
	for i := range e.list {
		e.list[i].Constants = constants
	}
	e.constants = constants
	for _, p := range params {
		d.traffic.written.Add(4 * int64(len(p)))
	}
	return nil
}

// Close implements device.Executable.
func (e *executable) Close() error {
	d := e.dev
	if err := d.acquire(context.Background()); err != nil {
		if errors.Is(err, errClosed) || errors.Is(err, device.ErrLost) {
			return nil // all of it is gone
		}
		return err
	}
	defer d.release()
	if e.constants != nil {
		e.constants.Release()
		e.constants, e.list = nil, nil
	}
	return nil
}
