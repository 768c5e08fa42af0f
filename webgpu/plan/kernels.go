package plan

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Kernels lists the kernels that a compiled lane must hold: those of all ops.
func Kernels() []*kernel.Kernel {
	ks := make([]*kernel.Kernel, len(ops.All))
	for i, d := range ops.All {
		ks[i] = d.Kernel
	}
	return ks
}

// FusedKernels lists the kernels that a compiled lane may hold besides: those
// of all Fusions.
func FusedKernels() []*kernel.Kernel {
	ks := make([]*kernel.Kernel, len(Fusions))
	for i, f := range Fusions {
		ks[i] = f.Kernel()
	}
	return ks
}
