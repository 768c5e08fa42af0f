package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
)

// greedy is a module whose shoal_run has 2^32 - 1 locals, in one group.
var greedy = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x0f\x03\x60\x01\x7f\x01\x7f\x60\x02\x7f\x7f\x01\x7e\x60\x00\x00" + // types
	"\x03\x03\x02\x00\x01" + // functions
	"\x05\x03\x01\x00\x01" + // memory
	"\x07\x24\x03\x0bshoal_alloc\x00\x00\x09shoal_run\x00\x01\x06memory\x02\x00" +
	"\x0a\x12\x02\x05\x00\x41\x80\x08\x0b\x0a\x01\xff\xff\xff\xff\x0f\x7f\x42\x00\x0b")

// modules are what `module NAME` writes: known.wasm does what the first letter
// of its input says, the others are examples built from their source, and an
// input for one of them.
var modules = map[string]func() ([]byte, error){
	"known.wasm":     func() ([]byte, error) { return selftest.Module, nil },
	"locals.wasm":    func() ([]byte, error) { return greedy, nil },
	"primes.wasm":    sync.OnceValues(func() ([]byte, error) { return buildExample("primes") }),
	"thumbnail.wasm": sync.OnceValues(func() ([]byte, error) { return buildExample("thumbnail") }),
	"rings.png":      func() ([]byte, error) { return os.ReadFile(filepath.Join(examplesDir, "thumbnail", "rings.png")) },
}

var examplesDir = filepath.Join("..", "..", "..", "examples")

func buildExample(name string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "shoal-example-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, name)
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, ".")
	c.Dir = filepath.Join(examplesDir, name)
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.ReadFile(file)
}

// writeModule is the script command `module NAME`.
func writeModule(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || modules[args[0]] == nil {
		ts.Fatalf("usage: module known.wasm|locals.wasm|primes.wasm|thumbnail.wasm|rings.png")
	}
	data, err := modules[args[0]]()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// A pipe's outcomes are in the order of its inputs however many runs there are
// at a time, and what comes out does not wait for the end of what goes in.
func TestMapStreams(t *testing.T) {
	dir := t.TempDir()
	known := filepath.Join(dir, "known.wasm")
	if err := os.WriteFile(known, selftest.Module, 0o600); err != nil {
		t.Fatal(err)
	}
	var in strings.Builder
	var want []string
	for i := range 500 {
		if i%7 == 0 {
			in.WriteString("divide\n")
			want = append(want, "")
			continue
		}
		fmt.Fprintf(&in, "s%d\n", i)
		want = append(want, fmt.Sprint(i))
	}
	var outputs []string
	for _, jobs := range []string{"1", "5"} {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"map", known, "--json", "--jobs", jobs}, strings.NewReader(in.String()), &out, &errs)
		if code != exitFailed || !strings.HasSuffix(errs.String(), "72 of 500 inputs failed\n") {
			t.Errorf("exit code %d: %s", code, &errs)
		}
		for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			status := "returned"
			if want[i] == "" {
				status = "trapped"
			}
			if !strings.HasPrefix(line, fmt.Sprintf(`{"index":%d,"status":%q,`, i, status)) {
				t.Fatalf("line %d: %s", i, line)
			}
		}
		outputs = append(outputs, out.String())
	}
	if outputs[0] != outputs[1] {
		t.Error("the outcomes depend on --jobs")
	}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	answers, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	done := make(chan int)
	go func() {
		defer ours.Close()
		done <- run(t.Context(), []string{"map", known, "--null"}, r, ours, os.Stderr)
	}()
	for range 2 { // no input, no output: only their ends
		if _, err := w.WriteString("\x00"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1)
		if n, err := answers.Read(answer); n != 1 || err != nil || answer[0] != 0 {
			t.Fatalf("answer %q, %v", answer, err)
		}
	}
	w.Close()
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
