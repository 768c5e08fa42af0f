//go:build !js && !wasip1

package wazerobox_test

import (
	"context"
	"errors"
	"testing"

	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

// FuzzModule gives any bytes to the compiler and to the interpreter. A module
// that is not refused must compile, run, and have one outcome.
func FuzzModule(f *testing.F) {
	for _, c := range sandboxtest.Cases() {
		f.Add(c.Module, c.Input)
	}
	for i := range 20 {
		c := sandboxtest.Random(1, i)
		f.Add(c.Module, c.Input)
	}
	var boxes []sandbox.Host
	for _, o := range []wazerobox.Options{{}, {Interpreter: true}} {
		box, err := wazerobox.New(context.Background(), o)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { box.Close() })
		boxes = append(boxes, box)
	}
	f.Fuzz(func(t *testing.T, code, input []byte) {
		c := sandboxtest.Case{Module: code, Input: input, Limits: sandbox.Limits{Fuel: 100_000, Memory: 4, Output: 1 << 12}}
		if _, err := sandbox.Rewrite(c.Module, c.Limits); err != nil {
			var refused *sandbox.ModuleError
			if !errors.As(err, &refused) {
				t.Fatalf("refused with %v, which is no ModuleError", err)
			}
			return
		}
		var first string
		for _, box := range boxes {
			if _, err := c.Outcome(t.Context(), box); err != nil {
				t.Fatalf("%s: %v", box.Name(), err)
			}
			switch got := c.Digest(t.Context(), box); {
			case first == "":
				first = got
			case got != first:
				t.Fatalf("the outcome is %s with the one and %s with the other", first, got)
			}
		}
	})
}
