package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/site"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// labHTML keeps what the worker says until it is asked for.
const labHTML = `<!doctype html><title>shoal bench</title><script>
const said = [];
let wake = () => {};
const hear = (message) => { said.push(message); wake(); };
const heard = async (from) => {
	while (said.length <= from) await new Promise((go) => { wake = go; });
	return said.slice(from);
};
const worker = new Worker("/worker.js" + location.search);
worker.onerror = (e) => hear({kind: "error", value: JSON.stringify(e.message)});
worker.onmessage = ({data}) => hear(data);
</script>`

// labJS runs the program of wasm/cmd/lab with the arguments in its address.
const labJS = `importScripts("/wasm_exec.js");
const go = new Go();
go.argv = ["lab", ...new URLSearchParams(location.search).getAll("arg")];
go.exit = (code) => postMessage({kind: "error", value: JSON.stringify("the page's program ended with " + code)});
WebAssembly.instantiateStreaming(fetch("/lab.wasm"), go.importObject)
	.then(({instance}) => go.run(instance))
	.catch((e) => postMessage({kind: "error", value: JSON.stringify(String(e))}));`

// labFile is the program of wasm/cmd/lab among the site's files. It is packed,
// since no visitor's browser loads it.
const labFile = "lab.wasm.gz"

// labMessage is one thing that the program says. Its package lists them.
type labMessage struct{ Kind, Value string }

// runLab lets the program of wasm/cmd/lab work in a real browser and reads its
// result. hear gets what it says on the way. in is the job it is about, if it
// is about one. What the browser lacks is device.ErrUnavailable.
func runLab(ctx context.Context, in *jobInput, args []string, result any, hear func(labMessage) error) error {
	if _, err := findBrowser(); err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	address, stop, err := serveLab(in)
	if err != nil {
		return err
	}
	defer stop()
	tab, closeTab, err := openBrowser(ctx, address+"/?"+url.Values{"arg": args}.Encode())
	if err != nil {
		return err
	}
	defer closeTab()
	for next := 0; ; {
		said, err := chromedp.Run(tab, chromedp.Evaluate[[]labMessage](fmt.Sprintf("heard(%d)", next), chromedp.EvalAwaitPromise))
		if err != nil {
			return err
		}
		next += len(said)
		for _, m := range said {
			if m.Kind == "result" {
				return json.Unmarshal([]byte(m.Value), result)
			}
			if m.Kind == "error" || m.Kind == "unavailable" {
				return labError(m)
			}
			if err := hear(m); err != nil {
				return err
			}
		}
	}
}

func labError(m labMessage) error {
	var text string
	if err := json.Unmarshal([]byte(m.Value), &text); err != nil {
		text = m.Value
	}
	if m.Kind == "unavailable" {
		return fmt.Errorf("in the browser: %w (%s)", device.ErrUnavailable, text)
	}
	return errors.New("in the browser: " + text)
}

// serveLab serves the page, its program and the job to this machine alone.
func serveLab(in *jobInput) (address string, stop func(), err error) {
	packed, err := fs.ReadFile(site.FS(), labFile)
	if err != nil {
		return "", nil, fmt.Errorf("%w: this program was built without the page's programs: run make build", device.ErrUnavailable)
	}
	program, err := unpack(packed)
	if err != nil {
		return "", nil, err
	}
	runtime, err := fs.ReadFile(site.FS(), "wasm_exec.js")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	serve := func(path, kind string, body []byte) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			// Isolated pages have finer clocks.
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
			w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
			_, _ = w.Write(body) // a page that has gone needs no answer
		})
	}
	serve("/{$}", "text/html; charset=utf-8", []byte(labHTML))
	serve("/worker.js", "text/javascript; charset=utf-8", []byte(labJS))
	serve("/wasm_exec.js", "text/javascript; charset=utf-8", runtime)
	serve("/lab.wasm", "application/wasm", program)
	if in != nil {
		text, err := jobfile.Encode(in.spec)
		if err != nil {
			return "", nil, err
		}
		serve("/job", "application/json", text)
		mux.HandleFunc("GET /data/{name...}", in.serveData)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends when it is closed; a page that gets no answer says so itself
	}()
	return "http://" + l.Addr().String(), func() {
		server.Close()
		<-served
	}, nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// serveData serves the files that the job names, and no others.
func (in *jobInput) serveData(w http.ResponseWriter, r *http.Request) {
	d, name := in.spec.Data, r.PathValue("name")
	if name == "" || name != d.File && name != d.Tokens && !slices.Contains(d.IDX, name) {
		http.NotFound(w, r)
		return
	}
	content, err := in.read(r.Context(), name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(content) // a page that has gone needs no answer
}
