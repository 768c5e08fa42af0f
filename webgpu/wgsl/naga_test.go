package wgsl_test

import (
	"testing"

	"github.com/gogpu/naga"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// TestNaga compiles every text with the compiler of the native lanes.
func TestNaga(t *testing.T) {
	texts := 0
	eachCode(func(_ int, _ *kernel.Kernel, c *launch.Code) {
		texts++
		if _, err := naga.Compile(c.Text); err != nil {
			t.Errorf("%s: %v", c.Key, err)
		}
	})
	t.Logf("%d texts", texts)
}
