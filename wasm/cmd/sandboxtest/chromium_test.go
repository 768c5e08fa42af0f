//go:build !js && !wasip1

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/webgpu/browser/browsertest"
)

// TestChromium compares the outcomes of every case in a browser with those
// under wazero.
func TestChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	browser := browsertest.Chromium(t)
	s := selection{seed: 1, programs: 300, only: os.Getenv("SHOAL_CASES")}
	built := sandboxtest.Build(t)
	page := browsertest.Open(t, browsertest.Options{
		Browser: browser,
		Program: browsertest.Build(t, "build"),
		Args:    []string{"-seed=" + strconv.FormatUint(s.seed, 10), "-programs=" + strconv.Itoa(s.programs), "-only=" + s.only, "-built=" + serve(t, built)},
		Timeout: 5 * time.Minute,
	})
	all := s.cases(built)
	want := digests(t, all)
	got := hear(t, page)
	if len(got) != len(all) {
		t.Fatalf("the browser ran %d cases, want %d", len(got), len(all))
	}
	for i, c := range all {
		refusable := c.Refuse != "" || strings.HasPrefix(c.Name, "broken ")
		if got[i] != want[i] || strings.HasPrefix(got[i], "error") && !refusable {
			t.Errorf("%s: the browser's outcome is\n%s\nand wazero's\n%s", c.Name, got[i], want[i])
		}
	}
	t.Logf("%d cases, %d of them random programs", len(all), s.programs)
}

// serve gives programs to a page that comes from elsewhere.
func serve(t *testing.T, built map[string][]byte) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = w.Write(built[strings.TrimPrefix(r.URL.Path, "/")])
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func digests(t *testing.T, all []sandboxtest.Case) []string {
	box, err := wazerobox.New(t.Context(), wazerobox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	keep := sandboxtest.Keep(box)
	defer keep.Close()
	lines := make([]string, len(all))
	for i, c := range all {
		lines[i] = c.Digest(t.Context(), keep)
	}
	return lines
}

// hear collects what the page says until it is done.
func hear(t *testing.T, page *browsertest.Page) (lines []string) {
	t.Helper()
	for {
		for _, m := range page.Hear() {
			switch m.Kind {
			case "name", "line":
				t.Log(m.Value)
			case "digests":
				lines = append(lines, strings.Split(m.Value, "\n")...)
			case "error":
				t.Fatalf("after %d cases: %s", len(lines), m.Value)
			case "exit":
				t.Fatalf("after %d cases the program ended with %s", len(lines), m.Value)
			case "done":
				return lines
			}
		}
	}
}
