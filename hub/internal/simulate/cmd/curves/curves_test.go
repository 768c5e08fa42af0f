package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A village draws all figures, and again the same.
func TestFigures(t *testing.T) {
	draw := func() map[string]string {
		t.Helper()
		dir := t.TempDir()
		var log bytes.Buffer
		if err := run(t.Context(), []string{"-out", dir, "-volunteers", "40", "-days", "4"}, &log); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "\n"); n != 3*8+3+16+9 {
			t.Errorf("%d points measured:\n%s", n, log.String())
		}
		pictures := map[string]string{}
		for _, name := range []string{"overhead-cheaters", "wrong-cheaters", "overhead-age", "overhead-epsilon", "lies-adaptive"} {
			svg, err := os.ReadFile(filepath.Join(dir, name+".svg"))
			if err != nil {
				t.Fatal(err)
			}
			pictures[name] = string(svg)
		}
		return pictures
	}
	first, second := draw(), draw()
	for name, svg := range first {
		if svg != second[name] {
			t.Errorf("%s: two pictures from one seed", name)
		}
	}
	if !strings.Contains(first["wrong-cheaters"], "BOINC&") && !strings.Contains(first["wrong-cheaters"], "BOINC's") {
		t.Error("the figure of wrong results lacks a rule")
	}
}

func TestUnknownFigure(t *testing.T) {
	var log bytes.Buffer
	if err := run(t.Context(), []string{"moon"}, &log); err == nil || !strings.Contains(err.Error(), "adaptive") {
		t.Errorf("error %v does not name the figures", err)
	}
}
