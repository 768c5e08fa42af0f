// Package program is a computation as data: a flat list of ops in static
// single assignment over integer tensors of static shapes, with named inputs
// and outputs. Programs are content-addressed: the ID is the SHA-256 of the
// canonical encoding.
//
// A Program that exists is legal: every shape, range, cost and peak memory was
// recomputed from its graph when it was built or decoded. Nothing a sender
// declares is believed.
//
// The package refuses to know what a program is for, who runs it, and how.
package program

import (
	"crypto/sha256"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Limits of what a program may be. Decode and Build refuse more.
const (
	MaxOps    = 1 << 16
	MaxPorts  = 1 << 12
	MaxName   = 64
	MaxBytes  = 1 << 24 // of the encoding
	MaxCost   = 1 << 50 // integer operations
	MaxMemory = 1 << 34 // peak bytes
)

// Port is a named input or output.
type Port struct {
	Name  string
	Type  ops.Type
	Value int
}

// Node is one op of the graph. Values are numbered: the program's inputs
// first, then every op's outputs in order.
type Node struct {
	*ops.Applied
	In    []int
	Attrs []int32
	Out   int // number of the first output value
}

// Cost is what running a program takes.
type Cost struct {
	Ops       int64 // exact integer operations
	PeakBytes int64 // inputs, outputs and temporaries alive at once, at most
}

// Program is a legal computation. It is immutable.
type Program struct {
	inputs, outputs []Port
	nodes           []Node
	types           []ops.Type // by value
	lastUse         []int      // by value: index of the last node using it; len(nodes) for outputs; -1 if unused
	cost            Cost
	encoded         []byte
	id              ID
}

// Inputs returns the program's inputs, in order. Callers must not change it;
// that holds for all slices a Program returns.
func (p *Program) Inputs() []Port { return p.inputs }

// Outputs returns the program's outputs, in order.
func (p *Program) Outputs() []Port { return p.outputs }

// Nodes returns the ops in order.
func (p *Program) Nodes() []Node { return p.nodes }

// Type returns the type of a value.
func (p *Program) Type(value int) ops.Type { return p.types[value] }

// Values is the number of values.
func (p *Program) Values() int { return len(p.types) }

// LastUse is the index of the last node that reads value: len(Nodes()) for an
// output of the program, -1 for a value nobody reads.
func (p *Program) LastUse(value int) int { return p.lastUse[value] }

// Cost returns what running the program takes, recomputed from its graph.
func (p *Program) Cost() Cost { return p.cost }

// ID is the SHA-256 of Encode.
func (p *Program) ID() ID { return p.id }

// Encode returns the canonical encoding. Callers must not change it.
func (p *Program) Encode() []byte { return p.encoded }

// Value is a tensor under construction. The zero Value is invalid.
type Value struct{ n int }

// Builder builds a program op by op. It records the first error, so that
// callers may check once, in Build.
type Builder struct {
	p   Program
	err error
}

// Input declares an input. All inputs come before the first op.
func (b *Builder) Input(name string, t ops.Type) Value {
	if len(b.p.nodes) > 0 {
		b.fail("input %q is declared after the first op", name)
	}
	if err := t.Check(); err != nil {
		b.fail("input %q: %w", name, err)
	}
	b.p.inputs = append(b.p.inputs, Port{Name: name, Type: t, Value: len(b.p.types)})
	b.p.types = append(b.p.types, t)
	return Value{len(b.p.types)}
}

// Apply adds an op and returns its outputs.
func (b *Builder) Apply(def *ops.Def, in []Value, attrs ...int32) []Value {
	out := make([]Value, len(def.Outputs))
	if b.err != nil {
		return out
	}
	ids := make([]int, len(in))
	for i, v := range in {
		if v.n < 1 || v.n > len(b.p.types) {
			b.fail("op %d (%s): input %d is no value of this program", len(b.p.nodes), def.Name, i)
			return out
		}
		ids[i] = v.n - 1
	}
	first := len(b.p.types)
	b.add(def, ids, attrs)
	for i := range out {
		out[i] = Value{first + i + 1}
	}
	return out
}

// One is Apply for an op with one output.
func (b *Builder) One(def *ops.Def, in []Value, attrs ...int32) Value {
	return b.Apply(def, in, attrs...)[0]
}

// Type returns the type of a value, for callers that size the next op by it.
func (b *Builder) Type(v Value) ops.Type {
	if v.n < 1 || v.n > len(b.p.types) {
		b.fail("no such value")
		return ops.Type{Shape: []int{1}}
	}
	return b.p.types[v.n-1]
}

// Output declares an output.
func (b *Builder) Output(name string, v Value) {
	if b.err == nil && (v.n < 1 || v.n > len(b.p.types)) {
		b.fail("output %q is no value of this program", name)
	}
	if b.err == nil {
		b.p.outputs = append(b.p.outputs, Port{Name: name, Type: b.p.types[v.n-1], Value: v.n - 1})
	}
}

// Build returns the program, or the first error.
func (b *Builder) Build() (*Program, error) {
	if b.err == nil {
		b.err = b.p.finish()
	}
	if b.err != nil {
		return nil, b.err
	}
	p := b.p
	p.encoded = encode(&p)
	if len(p.encoded) > MaxBytes {
		return nil, fmt.Errorf("program: encoding has %d bytes, more than %d", len(p.encoded), MaxBytes)
	}
	p.id = sha256.Sum256(p.encoded)
	return &p, nil
}

func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("program: "+format, args...)
	}
}

func (b *Builder) add(def *ops.Def, in []int, attrs []int32) {
	types := make([]ops.Type, len(in))
	for i, v := range in {
		types[i] = b.p.types[v]
	}
	if len(b.p.nodes) >= MaxOps {
		b.fail("more than %d ops", MaxOps)
		return
	}
	a, err := def.Apply(types, attrs)
	if err != nil {
		b.fail("op %d: %w", len(b.p.nodes), err)
		return
	}
	b.p.nodes = append(b.p.nodes, Node{Applied: a, In: in, Attrs: append([]int32(nil), attrs...), Out: len(b.p.types)})
	b.p.types = append(b.p.types, a.Outputs...)
}

// finish checks the ports and computes liveness and cost.
func (p *Program) finish() error {
	if len(p.inputs) > MaxPorts || len(p.outputs) > MaxPorts || len(p.outputs) < 1 {
		return fmt.Errorf("program: %d inputs and %d outputs: want at most %d, and at least one output", len(p.inputs), len(p.outputs), MaxPorts)
	}
	for _, ports := range [][]Port{p.inputs, p.outputs} {
		names := map[string]bool{}
		for _, port := range ports {
			if !legalName(port.Name) || names[port.Name] {
				return fmt.Errorf("program: port name %q is empty, longer than %d bytes, not visible ASCII, or taken twice", port.Name, MaxName)
			}
			names[port.Name] = true
		}
	}
	p.cost = Cost{}
	p.lastUse = make([]int, len(p.types))
	for v := range p.lastUse {
		p.lastUse[v] = -1
	}
	for i, n := range p.nodes {
		for _, v := range n.In {
			p.lastUse[v] = i
		}
		p.cost.Ops += n.Applied.Cost
		if p.cost.Ops > MaxCost {
			return fmt.Errorf("program: costs more than %d integer operations", int64(MaxCost))
		}
	}
	outputs := map[int]bool{}
	for _, o := range p.outputs {
		if outputs[o.Value] {
			return fmt.Errorf("program: value of output %q is output twice", o.Name)
		}
		if o.Value < len(p.inputs) {
			return fmt.Errorf("program: output %q is an input", o.Name)
		}
		outputs[o.Value] = true
		p.lastUse[o.Value] = len(p.nodes)
	}
	p.cost.PeakBytes = p.peak()
	if p.cost.PeakBytes > MaxMemory {
		return fmt.Errorf("program: needs %d bytes, more than %d", p.cost.PeakBytes, int64(MaxMemory))
	}
	return nil
}

// legalName tells whether s may name a port. Names are shown to people and
// become names of files and of tensors.
func legalName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return s != "" && len(s) <= MaxName
}

// peak is the largest sum of bytes alive: inputs always, a value from the op
// that makes it to the last that reads it.
func (p *Program) peak() int64 {
	var live, peak int64
	for _, in := range p.inputs {
		live += int64(in.Type.Bytes())
	}
	peak = live
	for i, n := range p.nodes {
		for j := range n.Outputs {
			live += int64(p.types[n.Out+j].Bytes())
		}
		peak = max(peak, live)
		freed := map[int]bool{}
		for _, v := range n.In {
			if v >= len(p.inputs) && p.lastUse[v] == i && !freed[v] {
				live -= int64(p.types[v].Bytes())
				freed[v] = true
			}
		}
		for j := range n.Outputs {
			if p.lastUse[n.Out+j] == -1 {
				live -= int64(p.types[n.Out+j].Bytes())
			}
		}
	}
	return peak
}
