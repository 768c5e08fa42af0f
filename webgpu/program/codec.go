package program

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// The canonical encoding: the magic, then unsigned (u) and zigzag (z) varints
// in their shortest form.
//
//	u inputs  { u len, name; u dtype; u dims { u dim }; z lo; z hi }
//	u ops     { u code; u value for every input; z for every attribute }
//	u outputs { u len, name; u value }
//
// The numbers of an op's inputs and attributes follow from its code.
const magic = "SHOAL\x00P\x01"

// ErrDamaged is wrapped by errors about bytes that are no encoding at all; a
// well-formed encoding of an illegal program gives the reason instead.
var ErrDamaged = errors.New("program: damaged encoding")

func encode(p *Program) []byte {
	b := []byte(magic)
	u := func(v int) { b = binary.AppendUvarint(b, uint64(v)) }
	name := func(s string) { u(len(s)); b = append(b, s...) }
	u(len(p.inputs))
	for _, in := range p.inputs {
		name(in.Name)
		u(int(in.Type.DType))
		u(len(in.Type.Shape))
		for _, d := range in.Type.Shape {
			u(d)
		}
		b = binary.AppendVarint(b, in.Type.Range.Lo)
		b = binary.AppendVarint(b, in.Type.Range.Hi)
	}
	u(len(p.nodes))
	for _, n := range p.nodes {
		u(int(n.Def.Code))
		for _, v := range n.In {
			u(v)
		}
		for _, a := range n.Attrs {
			b = binary.AppendVarint(b, int64(a))
		}
	}
	u(len(p.outputs))
	for _, o := range p.outputs {
		name(o.Name)
		u(o.Value)
	}
	return b
}

// Decode reads a canonical encoding and checks the whole program: unknown
// ops, bad shapes, ranges that could overflow and costs above the limits are
// errors before anything runs.
func Decode(data []byte) (*Program, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrDamaged, len(data), MaxBytes)
	}
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: no program, or another version", ErrDamaged)
	}
	d := decoder{data: data[len(magic):]}
	var b Builder
	for range d.count("inputs", MaxPorts) {
		name := d.name()
		t := ops.Type{DType: kernel.DType(d.uint("dtype", 255))}
		for range d.count("dimensions", 4) {
			t.Shape = append(t.Shape, int(d.uint("dimension", ops.MaxElements)))
		}
		t.Range = kernel.Interval{Lo: d.int(), Hi: d.int()}
		if d.err != nil {
			return nil, d.err
		}
		b.Input(name, t)
	}
	nodes := d.count("ops", MaxOps)
	for i := range nodes {
		code := ops.Code(d.uint("op code", 1<<16-1))
		if d.err != nil {
			return nil, d.err
		}
		def := ops.ByCode(code)
		if def == nil {
			return nil, fmt.Errorf("program: op %d has unknown code %d", i, code)
		}
		in := make([]int, len(def.Inputs))
		for j := range in {
			in[j] = int(d.uint("value", 1<<31-1))
			if d.err == nil && in[j] >= len(b.p.types) {
				return nil, fmt.Errorf("program: op %d (%s) reads value %d before it is made", i, def.Name, in[j])
			}
		}
		attrs := make([]int32, len(def.Attrs))
		for j := range attrs {
			v := d.int()
			attrs[j] = int32(v)
			if int64(attrs[j]) != v {
				d.fail("attribute %s of op %d leaves 32 bits", def.Attrs[j].Name, i)
			}
		}
		if d.err != nil {
			return nil, d.err
		}
		b.add(def, in, attrs)
		if b.err != nil {
			return nil, b.err
		}
	}
	for range d.count("outputs", MaxPorts) {
		name, v := d.name(), int(d.uint("value", 1<<31-1))
		if d.err != nil {
			return nil, d.err
		}
		b.Output(name, Value{v + 1})
	}
	if d.err == nil && len(d.data) > 0 {
		d.fail("%d bytes follow the program", len(d.data))
	}
	if d.err != nil {
		return nil, d.err
	}
	return b.Build()
}

type decoder struct {
	data []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
	}
}

func (d *decoder) uint(what string, limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.data)
	switch {
	case n <= 0:
		d.fail("cut short at a %s", what)
		return 0
	case n > 1 && d.data[n-1] == 0:
		d.fail("a %s is not in its shortest form", what)
		return 0
	case v > limit:
		d.fail("%s %d is above %d", what, v, limit)
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) int() int64 {
	v := d.uint("number", 1<<64-1)
	return int64(v>>1) ^ -int64(v&1)
}

// count reads a number of items, each at least one byte long.
func (d *decoder) count(what string, limit int) int {
	n := int(d.uint("number of "+what, uint64(limit)))
	if d.err == nil && n > len(d.data) {
		d.fail("%d %s do not fit the %d bytes left", n, what, len(d.data))
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *decoder) name() string {
	n := d.count("name bytes", MaxName)
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s
}
