package devicetest

import (
	"bytes"
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Compare runs the case on dev and on the reference and returns an error that
// shows the first difference, reduced to the smallest part of the program that
// still differs.
func Compare(ctx context.Context, dev device.Device, c Case) error {
	want, err := expect(ctx, c)
	if err != nil {
		return fmt.Errorf("%s, inputs of seed %d: %w", c.Name, c.Seed, err)
	}
	inputs := RandomInputs(c.Program, c.Seed)
	got, err := device.Run(ctx, dev, c.Program, inputs)
	if err == nil && len(got) == len(c.Program.Outputs()) && digest(got) == want {
		return nil
	}
	diff, err := describe(ctx, dev, c.Program, inputs, got, err)
	if err != nil {
		return fmt.Errorf("%s, inputs of seed %d: %w", c.Name, c.Seed, err)
	}
	if small := minimise(ctx, dev, c.Program, inputs); small != "" {
		diff = small
	}
	return fmt.Errorf("%s, inputs of seed %d: %s", c.Name, c.Seed, diff)
}

// compare returns the first difference between dev and the reference, or "".
// An error is a fault of the reference.
func compare(ctx context.Context, dev device.Device, p *program.Program, inputs [][]byte) (string, error) {
	got, err := device.Run(ctx, dev, p, inputs)
	return describe(ctx, dev, p, inputs, got, err)
}

// describe returns the first difference between what dev returned and the
// reference, or "". An error is a fault of the reference.
func describe(ctx context.Context, dev device.Device, p *program.Program, inputs, got [][]byte, failed error) (string, error) {
	want, err := truth(ctx, p, inputs)
	if err != nil {
		return "", err
	}
	if failed != nil {
		return fmt.Sprintf("%s: %v", dev.Caps().Lane, failed), nil
	}
	return difference(p, got, want), nil
}

// outside reports a value beyond the range that was proved for it.
func outside(o program.Port, data []byte) string {
	for i := range o.Type.Len() {
		if v := get(data, o.Type.DType, i); v < o.Type.Range.Lo || v > o.Type.Range.Hi {
			return fmt.Sprintf("output %s: element %d is %d, outside the proved range %v", o.Name, i, v, o.Type.Range)
		}
	}
	return ""
}

// difference describes the first element that differs, or returns "".
func difference(p *program.Program, got, want [][]byte) string {
	outputs := p.Outputs()
	if len(got) != len(outputs) {
		return fmt.Sprintf("%d outputs, want %d", len(got), len(outputs))
	}
	for i, o := range outputs {
		if len(got[i]) != len(want[i]) {
			return fmt.Sprintf("output %s has %d bytes, want %d", o.Name, len(got[i]), len(want[i]))
		}
		if bytes.Equal(got[i], want[i]) {
			continue
		}
		first, count := -1, 0
		for j := range o.Type.Len() {
			if get(got[i], o.Type.DType, j) != get(want[i], o.Type.DType, j) {
				if first < 0 {
					first = j
				}
				count++
			}
		}
		cols := o.Type.Shape[len(o.Type.Shape)-1]
		return fmt.Sprintf("output %s (%s): element %d (row %d, column %d) is %d, want %d; %d of %d differ", o.Name, o.Type,
			first, first/cols, first%cols, get(got[i], o.Type.DType, first), get(want[i], o.Type.DType, first), count, o.Type.Len())
	}
	return ""
}
