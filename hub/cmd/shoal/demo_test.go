package main

import (
	"os"
	"testing"

	"github.com/shoal-compute/shoal/site"
)

// The whole path: a hub, and a native, a headless and a browser volunteer
// that train one model exactly.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the demo, which takes a minute")
	}
	if !site.Built() {
		if os.Getenv("SHOAL_REQUIRE") != "" {
			t.Fatal("the WebAssembly worker is not built: run make wasm")
		}
		t.Skip("the WebAssembly worker is not built: make wasm")
	}
	needBrowser(t)
	code, out, errs := shoal(t, "demo", "--steps", "2", "--browser", "on", "--json")
	if code != exitDone {
		t.Fatalf("code %d: %s", code, errs)
	}
	var got demoResult
	lastLine(t, out, &got)
	for _, kind := range []string{"native", "wazero", "browser"} {
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
