//go:build !js && !wasip1

package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build runs a go command, such as build or test -c, for js and returns the
// file it made.
func Build(t testing.TB, command ...string) string {
	t.Helper()
	depend(t)
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.CommandContext(t.Context(), "go", append(command, "-ldflags=-s -w", "-o", out, ".")...)
	cmd.Env = environ()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(command, " "), err, text)
	}
	return out
}

func environ() []string { return append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0") }

// depend opens the folders of all packages that the program is made of. Go
// remembers the outcome of a test together with what the test opened: it would
// not see a change in files that only another process reads.
func depend(t testing.TB) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", "-f", "{{if .Module}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}", ".")
	cmd.Env = environ()
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dir := range strings.FieldsSeq(string(text)) {
		f, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// goroot is where the wasm_exec.js of the Go that builds is.
func goroot(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env GOROOT: %v", err)
	}
	return strings.TrimSpace(string(out))
}
