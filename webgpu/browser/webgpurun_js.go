package browser

import (
	"context"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// Run submits the dispatches in one piece: package gpu hands over no more than
// the GPU should be kept for.
func (m *webgpu) Run(ctx context.Context, list []gpu.Dispatch) error {
	if err := m.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return promise.Try(func() { m.js.submit.Invoke(m.queue, []any{m.encode(list)}) })
}

// encode is a command buffer of one compute pass, which only clearing memory
// interrupts.
func (m *webgpu) encode(list []gpu.Dispatch) js.Value {
	encoder := m.js.createEncoder.Invoke(m.device)
	var pass js.Value
	var with *pipeline // what the open pass has
	var memories *group
	open := false
	for i := range list {
		d := &list[i]
		if len(d.Clear) > 0 && open {
			m.js.end.Invoke(pass)
			open = false
		}
		for _, mem := range d.Clear {
			m.js.clearBuffer.Invoke(encoder, mem.(*webgpuMemory).buffer)
		}
		if !open {
			pass, with, memories, open = m.js.beginPass.Invoke(encoder), nil, nil, true
		}
		p, c := d.Pipeline.(*pipeline), d.Constants.(*constants)
		if p != with {
			m.js.setPipeline.Invoke(pass, p.pipeline)
			with = p
		}
		if g := m.groups.find(m.device, p.layout, d.Bound); g != memories {
			m.js.setBindGroup.Invoke(pass, 0, g.value)
			memories = g
		}
		m.js.setBindGroup.Invoke(pass, 1, c.group, c.offsets, d.Index, 1)
		x, y := grid(d.Groups, m.info.Limits.Side)
		m.js.dispatch.Invoke(pass, x, y)
	}
	if open {
		m.js.end.Invoke(pass)
	}
	return m.js.finish.Invoke(encoder)
}

// grid lays groups out in at most two dimensions. It may have a few more; code
// ignores what is beyond the end.
func grid(groups, side int) (x, y int) {
	y = (groups + side - 1) / side
	return (groups + y - 1) / max(y, 1), max(y, 1)
}
