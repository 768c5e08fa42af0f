package sandbox_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
)

var limits = sandbox.Limits{Fuel: 1 << 20, Memory: 4, Output: 1 << 12}

// FuzzRewrite gives any bytes to the reader. It must not fail in another way
// than by refusing, and write the same twice.
func FuzzRewrite(f *testing.F) {
	for _, c := range sandboxtest.Cases() {
		f.Add(c.Module)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		first, err := sandbox.Rewrite(code, limits)
		if err != nil {
			var refused *sandbox.ModuleError
			if !errors.As(err, &refused) {
				t.Fatalf("refused with %v, which is no ModuleError", err)
			}
			return
		}
		second, err := sandbox.Rewrite(code, limits)
		if err != nil || !bytes.Equal(first.Code, second.Code) {
			t.Fatalf("rewritten again, it is another module (error %v)", err)
		}
	})
}

// What is rewritten is no module for the sandbox: it imports what nothing but
// a host gives.
func TestNobodyNamesWhatIsHidden(t *testing.T) {
	for _, c := range sandboxtest.Cases() {
		b, err := sandbox.Rewrite(c.Module, c.Limits)
		if err != nil {
			continue
		}
		if _, err := sandbox.Rewrite(b.Code, c.Limits); err == nil {
			t.Errorf("%s: its rewritten form was taken for a module", c.Name)
		}
	}
}

// Every byte of a module cut off or changed leaves a module or a refusal.
func TestDamagedModules(t *testing.T) {
	code := sandboxtest.Random(1, 1).Module
	for i := range code {
		for _, damaged := range [][]byte{code[:i], append(append(bytes.Clone(code[:i]), code[i]^0xff), code[i+1:]...)} {
			_, err := sandbox.Rewrite(damaged, limits)
			var refused *sandbox.ModuleError
			if err != nil && !errors.As(err, &refused) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}
