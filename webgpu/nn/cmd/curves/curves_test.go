package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/webgpu/cpu"
)

const tiny = `
kind: train
name: tiny
model: {arch: decoder, vocab: 128, dim: 16, layers: 1, heads: 2, context: 8}
data: {file: tiny.txt}
train: {steps: 30, batch: 4, optimizer: adam, lr: 0.003, warmup: 5, eval_every: 15, seed: 1}
`

// TestFollow checks that both sides of a small job are followed and agree, and
// that what is saved is what is loaded.
func TestFollow(t *testing.T) {
	spec, err := jobfile.Parse([]byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	text := []byte(strings.Repeat("one fish, two fish, many fish. ", 40))
	c, err := follow(context.Background(), spec, d, func(context.Context, string) ([]byte, error) { return text, nil }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.train) != 30 || len(c.val) != 2 || len(c.accuracy) != 0 || len(c.weights) != 64 {
		t.Fatalf("got %d training losses, %d held-out losses, %d accuracies and weights %q", len(c.train), len(c.val), len(c.accuracy), c.weights)
	}
	for _, p := range append(c.train, c.val...) {
		if diff := p.integer - p.float; diff < -0.02 || diff > 0.02 {
			t.Errorf("step %d: integer loss %.4f, float32 %.4f", p.step, p.integer, p.float)
		}
	}
	if first, last := c.train[0], c.train[29]; last.integer > first.integer-0.5 {
		t.Errorf("loss went from %.3f to %.3f", first.integer, last.integer)
	}

	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "curves"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.save(dir, "kjv-nano"); err != nil {
		t.Fatal(err)
	}
	if err := writePage(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "CURVES.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## kjv-nano", "| 15 |", "| 30 |", c.weights} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if strings.Contains(string(page), "## fashion-mnist") {
		t.Error("the page has a curve that is not there")
	}
}

func TestThinned(t *testing.T) {
	p := []pair{{1, 1, 2}, {2, 3, 4}, {3, 5, 6}, {4, 7, 8}, {5, 9, 10}}
	got := thinned(p, 3)
	want := []pair{{2, 2, 3}, {4, 6, 7}, {5, 9, 10}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
