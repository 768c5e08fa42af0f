package examples

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/cpu"
)

// The text is the one all published figures are about.
func TestText(t *testing.T) {
	text, err := Data("data/kjv.txt.zst")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	got := hex.EncodeToString(sum[:])
	const want = "cd45f0c9cedab8e4439bd6486c8952c77cc8b0ecc5d1f6ae3513f2039f47229d"
	if len(text) != 4404412 || got != want {
		t.Errorf("%d bytes with SHA-256 %s, want 4404412 with %s", len(text), got, want)
	}
	readme, err := os.ReadFile("data/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), want) {
		t.Errorf("data/README.md does not name %s", want)
	}
}

func TestJobFiles(t *testing.T) {
	for _, name := range []string{"kjv-nano.yaml", "kjv-5m.yaml", "kjv-25m.yaml", "fashion-mnist.yaml", "fashion-cnn.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := jobfile.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if spec.Name+".yaml" != name {
			t.Errorf("%s names itself %s", name, spec.Name)
		}
	}
	if _, err := JobFile("none.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing job file: %v", err)
	}
}

// The float32 file that training leaves gives the same held-out loss in
// PyTorch as the integers it was made from.
func TestTorchEval(t *testing.T) {
	if testing.Short() {
		t.Skip("runs PyTorch, which takes half a minute")
	}
	python := torch(t)
	text, err := os.ReadFile("kjv-nano.yaml")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := jobfile.Parse(text, "train.steps=3")
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New(cpu.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	res, err := local.Run(t.Context(), train.Kind{}, spec, local.Config{Device: d, Data: data.Dir(".").Read})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var sum train.Summary
	for _, a := range res.Artifacts {
		if err := os.WriteFile(filepath.Join(dir, a.Name), a.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		if a.Name == train.FileReport {
			if err := json.Unmarshal(a.Data, &sum); err != nil {
				t.Fatal(err)
			}
		}
	}
	corpus, err := Data("data/kjv.txt.zst")
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "kjv.txt") // the script's own way to read .zst needs a program
	if err := os.WriteFile(plain, corpus, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "torch_eval.py", dir, plain).Output()
	if err != nil {
		t.Fatalf("torch_eval.py: %v", err)
	}
	loss, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil || sum.ValLast == nil || math.Abs(loss-*sum.ValLast) > 0.01 {
		t.Errorf("PyTorch says %s, the integers %.4f", out, *sum.ValLast)
	}
}

// torch finds a Python with PyTorch.
func torch(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import torch").Run() == nil {
			return python
		}
	}
	if os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal("no Python with PyTorch here, and SHOAL_REQUIRE is set: Debian's python3-torch has one")
	}
	t.Skip("no Python with PyTorch here: Debian's python3-torch has one")
	return ""
}
