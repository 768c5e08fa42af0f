//go:build !js && !wasip1

package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// pageHTML keeps what the worker says until the test asks for it.
const pageHTML = `<!doctype html><title>test</title><script>
const said = [];
let wake = () => {};
const hear = (kind, value) => { said.push({kind, value: String(value)}); wake(); };
const heard = async (from) => {
	while (said.length <= from) await new Promise((go) => { wake = go; });
	return JSON.stringify(said.slice(from));
};
const worker = new Worker("/worker.js" + location.search);
worker.onerror = (e) => hear("error", e.message);
worker.onmessage = ({data: {kind, value}}) => hear(kind, value);
</script>`

// workerJS runs the program with the arguments in its address. What Go prints
// it gives to console.log, line by line.
const workerJS = `importScripts("/wasm_exec.js");
console.log = (line) => postMessage({kind: "line", value: line});
const go = new Go();
go.argv = ["main", ...new URLSearchParams(location.search).getAll("arg")];
go.exit = (code) => postMessage({kind: "exit", value: code});
WebAssembly.instantiateStreaming(fetch("/main.wasm"), go.importObject)
	.then(({instance}) => go.run(instance))
	.catch((e) => postMessage({kind: "error", value: e}));`

// Message is one thing that a program said.
type Message struct{ Kind, Value string }

// Page is a program that runs in a browser of its own.
type Page struct {
	t    testing.TB
	ctx  context.Context
	next int // of the messages
}

// Options say what runs where.
type Options struct {
	Browser string         // see Chromium and Llvmpipe
	Flags   map[string]any // of the browser, besides the usual ones
	Program string         // see Build
	Args    []string       // of the program
	Timeout time.Duration  // of everything
}

// Open starts a browser and in it the program.
func Open(t testing.TB, o Options) *Page {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(o.Browser), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	for name, value := range o.Flags {
		flags = append(flags, chromedp.Flag(name, value))
	}
	ctx, cancel := context.WithTimeout(t.Context(), o.Timeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, flags...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	address := serve(t, o.Program) + "/?" + url.Values{"arg": o.Args}.Encode()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
	return &Page{t: t, ctx: ctx}
}

func serve(t testing.TB, program string) string {
	t.Helper()
	mux := http.NewServeMux()
	text := func(path, kind, body string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(body))
		})
	}
	file := func(path, name string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
	}
	text("/{$}", "text/html", pageHTML)
	text("/worker.js", "text/javascript", workerJS)
	file("/main.wasm", program)
	file("/wasm_exec.js", filepath.Join(goroot(t), "lib", "wasm", "wasm_exec.js"))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// Hear waits until the program has said something since the last call, and
// returns all of it.
func (p *Page) Hear() []Message {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf("heard(%d)", p.next), chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("after %d messages of the program: %v", p.next, err)
	}
	var said []Message
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		p.t.Fatal(err)
	}
	p.next += len(said)
	return said
}

// CrashGPU kills the process that the browser's GPU work runs in, as a
// driver's fault does. The browser starts another.
func (p *Page) CrashGPU() {
	p.t.Helper()
	if _, err := chromedp.CallBrowser(p.ctx, cdpbrowser.CrashGPUProcess, cdp.Empty{}); err != nil {
		p.t.Fatalf("crash the GPU process: %v", err)
	}
}
