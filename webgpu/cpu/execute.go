package cpu

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// executable is a planned program with the code of every step.
type executable struct {
	dev   *processor
	plan  *plan.Plan
	steps []step

	scratch, shared int // bytes: the most any step needs
	calls           []*call
}

var _ device.Executable = (*executable)(nil)

// step is a step of the plan and how it is cut into calls.
type step struct {
	plan.Step
	routine routine
	need    clang.Needs

	rows, cols int // as the routine wants them
	chunk      int // rows of one call
	threads    int // worth using
}

func newExecutable(d *processor, p *plan.Plan) *executable {
	e := &executable{dev: d, plan: p, steps: make([]step, len(p.Steps))}
	for i, s := range p.Steps {
		e.steps[i] = newStep(s, d.lane.routine(s.Instance), d.config.Threads)
		e.scratch = max(e.scratch, e.steps[i].need.Scratch)
		e.shared = max(e.shared, e.steps[i].need.Shared)
	}
	e.calls = make([]*call, d.config.Threads)
	for t := range e.calls {
		e.calls[t] = &call{}
	}
	return e
}

// Costs in integer operations of a program, rounded from measurements.
const (
	// callCost is a call's worth of work: well below a millisecond, which is
	// how long a collection of garbage or a cancelled run may have to wait.
	callCost = 2 << 20
	// callCostMatmul is the same for contractions, which are far faster.
	callCostMatmul = 64 << 20
	// threadCost is what makes waking another thread worth its while.
	threadCost = 1 << 19
	// flatGranule and matmulGranule are rows that calls should not cut.
	flatGranule   = 1024
	matmulGranule = 64
)

func newStep(s plan.Step, r routine, threads int) step {
	st := step{Step: s, routine: r, need: r.needs(), rows: s.Rows, cols: s.Cols}
	if st.need.Flat {
		st.rows, st.cols = s.Rows*s.Cols, 1
	}
	if st.need.Adds {
		st.chunk, st.threads = st.rows, 1
		return st
	}
	granule, cost := 1, int64(callCost)
	if c := s.Kernel.Contract; c != nil {
		cost = callCostMatmul
		granule = matmulGranule
		if m := int(s.Params[c.M]); m < s.Rows {
			granule = m // B changes with the batch: one call, one packing
		}
	} else if st.need.Flat {
		granule = flatGranule
	}
	st.threads = int(min(int64(threads), 1+s.Cost/threadCost))
	perRow := max(s.Cost/int64(st.rows), 1)
	rows := max(int(cost/perRow), 1)
	rows = min(rows, (st.rows+st.threads-1)/st.threads)
	st.chunk = (rows + granule - 1) / granule * granule
	return st
}

func (e *executable) Close() error { return nil }

func (e *executable) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	if err := e.dev.acquire(ctx); err != nil {
		return nil, err
	}
	defer e.dev.release()
	in, err := e.inputs(inputs)
	if err != nil {
		return nil, err
	}
	r := &run{executable: e, inputs: in, arena: e.dev.memory.get(e.plan.Arena), shared: e.dev.memory.get(e.shared)}
	defer r.arena.Release()
	defer r.shared.Release()
	for range e.calls {
		s := e.dev.memory.get(e.scratch)
		defer s.Release()
		r.scratch = append(r.scratch, s)
	}
	for _, o := range e.plan.Program.Outputs() {
		b := e.dev.memory.get(o.Type.Bytes())
		b.known = &values{o.Type.DType, o.Type.Range}
		r.outputs = append(r.outputs, b)
	}
	for i := range e.steps {
		if err := r.step(ctx, &e.steps[i]); err != nil {
			for _, o := range r.outputs {
				o.Release()
			}
			return nil, err
		}
	}
	out := make([]device.Buffer, len(r.outputs))
	for i, b := range r.outputs {
		out[i] = b
	}
	return out, nil
}

// inputs checks what a caller passes: the proof of a program holds for inputs
// as declared, gathers included.
func (e *executable) inputs(bufs []device.Buffer) ([]*buffer, error) {
	ports := e.plan.Program.Inputs()
	if len(bufs) != len(ports) {
		return nil, fmt.Errorf("cpu: %d inputs, want %d", len(bufs), len(ports))
	}
	in := make([]*buffer, len(bufs))
	for i, b := range bufs {
		own, ok := b.(*buffer)
		if !ok || own.memory != e.dev.memory || own.released() {
			return nil, errForeign
		}
		if own.Size() != ports[i].Type.Bytes() {
			return nil, fmt.Errorf("cpu: input %s has %d bytes, want %d", ports[i].Name, own.Size(), ports[i].Type.Bytes())
		}
		if err := own.check(ports[i]); err != nil {
			return nil, err
		}
		in[i] = own
	}
	return in, nil
}

// run is the memory of one execution.
type run struct {
	*executable
	inputs, outputs []*buffer
	scratch         []*buffer // by thread
	arena, shared   *buffer
}

func (r *run) data(s plan.Slot) []byte {
	switch s.Place {
	case plan.Input:
		return r.inputs[s.Index].data
	case plan.Output:
		return r.outputs[s.Index].data
	}
	return r.arena.data[s.Offset : s.Offset+s.Size]
}

// step runs one step.
func (r *run) step(ctx context.Context, s *step) error {
	if p := r.dev.config.Profile; p != nil {
		start := time.Now()
		defer func() { p.add(s.Kernel.Name, time.Since(start), s.Cost) }()
	}
	var base call
	base.args.rows, base.args.cols = int32(s.rows), int32(s.cols)
	if len(s.Params) > 0 {
		base.args.params = &s.Params[0]
	}
	if s.need.Shared > 0 {
		base.args.shared = unsafe.Pointer(&r.shared.data[0])
	}
	for i, slot := range s.Bufs {
		data := r.data(slot)
		if s.need.Adds && s.Kernel.Bufs[i].Out {
			clear(data)
		}
		base.bufs = append(base.bufs, data)
		base.args.bufs[i] = unsafe.Pointer(&data[0])
	}
	if s.need.Panels > 0 && s.chunk < s.rows {
		base.args.phase = clang.PhasePack
		panels := (s.need.Panels + s.threads - 1) / s.threads
		if err := r.split(ctx, s, &base, s.need.Panels, panels); err != nil {
			return err
		}
		base.args.phase = clang.PhasePacked
	}
	return r.split(ctx, s, &base, s.rows, s.chunk)
}

// split cuts n rows into calls of chunk rows, which the threads take in turn.
func (r *run) split(ctx context.Context, s *step, base *call, n, chunk int) error {
	var next atomic.Int64
	share := func(thread int) {
		c := r.calls[thread]
		*c = *base
		if s.need.Scratch > 0 {
			c.args.scratch = unsafe.Pointer(&r.scratch[thread].data[0])
		}
		for {
			from := int(next.Add(1)-1) * chunk
			if from >= n || ctx.Err() != nil {
				return
			}
			c.args.row0, c.args.row1 = int32(from), int32(min(from+chunk, n))
			s.routine.run(c)
		}
	}
	if threads := min(s.threads, (n+chunk-1)/chunk); threads > 1 {
		r.dev.pool.run(threads, share)
	} else {
		share(0)
	}
	return ctx.Err()
}
