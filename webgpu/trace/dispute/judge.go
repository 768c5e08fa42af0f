package dispute

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// Interpreter runs one op, whose buffers are its inputs and its zeroed outputs.
// The one whose word counts is reference.Interpret; it is passed in because
// players, who need none, are part of what a browser downloads.
type Interpreter func(ctx context.Context, op *kernel.Instance, buffers [][]byte) error

// Judge runs the op in question once and settles the dispute. It may be called
// again after an error that came from ctx.
func (r *Referee) Judge(ctx context.Context, run Interpreter) error {
	if !r.Due() {
		return ErrUnsettled
	}
	p := r.c.Program
	n := p.Nodes()[r.lo]
	values, _ := reads(p, r.lo)
	data := map[int][]byte{}
	for i, v := range values {
		port := program.Port{Name: fmt.Sprint("value ", v), Type: p.Type(v)}
		if len(r.values[i]) != port.Type.Bytes() || device.CheckRanges([]program.Port{port}, r.values[i:i+1]) != nil {
			// Running the op is not safe, and not needed: no trace can hold this.
			if op, _ := trace.Maker(p, v); op < 0 {
				return fmt.Errorf("dispute: input %s of the case is not what the program declares", p.Inputs()[v].Name)
			}
			text := fmt.Sprintf("agreed to value %d, which no run can make", v)
			r.verdict.Faults = [2]*Fault{{Text: text}, {Text: text}}
			r.settled = true
			return nil
		}
		data[v] = r.values[i]
	}
	bufs := make([][]byte, 0, len(n.In)+len(n.Outputs))
	for _, v := range n.In {
		bufs = append(bufs, data[v])
	}
	for _, t := range n.Outputs {
		bufs = append(bufs, make([]byte, t.Bytes()))
	}
	if err := run(ctx, &n.Instance, bufs); err != nil {
		return err
	}
	r.verdict.Reruns = 1
	for i, made := range bufs[len(n.In):] {
		for party := range r.outputs {
			if r.outputs[party][i] != trace.DigestOf(made) && r.verdict.Faults[party] == nil {
				r.verdict.Faults[party] = &Fault{Text: fmt.Sprintf("claims another output %d of op %d (%s) than it has", i, r.lo, n.Def.Name)}
			}
		}
	}
	r.settled = true
	return nil
}
