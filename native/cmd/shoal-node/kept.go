package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

const keptFile = "devices.json"

// kept is what was found out about devices, in a file of the data folder. A
// file that cannot be read or written costs time at the next start, no more.
type kept struct{ path string }

var _ choose.Store = kept{}

func keptIn(dir string) kept { return kept{filepath.Join(dir, keptFile)} }

func (k kept) all() map[string]string {
	all := map[string]string{}
	data, err := os.ReadFile(k.path)
	if err != nil || json.Unmarshal(data, &all) != nil {
		return map[string]string{}
	}
	return all
}

// Load implements choose.Store.
func (k kept) Load(key string) ([]byte, bool) {
	data, found := k.all()[key]
	return []byte(data), found
}

// maxKept bounds the file: drivers and builds come and go.
const maxKept = 200

// Save implements choose.Store.
func (k kept) Save(key string, data []byte) {
	all := k.all()
	if len(all) >= maxKept {
		clear(all)
	}
	all[key] = string(data)
	if text, err := json.MarshalIndent(all, "", "  "); err == nil {
		_ = writeFile(k.path, append(text, '\n')) // see kept
	}
}

// build names this program by its bytes: whatever changes in it may change
// what a driver makes of it. Empty where the file cannot be read.
func build() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
