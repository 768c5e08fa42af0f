package ptxtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Machine runs PTX. It is a gpu.Machine on which everything is done when Run
// returns.
type Machine struct {
	next uint64 // address of the next memory
}

var _ gpu.Machine = (*Machine)(nil)

// New makes a machine.
func New() *Machine { return &Machine{next: 1 << 32} }

// Limits are those of compute capability 9.0.
func Limits() launch.Limits {
	return launch.Limits{Bindings: 16, Binding: 1 << 40, Lanes: 1024, Shared: 227 << 10, Side: 1<<31 - 1}
}

// Info describes the machine.
func (m *Machine) Info() gpu.Info {
	return gpu.Info{
		Lane: "cuda", Adapter: "PTX emulator", Software: true,
		Memory: 1 << 32, Buffer: 1 << 31, Limits: Limits(),
	}
}

// memory is a range of the machine's addresses. Its data has whole 16-byte
// words, as the code may assume, and no byte more.
type memory struct {
	base uint64
	data []byte
}

func (*memory) Release() {}

// Alloc makes memory full of rubbish, far from all other.
func (m *Machine) Alloc(t kernel.DType, elems int) (gpu.Memory, error) {
	data := make([]byte, (elems*t.Size()+15)/16*16)
	for i := range data {
		data[i] = 0xa5
	}
	mem := &memory{base: m.next, data: data}
	m.next += uint64(len(data)+4096) / 4096 * 4096
	m.next += 1 << 20
	return mem, nil
}

type constants [][]int32

func (constants) Release() {}

// Constants keeps params.
func (m *Machine) Constants(params [][]int32) (gpu.Constants, error) { return constants(params), nil }

// pipeline is a decoded code.
type pipeline struct {
	*program
	code *launch.Code
}

// Compile parses and decodes code.
func (m *Machine) Compile(_ context.Context, code *launch.Code) (gpu.Pipeline, error) {
	e, err := parse(code.Text)
	if err != nil {
		return nil, err
	}
	if e.name != code.Entry || e.lanes != code.Lanes || e.size != 8*len(code.Bindings)+4*code.Params {
		return nil, fmt.Errorf("ptxtest: %s: the entry is %s with %d threads and %d bytes of parameters, want %s with %d and %d",
			code.Key, e.name, e.lanes, e.size, code.Entry, code.Lanes, 8*len(code.Bindings)+4*code.Params)
	}
	p, err := decode(e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", code.Key, err)
	}
	return &pipeline{p, code}, nil
}

// Write copies data to the start of mem.
func (m *Machine) Write(mem gpu.Memory, data []byte) error {
	if to := mem.(*memory).data; copy(to, data) < len(data) {
		return fmt.Errorf("ptxtest: write of %d bytes into %d", len(data), len(to))
	}
	return nil
}

// Read copies the start of mem.
func (m *Machine) Read(_ context.Context, mem gpu.Memory, dst []byte) error {
	if copy(dst, mem.(*memory).data) < len(dst) {
		return fmt.Errorf("ptxtest: read of %d bytes", len(dst))
	}
	return nil
}

// Wait has nothing to wait for.
func (m *Machine) Wait(context.Context) error { return nil }

// Close has nothing to release.
func (m *Machine) Close() error { return nil }

// Run executes dispatches one after another.
func (m *Machine) Run(ctx context.Context, list []gpu.Dispatch) error {
	for i := range list {
		if err := run(ctx, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// workers run the workgroups of a launch.
const workers = 2

func run(ctx context.Context, d *gpu.Dispatch) error {
	for _, mem := range d.Clear {
		clear(mem.(*memory).data)
	}
	p := d.Pipeline.(*pipeline)
	var params []int32
	if d.Constants != nil {
		params = d.Constants.(constants)[d.Index]
	}
	bindings := make([]binding, len(d.Bound))
	for i, b := range d.Bound {
		mem := b.Memory.(*memory)
		size := min((b.Offset+b.Size+15)/16*16, int64(len(mem.data)))
		bindings[i] = binding{mem.base + uint64(b.Offset), mem.data[b.Offset:size], p.code.Bindings[i].Write}
	}
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for n := range workers {
		if n >= d.Groups {
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			g, err := newGroup(p.program, p.code.Shared, bindings, params)
			for cta := n; cta < d.Groups && err == nil; cta += workers {
				if err = ctx.Err(); err == nil {
					err = g.run(cta)
				}
			}
			errs[n] = err
		}()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
