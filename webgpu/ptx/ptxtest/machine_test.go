package ptxtest_test

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/gpu/machinetest"
	"github.com/shoal-compute/shoal/webgpu/ptx/ptxtest"
)

func TestMachine(t *testing.T) {
	machinetest.Run(t, ptxtest.New(), machinetest.Options{Sum: ptxtest.Sum(), Broken: ptxtest.Broken()})
}
