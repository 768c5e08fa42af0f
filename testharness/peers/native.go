package peers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	native "github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// Native measures products of square matrices on one Vulkan device, through
// our lane's machine and through Dawn, in turns: the same text, the same
// operands, from the hand-over to the end of the work, without copies. Each
// variant of the printer has a line, named like the printer.
func Native(ctx context.Context, m Modules, o Options) (*Report, error) {
	machine, err := native.Open(ctx, native.Config{Software: true})
	if err != nil {
		return nil, err
	}
	defer machine.Close()
	dawn, err := OpenDawn(ctx, m, Vulkan)
	if err != nil {
		return nil, err
	}
	defer dawn.Close()
	rep := newReport("matmul on a Vulkan device, one text for both", ForVulkan)
	info := machine.Info()
	rep.Device = fmt.Sprintf("ours: %s, %s; Dawn's: %s", info.Adapter, info.Driver, dawn.Adapter)
	for _, n := range o.Sizes {
		data := newOperands(n)
		for _, v := range wgsl.Variants(info.Limits, true) {
			p := wgsl.New(v)
			fmt.Fprintf(o.Log, "%d: %s\n", n, p.Name())
			work, err := newWork(p, data)
			if err != nil {
				return nil, err
			}
			both := []runner{&ourRunner{machine: machine}, &dawnRunner{dawn: dawn}}
			results, err := race(ctx, both, work, o)
			if err != nil {
				return nil, fmt.Errorf("peers: %d^3, %s: %w", n, p.Name(), err)
			}
			for i, lane := range []string{"shoal vulkan", "dawn"} {
				results[i].Name, results[i].Lane = fmt.Sprintf("%d^3", n), lane+", "+p.Name()
			}
			rep.Results = append(rep.Results, results...)
		}
	}
	return rep, nil
}

// work is one product as a step, with its memories' contents.
type work struct {
	step     *launch.Step
	memories []workMemory // buffers of the kernel, then temporaries
	out      int          // the memory with the result
	count    int64        // operations
	want     string       // digest of the result
}

type workMemory struct {
	dtype kernel.DType
	elems int
	data  []byte
}

func newWork(p launch.Printer, o operands) (*work, error) {
	n := o.n
	var b program.Builder
	x, y := b.Input("a", ops.Int8(-128, 127, n, n)), b.Input("b", ops.Int8(-128, 127, n, n))
	b.Output("c", b.One(ops.MatmulOp, []program.Value{x, y}, ops.NN(n, n, n).Attrs()...))
	prog, err := b.Build()
	if err != nil {
		return nil, err
	}
	in := &prog.Nodes()[0].Instance
	step, err := p.Step(in)
	if err != nil {
		return nil, err
	}
	w := &work{step: step, out: 2, count: 2 * int64(n) * int64(n) * int64(n), want: o.digest(true, true)}
	for i, data := range [][]byte{o.a, o.b, nil} {
		w.memories = append(w.memories, workMemory{in.Kernel.Bufs[i].DType, in.Lens[i], data})
	}
	for _, t := range step.Temps {
		w.memories = append(w.memories, workMemory{t.DType, t.Elems, nil})
	}
	for _, pass := range step.Passes {
		for _, r := range pass.Refs {
			if r.Part > 0 {
				return nil, fmt.Errorf("%d^3 takes more than one binding", n)
			}
		}
	}
	return w, nil
}

func (m workMemory) size() int { return m.elems * m.dtype.Size() }

// runner runs works, one at a time.
type runner interface {
	open(ctx context.Context, w *work) error
	// run runs the work again and again for about so long, and returns what
	// each run took in milliseconds.
	run(ctx context.Context, d time.Duration) ([]float64, error)
	result(ctx context.Context) ([]byte, error)
	close() error
}

// race lets runners take turns on one work.
func race(ctx context.Context, runners []runner, w *work, o Options) ([]Result, error) {
	results := make([]Result, len(runners))
	for i, r := range runners {
		if err := r.open(ctx, w); err != nil {
			return nil, err
		}
		if _, err := r.run(ctx, o.warm()); err != nil {
			return nil, err
		}
		data, err := r.result(ctx)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		results[i] = Result{Work: w.count, Digest: hex.EncodeToString(sum[:])}
		results[i].Exact = results[i].Digest == w.want
	}
	for range o.Rounds {
		for i, r := range runners {
			if sum(results[i].took) >= o.spent() {
				continue
			}
			took, err := r.run(ctx, o.Turn)
			if err != nil {
				return nil, err
			}
			results[i].took = append(results[i].took, took...)
		}
	}
	for i, r := range runners {
		results[i].summarise()
		if err := r.close(); err != nil {
			return nil, err
		}
	}
	return results, nil
}
