package gpu_test

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/gpu/machinetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// TestDouble holds the double, which the other tests lean on, to the contract
// of machines, and shows that the suite asks for nothing impossible.
func TestDouble(t *testing.T) {
	i32 := launch.Binding{DType: kernel.I32}
	o := machinetest.Options{Sum: &launch.Code{
		Key: "sum", Text: "sum", Lanes: 64, Params: 2, Bindings: []launch.Binding{i32, i32, {DType: kernel.I32, Write: true}},
	}}
	change := func(i *gpu.Info) { i.Limits.Binding, i.Limits.Side = 1<<14, 50 }
	m, _ := gpu.NewDouble(t, change)
	machinetest.Run(t, m, o)
	m, lose := gpu.NewDouble(t, change)
	machinetest.Lost(t, m, o, lose)
}
