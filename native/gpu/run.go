package gpu

import (
	"context"

	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// zeroCode zeroes the whole pages that it is bound to.
var zeroCode = &launch.Code{
	Key:   "zero",
	Entry: "main",
	Lanes: page / 4,
	Text: `@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  words[at.x] = 0u;
}
`,
	Bindings: []launch.Binding{{DType: kernel.I32, Write: true}},
}

// Run submits list. The library orders the dispatches of a pass: it puts a
// barrier after each.
func (m *machine) Run(ctx context.Context, list []gpu.Dispatch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.do(func() error { return m.pass(list) })
}

// pass records one compute pass with all of list and submits it.
func (m *machine) pass(list []gpu.Dispatch) error {
	b, err := m.record()
	if err != nil {
		return err
	}
	p := &pass{m: m, encoder: b.encoder.BeginComputePass(&hal.ComputePassDescriptor{})}
	for i := range list {
		if err := p.dispatch(&list[i]); err != nil {
			p.encoder.End()
			return err
		}
	}
	p.encoder.End()
	return m.submit()
}

// pass is a compute pass being recorded.
type pass struct {
	m       *machine
	encoder hal.ComputePassEncoder
	current *pipeline
}

func (p *pass) dispatch(d *gpu.Dispatch) error {
	for _, mem := range d.Clear {
		if err := p.clear(mem.(*memory)); err != nil {
			return err
		}
	}
	pipe := d.Pipeline.(*pipeline)
	g, err := p.m.bind(pipe.layout, d.Bound)
	if err != nil {
		return err
	}
	p.use(pipe)
	p.encoder.SetBindGroup(0, g.raw, nil)
	if d.Constants != nil {
		p.encoder.SetBindGroup(1, d.Constants.(*constants).groups[d.Index], nil)
	}
	x, y := grid(d.Groups, p.m.info.Limits.Side)
	p.encoder.Dispatch(uint32(x), uint32(y), 1)
	return nil
}

func (p *pass) use(pipe *pipeline) {
	if p.current != pipe {
		p.encoder.SetPipeline(pipe.raw)
		p.current = pipe
	}
}

// clear zeroes mem, in as many dispatches as one row of workgroups and one
// binding need.
func (p *pass) clear(mem *memory) error {
	p.use(p.m.zero)
	most := min(int64(p.m.info.Limits.Side)*page, p.m.info.Limits.Binding)
	for at := int64(0); at < mem.size; at += most {
		n := min(most, mem.size-at)
		g, err := p.m.bind(p.m.zero.layout, []gpu.Bound{{Memory: mem, Offset: at, Size: n}})
		if err != nil {
			return err
		}
		p.encoder.SetBindGroup(0, g.raw, nil)
		p.encoder.Dispatch(uint32(n/page), 1, 1)
	}
	return nil
}

// grid spreads groups over two dimensions of at most side.
func grid(groups, side int) (x, y int) {
	x = min(groups, side)
	return x, (groups + x - 1) / max(x, 1)
}
