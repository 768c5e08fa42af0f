package trace

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// DefaultStretch is how many bytes the outputs of the ops that run together
// may have, if the caller does not say.
const DefaultStretch = 16 << 20

// Config says how to record. The zero Config is good.
type Config struct {
	Stretch int64 // bytes of outputs that are exposed at once
}

// Record runs p on dev and returns its trace and its outputs.
func Record(ctx context.Context, dev device.Device, p *program.Program, inputs [][]byte, c Config) (*Trace, [][]byte, error) {
	if err := checkInputs(p, inputs); err != nil {
		return nil, nil, err
	}
	if c.Stretch <= 0 {
		c.Stretch = DefaultStretch
	}
	digests := make([]Digest, p.Values())
	live := map[int][]byte{}
	for i, data := range inputs {
		digests[i], live[i] = DigestOf(data), data
	}
	for from := 0; from < len(p.Nodes()); {
		to := stretch(p, from, c.Stretch)
		var want []int
		for _, n := range p.Nodes()[from:to] {
			for j := range n.Outputs {
				want = append(want, n.Out+j)
			}
		}
		made, err := runCut(ctx, dev, p, from, to, want, live)
		if err != nil {
			return nil, nil, fmt.Errorf("trace: ops %d to %d: %w", from, to-1, err)
		}
		for i, v := range want {
			digests[v] = DigestOf(made[i])
			if p.LastUse(v) >= to {
				live[v] = made[i]
			}
		}
		for v := range live {
			if p.LastUse(v) < to {
				delete(live, v)
			}
		}
		from = to
	}
	t, err := New(p, digests)
	if err != nil {
		return nil, nil, err
	}
	outputs := make([][]byte, len(p.Outputs()))
	for i, o := range p.Outputs() {
		outputs[i] = live[o.Value]
	}
	return t, outputs, nil
}

// Values returns the bytes of the wanted values. It runs on dev the ops that
// they depend on, and no others.
func Values(ctx context.Context, dev device.Device, p *program.Program, inputs [][]byte, want []int) ([][]byte, error) {
	if err := checkInputs(p, inputs); err != nil {
		return nil, err
	}
	given := map[int][]byte{}
	for i, data := range inputs {
		given[i] = data
	}
	found := map[int][]byte{}
	var made []int
	for _, v := range want {
		if v < 0 || v >= p.Values() {
			return nil, fmt.Errorf("trace: program %s has no value %d", p.ID(), v)
		}
		if _, ok := found[v]; ok {
			continue
		}
		found[v] = given[v]
		if v >= len(inputs) {
			made = append(made, v)
		}
	}
	if len(made) > 0 {
		data, err := runCut(ctx, dev, p, 0, len(p.Nodes()), made, given)
		if err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
		for i, v := range made {
			found[v] = data[i]
		}
	}
	out := make([][]byte, len(want))
	for i, v := range want {
		out[i] = found[v]
	}
	return out, nil
}

func checkInputs(p *program.Program, inputs [][]byte) error {
	if len(inputs) != len(p.Inputs()) {
		return fmt.Errorf("trace: %d inputs, want %d", len(inputs), len(p.Inputs()))
	}
	for i, port := range p.Inputs() {
		if len(inputs[i]) != port.Type.Bytes() {
			return fmt.Errorf("trace: input %s has %d bytes, want %d", port.Name, len(inputs[i]), port.Type.Bytes())
		}
	}
	return device.CheckRanges(p.Inputs(), inputs)
}

// runCut runs the part of p from op from to before op to that makes the wanted
// values out of the given ones.
func runCut(ctx context.Context, dev device.Device, p *program.Program, from, to int, want []int, given map[int][]byte) ([][]byte, error) {
	part, reads, err := cut(p, from, to, want)
	if err != nil {
		return nil, err
	}
	in := make([][]byte, len(reads))
	for i, v := range reads {
		in[i] = given[v]
	}
	return device.Run(ctx, dev, part, in)
}
