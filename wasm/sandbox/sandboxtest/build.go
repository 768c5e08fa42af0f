//go:build !js && !wasip1

package sandboxtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Build builds the programs of GoCases.
func Build(t testing.TB) map[string][]byte {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	built := map[string][]byte{}
	for _, name := range GoPrograms {
		dir := filepath.Join(filepath.Dir(file), "testdata", name)
		source, err := os.ReadFile(filepath.Join(dir, "main.go")) // so that Go sees what the test depends on
		if err != nil || len(source) == 0 {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), name)
		args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}
		if name == "exports" {
			args = append(args, "-buildmode=c-shared")
		}
		cmd := exec.CommandContext(t.Context(), "go", append(args, ".")...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", name, err, text)
		}
		if built[name], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	return built
}
