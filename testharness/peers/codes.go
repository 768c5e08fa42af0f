package peers

import (
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// limits are what every browser with WebGPU allows, and enough workgroup
// memory for every tile.
var limits = launch.Limits{Bindings: 8, Binding: 128 << 20, Lanes: 256, Shared: 16 << 10, Side: 65535}

// Codes lists every text that the WGSL printer has for the op set and for
// fused kernels, in all variants, each once.
func Codes() []*launch.Code {
	var all []*launch.Code
	seen := map[string]bool{}
	for _, v := range wgsl.Variants(limits, true) {
		p := wgsl.New(v)
		for _, k := range append(plan.Kernels(), plan.FusedKernels()...) {
			for _, c := range p.Codes(k) {
				if !seen[c.Text] {
					seen[c.Text] = true
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// CompileAll hands codes to Dawn, a second compiler beside the one that our
// lane uses, and returns all that it refuses.
func CompileAll(d *Dawn, codes []*launch.Code) error {
	var all error
	for _, c := range codes {
		if err := d.Compile(c); err != nil {
			all = errors.Join(all, err)
		}
	}
	if all != nil {
		return fmt.Errorf("peers: of %d codes: %w", len(codes), all)
	}
	return nil
}
