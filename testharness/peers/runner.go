package peers

import (
	"context"
	"time"

	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// ourRunner runs works on a machine of ours.
type ourRunner struct {
	machine   gpu.Machine
	w         *work
	memories  []gpu.Memory
	constants gpu.Constants
	list      []gpu.Dispatch
}

func (r *ourRunner) open(ctx context.Context, w *work) error {
	r.w = w
	for _, m := range w.memories {
		mem, err := r.machine.Alloc(m.dtype, m.elems)
		if err != nil {
			return err
		}
		r.memories = append(r.memories, mem)
		if m.data != nil {
			if err := r.machine.Write(mem, m.data); err != nil {
				return err
			}
		}
	}
	var params [][]int32
	for _, p := range w.step.Passes {
		params = append(params, p.Params)
	}
	var err error
	if r.constants, err = r.machine.Constants(params); err != nil {
		return err
	}
	for i, p := range w.step.Passes {
		pipeline, err := r.machine.Compile(ctx, p.Code)
		if err != nil {
			return err
		}
		d := gpu.Dispatch{Pipeline: pipeline, Constants: r.constants, Index: i, Groups: p.Groups, Cost: w.count}
		for _, ref := range p.Refs {
			d.Bound = append(d.Bound, gpu.Bound{Memory: r.memories[ref.Buf], Size: int64(w.memories[ref.Buf].size()+3) / 4 * 4})
		}
		for _, buf := range p.Clear {
			d.Clear = append(d.Clear, r.memories[buf])
		}
		r.list = append(r.list, d)
	}
	return nil
}

func (r *ourRunner) run(ctx context.Context, d time.Duration) ([]float64, error) {
	var took []float64
	for start := time.Now(); ; {
		begin := time.Now()
		if err := r.machine.Run(ctx, r.list); err != nil {
			return nil, err
		}
		if err := r.machine.Wait(ctx); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(begin))/float64(time.Millisecond))
		if time.Since(start) >= d {
			return took, nil
		}
	}
}

func (r *ourRunner) result(ctx context.Context) ([]byte, error) {
	data := make([]byte, r.w.memories[r.w.out].size())
	return data, r.machine.Read(ctx, r.memories[r.w.out], data)
}

func (r *ourRunner) close() error {
	r.constants.Release()
	for _, m := range r.memories {
		m.Release()
	}
	return nil
}

// dawnRunner runs works on Dawn.
type dawnRunner struct {
	dawn *Dawn
	w    *work
}

// side is how many workgroups Dawn has along one side of a grid at least.
const side = 65535

func (r *dawnRunner) open(_ context.Context, w *work) error {
	r.w = w
	step := &dawnStep{}
	for _, m := range w.memories {
		step.Memories = append(step.Memories, dawnMemory{Size: m.size(), Data: m.data})
	}
	for _, p := range w.step.Passes {
		dp := dawnPass{Code: codeOf(p.Code), Clear: append([]int{}, p.Clear...), Params: p.Params, Grid: [2]int{min(p.Groups, side), (p.Groups + side - 1) / side}}
		for _, ref := range p.Refs {
			dp.Refs = append(dp.Refs, ref.Buf)
		}
		step.Passes = append(step.Passes, dp)
	}
	_, err := ask[bool](r.dawn, request{Do: "open", Step: step})
	return err
}

func (r *dawnRunner) run(_ context.Context, d time.Duration) ([]float64, error) {
	return ask[[]float64](r.dawn, request{Do: "run", Ms: d.Milliseconds()})
}

func (r *dawnRunner) result(context.Context) ([]byte, error) {
	return ask[[]byte](r.dawn, request{Do: "read", Memory: r.w.out, Size: r.w.memories[r.w.out].size()})
}

func (r *dawnRunner) close() error {
	_, err := ask[bool](r.dawn, request{Do: "close"})
	return err
}
