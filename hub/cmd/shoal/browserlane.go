package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// lanePage instantiates the SIMD module; everything else is asked of it over
// the DevTools protocol.
const lanePage = `<!doctype html><title>shoal bench</title><script>
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const text = (bytes) => { let s = ""; for (let i = 0; i < bytes.length; i += 32768) s += String.fromCharCode(...bytes.subarray(i, i + 32768)); return btoa(s); };
window.lane = WebAssembly.instantiateStreaming(fetch("/simd.wasm")).then(({instance: {exports}}) => ({
	size: () => exports.memory.buffer.byteLength,
	grow: (pages) => exports.memory.grow(pages),
	write: (at, data) => new Uint8Array(exports.memory.buffer).set(bytes(data), at),
	read: (at, n) => text(new Uint8Array(exports.memory.buffer, at, n)),
	run: (steps, count) => { const t = performance.now(); exports.run(steps, count); return performance.now() - t; },
}));
</script>`

// browserLane is the wasm lane inside a real browser, for benchmarks: the
// device's logic runs here, its module and memory live in a page. Only the
// time the module itself takes counts, measured in the page.
type browserLane struct {
	tab   context.Context
	close func()
	busy  time.Duration
}

var _ simd.Instance = (*browserLane)(nil)

// openBrowserLane starts a browser on a page with the module.
func openBrowserLane(ctx context.Context) (device.Device, func() time.Duration, error) {
	if _, err := findBrowser(); err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// Isolated pages have finer clocks.
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		_, _ = w.Write([]byte(lanePage))
	})
	mux.HandleFunc("GET /simd.wasm", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/wasm")
		_, _ = w.Write(simd.Module)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends when it is closed; a page that gets no answer says so itself
	}()
	stopServer := func() {
		server.Close()
		<-served
	}
	tab, stop, err := openBrowser(ctx, "http://"+l.Addr().String()+"/")
	if err != nil {
		stopServer()
		return nil, nil, err
	}
	b := &browserLane{tab: tab, close: func() { stop(); stopServer() }}
	d := simd.New(b, device.Caps{Lane: "wasm", Detail: "simd128 in a browser"})
	return d, func() time.Duration { return b.busy }, nil
}

// call evaluates one of the page's functions.
func call[T any](b *browserLane, format string, args ...any) (T, error) {
	expression := "window.lane.then((l) => l." + fmt.Sprintf(format, args...) + ")"
	return chromedp.Run(b.tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Size implements simd.Instance. A page that does not answer has no memory.
func (b *browserLane) Size() uint64 {
	n, err := call[float64](b, "size()")
	if err != nil {
		return 0
	}
	return uint64(n)
}

// Grow implements simd.Instance.
func (b *browserLane) Grow(pages uint32) error {
	_, err := call[float64](b, "grow(%d)", pages)
	return err
}

// chunk bounds what one message to the page carries.
const chunk = 3 << 20

// Write implements simd.Instance.
func (b *browserLane) Write(ptr uint32, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), chunk)
		_, err := call[chromedp.Void](b, "write(%d, %q)", ptr, base64.StdEncoding.EncodeToString(data[:n]))
		if err != nil {
			return err
		}
		ptr, data = ptr+uint32(n), data[n:]
	}
	return nil
}

// Read implements simd.Instance.
func (b *browserLane) Read(ptr uint32, dst []byte) error {
	for len(dst) > 0 {
		n := min(len(dst), chunk)
		text, err := call[string](b, "read(%d, %d)", ptr, n)
		if err != nil {
			return err
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(data) != n {
			return fmt.Errorf("the page gave %d bytes, want %d: %w", len(data), n, err)
		}
		copy(dst, data)
		ptr, dst = ptr+uint32(n), dst[n:]
	}
	return nil
}

// Run implements simd.Instance.
func (b *browserLane) Run(steps, count uint32) error {
	ms, err := call[float64](b, "run(%d, %d)", steps, count)
	b.busy += time.Duration(ms * float64(time.Millisecond))
	return err
}

// Close implements simd.Instance.
func (b *browserLane) Close() error {
	b.close()
	return nil
}
