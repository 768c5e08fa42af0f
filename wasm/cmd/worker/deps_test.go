//go:build !js && !wasip1

package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// deps.txt lists what the page's program is made of, because every visitor
// downloads it: a new line there is a decision.
func TestDeps(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, said.Bytes())
	}
	deps := slices.DeleteFunc(strings.Fields(string(out)), internal)
	file, err := os.ReadFile("deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(file), "\n") // without its title
	known := strings.Fields(list)
	for _, dep := range deps {
		if !slices.Contains(known, dep) {
			t.Errorf("%s is new in the browser's download; if that is meant: make generate", dep)
		}
	}
	for _, dep := range known {
		if !slices.Contains(deps, dep) {
			t.Errorf("%s is no longer in the browser's download: make generate", dep)
		}
	}
}

// internal reports packages that only come along with the standard library's
// others.
func internal(dep string) bool {
	first, _, _ := strings.Cut(dep, "/")
	return first == "internal" || first == "vendor" || !strings.Contains(first, ".") && strings.Contains(dep, "/internal/")
}
