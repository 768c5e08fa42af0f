// Package reference is the slow, obvious device: it interprets the kernels of
// a program one element at a time. It is the living definition of every op:
// other devices are fast copies that must return its bytes.
//
// The package knows no speed: nothing here is to be optimised at the cost of
// being plainly right.
package reference

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

type reference struct{}

var _ device.Device = reference{}

// New returns the reference device.
func New() device.Device { return reference{} }

func (reference) Caps() device.Caps {
	return device.Caps{Lane: "reference", Detail: "kernel interpreter", Threads: 1}
}

func (reference) Upload(data []byte) (device.Buffer, error) {
	return &buffer{data: append([]byte(nil), data...)}, nil
}

func (reference) Load(p *program.Program) (device.Executable, error) { return executable{p}, nil }

func (reference) Close() error { return nil }

type buffer struct{ data []byte }

func (b *buffer) Size() int { return len(b.data) }

func (b *buffer) Read(dst []byte) error {
	if len(dst) != len(b.data) {
		return fmt.Errorf("reference: read %d bytes of a buffer of %d", len(dst), len(b.data))
	}
	copy(dst, b.data)
	return nil
}

func (b *buffer) Release() {}

type executable struct{ p *program.Program }

func (e executable) Close() error { return nil }

func (e executable) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	ports := e.p.Inputs()
	if len(inputs) != len(ports) {
		return nil, fmt.Errorf("reference: %d inputs, want %d", len(inputs), len(ports))
	}
	values := make([][]byte, e.p.Values())
	for i, in := range inputs {
		b, ok := in.(*buffer)
		if !ok {
			return nil, errors.New("reference: input buffer belongs to another device")
		}
		if b.Size() != ports[i].Type.Bytes() {
			return nil, fmt.Errorf("reference: input %s has %d bytes, want %d", ports[i].Name, b.Size(), ports[i].Type.Bytes())
		}
		values[i] = b.data
	}
	if err := device.CheckRanges(ports, values[:len(inputs)]); err != nil {
		return nil, err
	}
	for i, n := range e.p.Nodes() {
		bufs := make([][]byte, 0, len(n.In)+len(n.Outputs))
		for _, v := range n.In {
			bufs = append(bufs, values[v])
		}
		for j, t := range n.Outputs {
			values[n.Out+j] = make([]byte, t.Bytes())
			bufs = append(bufs, values[n.Out+j])
		}
		if err := Interpret(ctx, &n.Instance, bufs); err != nil {
			return nil, err
		}
		for _, v := range n.In {
			if e.p.LastUse(v) == i {
				values[v] = nil
			}
		}
	}
	outs := make([]device.Buffer, len(e.p.Outputs()))
	for i, o := range e.p.Outputs() {
		outs[i] = &buffer{data: values[o.Value]}
	}
	return outs, nil
}
