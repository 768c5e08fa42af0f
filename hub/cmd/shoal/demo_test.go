package main

import (
	"os"
	"testing"

	"github.com/shoal-compute/shoal/site"
)

// The whole path: a hub, and a native, a headless and a browser volunteer
// that train one model exactly.
func TestDemo(t *testing.T) {
	needBuilt(t)
	needBrowser(t)
	testDemo(t, []string{"native", "wazero", "browser"}, "--browser", "on")
}

// Every way to compute in a browser beside native and headless ones: the same
// bytes.
func TestDemoOnEveryLaneOfABrowser(t *testing.T) {
	needBuilt(t)
	needBrowser(t)
	testDemo(t, []string{"native", "wazero", "webgpu tab", "webgl tab", "wasm tab"}, "--tabs", "webgpu,webgl,wasm")
}

// needBuilt skips where the page's programs are not part of this binary.
func needBuilt(t *testing.T) {
	t.Helper()
	if !site.Built() && os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal("the WebAssembly programs are not built: run make wasm")
	}
	if !site.Built() {
		t.Skip("the WebAssembly programs are not built: make wasm")
	}
}

func testDemo(t *testing.T, kinds []string, how ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the demo, which takes a minute")
	}
	code, out, errs := shoal(t, append([]string{"demo", "--steps", "2", "--json"}, how...)...)
	if code != exitDone {
		t.Fatalf("code %d: %s", code, errs)
	}
	var got demoResult
	lastLine(t, out, &got)
	for _, kind := range kinds {
		if got.Volunteers[kind] != 1 || got.ShardsBy[kind] == 0 {
			t.Errorf("%s: %d volunteers with %d shards", kind, got.Volunteers[kind], got.ShardsBy[kind])
		}
	}
	if got.Steps != 2 || got.Mismatches != 0 || got.Shards != 2*4+64 || got.ReplicasCompared < 2*got.Shards || got.LossLast >= got.LossFirst {
		t.Errorf("%+v", got)
	}
	code, _, errs = shoal(t, "reproduce", "../../../examples/kjv-nano.yaml", "--set", "train.steps=2", "--expect", got.WeightsSHA256)
	if code != exitDone {
		t.Errorf("reproduce: code %d: %s", code, errs)
	}
}
