package peers

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/wasm/simd"
)

//go:embed page
var pageFiles embed.FS

// ErrNoBrowser reports that this machine has no browser that can be driven.
var ErrNoBrowser = errors.New("peers: no Chromium or Chrome found; SHOAL_BROWSER may name one")

func findBrowser() (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	if name := os.Getenv("SHOAL_BROWSER"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// handler serves the page, the peers, the operands and the models.
func handler(m Modules, program lane) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pageFiles, "page/index.html")
	})
	mux.Handle("GET /page/", http.FileServerFS(pageFiles))
	mux.Handle("GET /npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(m.dir+"/node_modules"))))
	mux.HandleFunc("GET /simd.wasm", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/wasm")
		_, _ = w.Write(simd.Module)
	})
	for path, file := range map[string]string{"/lane.wasm": program.module, "/wasm_exec.js": program.script} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.HandleFunc("GET /operand/{n}/{which}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		o := newOperands(n)
		data := o.a
		if r.PathValue("which") == "b" {
			data = o.b
		}
		_, _ = w.Write(data)
	})
	mux.HandleFunc("GET /model/{kind}/{n}", func(w http.ResponseWriter, r *http.Request) {
		kind, constant := strings.CutSuffix(r.PathValue("kind"), "-constant")
		p, ok := products[kind]
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || !ok {
			http.NotFound(w, r)
			return
		}
		if p.n = n; constant {
			p.constant = newOperands(n).b
		}
		_, _ = w.Write(p.encode())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Isolated pages have finer clocks and shared memory.
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		mux.ServeHTTP(w, r)
	})
}

// products are the models by the name the page knows them by.
var products = map[string]product{
	"u8":  {op: "MatMulInteger", a: onnxUint8, b: onnxUint8, c: onnxInt32},
	"us":  {op: "MatMulInteger", a: onnxUint8, b: onnxInt8, c: onnxInt32},
	"s8":  {op: "MatMulInteger", a: onnxInt8, b: onnxInt8, c: onnxInt32},
	"f32": {op: "MatMul", a: onnxFloat, b: onnxFloat, c: onnxFloat},
}

// openPage serves the page and opens it in a browser. stop ends both.
func openPage(ctx context.Context, m Modules, program lane) (tab context.Context, stop func(), err error) {
	path, err := findBrowser()
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("peers: %w", err)
	}
	server := &http.Server{Handler: handler(m, program), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends when it is closed; a page that gets no answer says so itself
	}()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		// As root, as in containers, Chromium's own sandbox cannot start. The
		// page is this program's own.
		chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// Software devices are better than none: the report names them.
		chromedp.Flag("enable-unsafe-webgpu", true),
		chromedp.Flag("enable-unsafe-swiftshader", true),
	)
	allocator, freeAllocator := chromedp.NewExecAllocator(ctx, opts...)
	quiet := func(string, ...any) {} // events that the protocol library is too old to know
	tab, freeTab := chromedp.NewContext(allocator, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	stop = func() {
		freeTab()
		freeAllocator()
		server.Close()
		<-served
	}
	if err := chromedp.Do(tab, chromedp.Navigate("http://"+l.Addr().String()+"/")); err != nil {
		stop()
		return nil, nil, fmt.Errorf("peers: %w", err)
	}
	if _, err := call[chromedp.Void](tab, "peers.instance.load()"); err != nil {
		stop()
		return nil, nil, fmt.Errorf("peers: the page did not start: %w", err)
	}
	return tab, stop, nil
}
