package peers

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// Set names peers that are installed together.
type Set string

// The sets of peers.
const (
	ForPage   Set = "web"  // onnxruntime-web and TensorFlow.js
	ForVulkan Set = "dawn" // Dawn in node
)

// manifests hold what npm needs to know of each set.
//
//go:embed npm
var manifests embed.FS

// file reads a file of a set's manifest.
func (s Set) file(name string) []byte {
	data, err := manifests.ReadFile(path.Join("npm", string(s), name))
	if err != nil {
		panic("peers: set " + string(s) + ": " + err.Error()) // all there are is embedded
	}
	return data
}

// Versions are the pinned versions by name.
func (s Set) Versions() map[string]string {
	var m struct{ Dependencies map[string]string }
	if err := json.Unmarshal(s.file("package.json"), &m); err != nil {
		panic("peers: set " + string(s) + ": " + err.Error())
	}
	return m.Dependencies
}

// ErrNoModules reports that peers are not installed.
var ErrNoModules = errors.New("peers: not installed")

// Modules is a directory with a set of peers in it.
type Modules struct{ dir string }

// stamp is written when all of a set is there: the lock that it came from.
const stamp = "installed.json"

// Find returns the peers of a set installed below dir, or ErrNoModules if
// there are none or others than those pinned.
func Find(dir string, s Set) (Modules, error) {
	m := Modules{filepath.Join(dir, string(s))}
	have, err := os.ReadFile(filepath.Join(m.dir, stamp))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(have, s.file("package-lock.json")) {
		return Modules{}, fmt.Errorf("%w in %s", ErrNoModules, m.dir)
	}
	if err != nil {
		return Modules{}, fmt.Errorf("peers: %w", err)
	}
	return m, nil
}

// Install brings the pinned peers of a set below dir through npm, unless they
// are there.
func Install(ctx context.Context, dir string, s Set) (Modules, error) {
	m, err := Find(dir, s)
	if !errors.Is(err, ErrNoModules) {
		return m, err
	}
	m = Modules{filepath.Join(dir, string(s))}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return Modules{}, fmt.Errorf("peers: %w", err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(m.dir, name), s.file(name), 0o644); err != nil {
			return Modules{}, fmt.Errorf("peers: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = m.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return Modules{}, fmt.Errorf("peers: npm ci: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(m.dir, stamp), s.file("package-lock.json"), 0o644); err != nil {
		return Modules{}, fmt.Errorf("peers: %w", err)
	}
	return m, nil
}
