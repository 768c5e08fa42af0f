//go:build !js && !wasip1

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/webgpu/reference"
)

// page starts the program in a dedicated worker, where it runs in production
// too, and collects what it posts.
const page = `<!doctype html><script>
window.said = {digests: [], speed: [], error: "", done: false};
const source = 'importScripts("' + location.origin + '/wasm_exec.js"); const go = new Go();' +
	'WebAssembly.instantiateStreaming(fetch("' + location.origin + '/main.wasm"), go.importObject)' +
	'.then(({instance}) => go.run(instance)).catch((e) => postMessage({kind: "error", value: String(e)}));';
const worker = new Worker(URL.createObjectURL(new Blob([source])));
worker.onerror = (e) => { said.error = e.message; };
worker.onmessage = ({data: {kind, value}}) => {
	if (kind === "speed") said.speed.push(value);
	else if (kind === "done") said.done = true;
	else said[kind] = value;
};
</script>`

type said struct {
	Digests []string
	Speed   []string
	Error   string
	Done    bool
}

// TestChromium compares every case that ran in the browser with the
// reference.
func TestChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	got := drive(t, chromium(t), serve(t, build(t)))
	if got.Error != "" {
		t.Fatal(got.Error)
	}
	all, err := cases()
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Digests) != len(all) {
		t.Fatalf("the browser ran %d cases, want %d", len(got.Digests), len(all))
	}
	differ := 0
	for i, c := range all {
		want, err := digest(t.Context(), reference.New(), c)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if got.Digests[i] != want {
			differ++
			t.Errorf("%s, seed %d: the browser's digest is %s, the reference's %s", c.Name, c.Seed, got.Digests[i], want)
		}
	}
	t.Logf("%d cases of seed %d (%d of each op, %d random programs, the models), %d differ; %s", len(all), seed, perOp, programs, differ, strings.Join(got.Speed, ", "))
}

// build compiles the page's program.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

func serve(t *testing.T, program string) string {
	t.Helper()
	script := filepath.Join(goroot(t), "lib", "wasm", "wasm_exec.js")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	})
	mux.HandleFunc("GET /main.wasm", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/wasm")
		http.ServeFile(w, r, program)
	})
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		http.ServeFile(w, r, script)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// goroot is where wasm_exec.js of the Go that built the program is.
func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env GOROOT: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// drive opens the page and waits until it is done or has failed.
func drive(t *testing.T, browser, url string) said {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`new Promise((end) => { const look = () => said.done || said.error ? end(JSON.stringify(said)) : setTimeout(look, 20); look(); })`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var got said
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// chromium finds the browser. Where it is missing the test is skipped, unless
// SHOAL_REQUIRE says that everything has to be here.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal("no Chromium on this machine, and SHOAL_REQUIRE is set")
	}
	t.Skip("no Chromium on this machine: make deps")
	return ""
}
