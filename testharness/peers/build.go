package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lane is the page's Go program, which runs our lanes on GPUs: its module, and
// the script that comes with the Go that built it.
type lane struct{ module, script string }

// buildLane builds the program beside the peers. It needs the sources of this
// package's module around the current directory.
func buildLane(ctx context.Context, m Modules) (lane, error) {
	l := lane{module: filepath.Join(m.dir, "lane.wasm")}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", l.module, "github.com/shoal-compute/shoal/testharness/peers/cmd/lane")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return l, fmt.Errorf("peers: build the page's program: %w\n%s", err, out)
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return l, fmt.Errorf("peers: go env GOROOT: %w", err)
	}
	l.script = filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")
	return l, nil
}
