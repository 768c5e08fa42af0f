//go:build linux && (amd64 || arm64)

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/go-webgpu/goffi/ffi"
)

const weighted = `
int first(long *to) { *to = 42; return 0; }
int weighted(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j, long k) {
	return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + 8*h + 9*i + 10*j - 11*k;
}`

// TestCall calls C functions with as few and as many arguments as the driver's
// have: it needs no driver.
func TestCall(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("SHOAL_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	source, lib := filepath.Join(dir, "weighted.c"), filepath.Join(dir, "libweighted.so")
	if err := os.WriteFile(source, []byte(weighted), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "gcc", "-shared", "-fPIC", "-o", lib, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	handle, err := ffi.LoadLibrary(lib)
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) uintptr {
		p, err := ffi.GetSymbol(handle, name)
		if err != nil {
			t.Fatal(err)
		}
		return uintptr(p)
	}
	var l library
	if r := l.status(find("weighted"), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 40); r != 385-440 {
		t.Errorf("a function of 11 arguments gives %d, want %d", r, 385-440)
	}
	var to int64
	if r := l.status(find("first"), uintptr(unsafe.Pointer(&to))); r != 0 || to != 42 {
		t.Errorf("a function of 1 argument gives %d and writes %d, want 0 and 42", r, to)
	}
}
