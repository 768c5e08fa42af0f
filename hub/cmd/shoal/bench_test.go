package main

import (
	"os"
	"strings"
	"testing"
)

func TestBenchKernels(t *testing.T) {
	code, out, errs := shoal(t, "bench", "kernels", "--size", "33,64", "--lanes", "cpu,wasm,reference", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var got struct{ Lanes []kernelResult }
	lastLine(t, out, &got)
	if len(got.Lanes) != 6 {
		t.Errorf("%d results, want 3 lanes at 2 sizes", len(got.Lanes))
	}
	for _, r := range got.Lanes {
		if !r.Exact || r.GOPS <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestBenchKernelsBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	needBrowser(t)
	code, out, errs := shoal(t, "bench", "kernels", "--size", "61", "--lanes", "wasm-browser", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var got struct{ Lanes []kernelResult }
	lastLine(t, out, &got)
	if len(got.Lanes) != 1 || !got.Lanes[0].Exact {
		t.Errorf("%+v %s", got, errs)
	}
}

// needBrowser skips where there is no browser, unless everything has to be
// here.
func needBrowser(t *testing.T) {
	t.Helper()
	_, err := findBrowser()
	if err != nil && os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
}

func TestBenchStep(t *testing.T) {
	code, out, errs := shoal(t, "bench", "step", "--lanes", "cpu", "--threads", "1", "--steps", "1", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var got struct{ Lanes []stepResult }
	lastLine(t, out, &got)
	if len(got.Lanes) != 1 || got.Lanes[0].Threads != 1 || got.Lanes[0].Tokens <= 0 {
		t.Errorf("%+v", got)
	}
}

func TestBenchUsage(t *testing.T) {
	for _, args := range [][]string{
		{"bench", "kernels", "--size", "0"}, {"bench", "kernels", "--lanes", "abacus"}, {"bench", "step", "--steps", "0"}, {"bench"},
	} {
		if code, _, errs := shoal(t, args...); code != exitUsage {
			t.Errorf("%s: code %d, %s", strings.Join(args, " "), code, errs)
		}
	}
}
