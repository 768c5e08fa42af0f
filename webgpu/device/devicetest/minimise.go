package devicetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// minimise describes the smallest part of p that still differs on dev. If one
// op alone differs, given the inputs that it had, the kernel is at fault and
// that op is it. Otherwise the fault needs several ops, such as a buffer used
// twice: then outputs are dropped one by one while the rest still differs.
func minimise(ctx context.Context, dev device.Device, p *program.Program, inputs [][]byte) string {
	k := sketchOf(p)
	if s := guiltyOp(ctx, dev, k, inputs); s != "" {
		return s
	}
	fails := func(outputs []ref) (string, *program.Program) {
		small, from := k.needed(outputs)
		q, err := small.build()
		if err != nil {
			return "", nil
		}
		in := make([][]byte, len(from))
		for i, j := range from {
			in[i] = inputs[j]
		}
		diff, err := compare(ctx, dev, q, in)
		if err != nil {
			return "", nil
		}
		return diff, q
	}
	best, q := fails(k.outputs)
	outputs := k.outputs
	for again := best != ""; again; {
		again = false
		for i := range outputs {
			fewer := slices.Delete(slices.Clone(outputs), i, i+1)
			if len(fewer) == 0 {
				break
			}
			if diff, smaller := fails(fewer); diff != "" {
				outputs, best, q, again = fewer, diff, smaller, true
				break
			}
		}
	}
	if best == "" {
		return ""
	}
	var text strings.Builder
	_ = q.Dump(&text)
	return fmt.Sprintf("%s\nno op differs alone, but this program does:\n%s", best, &text)
}

// guiltyOp runs every op by itself, with the inputs it has in the whole
// program, and describes the first that differs.
func guiltyOp(ctx context.Context, dev device.Device, k *sketch, inputs [][]byte) string {
	whole := &sketch{inputs: k.inputs, steps: k.steps, outputs: k.made()}
	if len(whole.outputs) > program.MaxPorts {
		return ""
	}
	q, err := whole.build()
	if err != nil {
		return ""
	}
	results, err := device.Run(ctx, reference.New(), q, inputs)
	if err != nil {
		return ""
	}
	data := map[ref][]byte{}
	for i := range inputs {
		data[inputRef(i)] = inputs[i]
	}
	for i, r := range whole.outputs {
		data[r] = results[i]
	}
	for i, s := range k.steps {
		one := &sketch{steps: []step{{s.def, make([]ref, len(s.in)), s.attrs, s.outputs}}}
		in := make([][]byte, len(s.in))
		for j, r := range s.in {
			one.inputs = append(one.inputs, k.typ(r))
			one.steps[0].in[j] = inputRef(j)
			in[j] = data[r]
		}
		q, err := one.build()
		if err != nil {
			continue
		}
		if diff, err := compare(ctx, dev, q, in); err == nil && diff != "" {
			var text strings.Builder
			_ = q.Dump(&text)
			return fmt.Sprintf("%s alone, op %d of %d: %s\n%s", s.def.Name, i, len(k.steps), diff, &text)
		}
	}
	return ""
}
