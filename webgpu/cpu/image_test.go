package cpu

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu/internal/codegen"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// TestGenerated rebuilds the machine code and compares it with what is
// committed.
func TestGenerated(t *testing.T) {
	if err := codegen.Available(); err != nil {
		if os.Getenv("SHOAL_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skipf("cannot rebuild: %v", err)
	}
	files, err := codegen.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its sources make: run go generate ./webgpu/cpu", name)
		}
	}
}

// TestImages checks that every kernel has current code in every image this
// processor can run, at an address that aligned constants can stand.
func TestImages(t *testing.T) {
	for _, l := range lanes() {
		if l.address == nil {
			continue
		}
		if a := l.address(); a%64 != 0 {
			t.Errorf("image %s lies at %#x, not at a multiple of 64", l.name, a)
		}
		for _, k := range slices.Concat(plan.Kernels(), plan.FusedKernels()) {
			if _, ok := l.entry(k); !ok {
				t.Errorf("image %s has no current code for %s: run go generate ./webgpu/cpu", l.name, k.Name)
			}
		}
	}
}
