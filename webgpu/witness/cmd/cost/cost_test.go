package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRun measures a tiny decoder twice, so that the second row replaces the
// first, and reads what was written.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "COST.md")
	if err := os.WriteFile(page, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-o", dir, "-layers", "1", "-batch", "1", "-rounds", "1", "-widths"}
	for _, widths := range []string{"64,32", "32"} {
		if err := run(t.Context(), append(slices.Clone(args), widths), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := load(filepath.Join(dir, "cost.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Width != 32 || rows[1].Width != 64 {
		t.Fatalf("got %+v", rows)
	}
	r := rows[0]
	if r.Tokens != 64 || r.Layers != 1 || r.All.Products != 21 || r.Chosen.Products > r.All.Products || r.Outputs < 4*r.Parameters {
		t.Errorf("got %+v", r)
	}
	if w := r.All; w.Verify <= w.Check || r.Rerun < r.Contract+r.Other || w.Price.Witness == 0 || w.Prover == 0 {
		t.Errorf("got %+v", w)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); !strings.HasPrefix(s, "before\n") || !strings.HasSuffix(s, "after\n") ||
		strings.Contains(s, "old") || !strings.Contains(s, "| 64 | 21 of 21 |") {
		t.Errorf("the page is\n%s", s)
	}
	svg, err := os.Open(filepath.Join(dir, "cost.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer svg.Close()
	for d := xml.NewDecoder(svg); err == nil; _, err = d.Token() {
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}

	for _, widths := range []string{"31", "x", ""} {
		if err := run(t.Context(), append(slices.Clone(args), widths), io.Discard); err == nil {
			t.Errorf("widths %q were accepted", widths)
		}
	}
	if err := os.WriteFile(page, []byte("no place"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), append(slices.Clone(args), "none"), io.Discard); err == nil {
		t.Error("a page without a place was accepted")
	}
}
