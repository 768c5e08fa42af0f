// Package unruly has modules that do what a sandbox is there for: they never
// end, take all memory, trap, write too much, look for something that differs
// from run to run, or ask for what no module gets.
//
// It owns the modules. What becomes of them is for the tests to say that run
// them.
package unruly

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Deeds are inputs of Program. Of each there is one outcome, everywhere.
var Deeds = []string{"count", "loop", "grow", "panic", "fail", "recurse", "flood", "differ", "sleep", "files"}

// Program is a Go program, built for wasip1, that does what its input says.
func Program(t testing.TB) []byte {
	t.Helper()
	code, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// build builds it once for each process of tests.
var build = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "unruly-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "unruly.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "github.com/shoal-compute/shoal/testharness/unruly/program")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWASM=")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("unruly: go build: %w\n%s", err, said)
	}
	return os.ReadFile(out)
})

// Grasping is a module that imports what no module gets: a function that opens
// sockets. It could not even be loaded.
var Grasping = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + // one type: func()
	"\x02\x13\x01\x03env\x0bopen_socket\x00\x00" + // import env.open_socket of that type
	"\x03\x02\x01\x00" + // one function of that type
	"\x05\x03\x01\x00\x01" + // one page of memory
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x01" +
	"\x0a\x06\x01\x04\x00\x10\x00\x0b") // it calls the import
