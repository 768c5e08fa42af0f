package clang

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed testdata/exact.c
var exact string

// TestExact compares what the prelude computes through floating point with
// integer arithmetic, next to every value where rounding could go wrong.
func TestExact(t *testing.T) {
	const compiler = "clang-16"
	if _, err := exec.LookPath(compiler); err != nil {
		if os.Getenv("SHOAL_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skipf("cannot compile: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "exact.c"), []byte(prelude+exact), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), compiler, "-O2", "-std=c11", "-fwrapv", "-fno-math-errno", "-ffp-contract=off", "-Wno-pass-failed", "exact.c", "-o", "exact")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd = exec.CommandContext(t.Context(), "./exact")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
