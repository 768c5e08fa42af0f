package cpu

import (
	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// lane is one way to run kernels. The last of lanes() is plain Go.
type lane struct {
	name    string
	address func() uintptr   // of the image; nil in plain Go
	entries map[string]entry // its functions
}

// entry is a function of an image: where it starts, and the fingerprint of the
// kernel it was built from.
type entry struct {
	offset      uintptr
	fingerprint uint64
}

// routine computes rows of one kernel instance.
type routine interface {
	needs() clang.Needs
	// run computes rows row0 to row1 in the given phase of package clang.
	// scratch and shared are as large as needs says.
	run(c *call)
}

// call is what a routine is called with. The arrays behind it stay where they
// are and stay alive for the length of the call.
type call struct {
	args args // what C code reads; plain Go reads the rest
	bufs [][]byte
}

// entry finds the current code of k.
func (l *lane) entry(k *kernel.Kernel) (entry, bool) {
	e, ok := l.entries[clang.Symbol(k)]
	return e, ok && e.fingerprint == clang.Fingerprint(k)
}

// routine returns the code for in, which is plain Go where the image has none.
func (l *lane) routine(in *kernel.Instance) routine {
	if e, ok := l.entry(in.Kernel); ok {
		return &native{function: l.address() + e.offset, need: clang.NeedsOf(in)}
	}
	return newPlain(in)
}

// fusions lists the fusions that the lane has code for.
func (l *lane) fusions() []*plan.Fusion {
	var all []*plan.Fusion
	for _, f := range plan.Fusions {
		if _, ok := l.entry(f.Kernel()); ok {
			all = append(all, f)
		}
	}
	return all
}
