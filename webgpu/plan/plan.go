// Package plan turns a program into what every device that owns its memory
// needs: steps in order, and a place for every value.
//
// It owns the order of the steps, the reuse of memory between them, and which
// kernels are run as one. It refuses to know any device, how a step is run,
// and on how many threads.
package plan

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Align is the alignment of every value in the arena, in bytes.
const Align = 64

// Place says where a value lives during a run.
type Place uint8

// The places.
const (
	Arena  Place = iota // temporary: bytes of the arena
	Input               // an input of the program, only read
	Output              // an output of the program
)

// Slot is the memory of one value.
type Slot struct {
	Value  int // of the program
	Place  Place
	Index  int // of the input or output
	Offset int // in the arena
	Size   int // bytes
}

// Step is one kernel to run.
type Step struct {
	*kernel.Instance
	Cost int64  // integer operations
	Bufs []Slot // the kernel's buffers, in order
}

// Plan is a program ready for a device.
type Plan struct {
	Program *program.Program
	Steps   []Step
	Arena   int // bytes of temporaries
}

// New plans p, applying those of Fusions that the device has kernels for.
func New(p *program.Program, fusions ...*Fusion) *Plan {
	slots := make([]Slot, p.Values())
	for i, in := range p.Inputs() {
		slots[in.Value] = Slot{Value: in.Value, Place: Input, Index: i, Size: in.Type.Bytes()}
	}
	fixed := make([]bool, p.Values())
	for i, o := range p.Outputs() {
		slots[o.Value] = Slot{Value: o.Value, Place: Output, Index: i, Size: o.Type.Bytes()}
		fixed[o.Value] = true
	}
	var nodes []*node
	for _, n := range p.Nodes() {
		bufs := append([]int(nil), n.In...)
		for j := range n.Outputs {
			bufs = append(bufs, n.Out+j)
		}
		nodes = append(nodes, &node{&n.Instance, n.Applied.Cost, bufs})
	}
	for _, f := range fusions {
		nodes = f.fuse(nodes, fixed)
	}
	pl := &Plan{Program: p}
	lastUse := map[int]int{}
	for i, n := range nodes {
		for _, v := range n.bufs {
			lastUse[v] = i
		}
	}
	var a arena
	for i, n := range nodes {
		for _, v := range n.outputs() {
			if !fixed[v] {
				size := p.Type(v).Bytes()
				slots[v] = Slot{Value: v, Place: Arena, Offset: a.take(size), Size: size}
			}
		}
		s := Step{Instance: n.Instance, Cost: n.cost}
		done := map[int]bool{}
		for _, v := range n.bufs {
			s.Bufs = append(s.Bufs, slots[v])
			if slots[v].Place == Arena && lastUse[v] == i && !done[v] {
				a.give(slots[v].Offset, slots[v].Size)
				done[v] = true
			}
		}
		pl.Steps = append(pl.Steps, s)
	}
	pl.Arena = a.size
	return pl
}
