//go:build !js && !wasip1

package glsl

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/webgpu/browser/browsertest"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// compilePage compiles and links every text and keeps what is wrong with them.
const compilePage = `<!doctype html><script>
const vertex = "#version 300 es\nvoid main() { gl_Position = vec4(0.0); }";
const check = async () => {
	const codes = await (await fetch("/codes")).json();
	const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
	const shader = (kind, text) => {
		const s = gl.createShader(kind);
		gl.shaderSource(s, text);
		gl.compileShader(s);
		return s;
	};
	const vs = shader(gl.VERTEX_SHADER, vertex), faults = [];
	const all = codes.map(({Key, Text, Bindings}) => {
		const p = gl.createProgram(), fs = shader(gl.FRAGMENT_SHADER, Text);
		gl.attachShader(p, vs);
		gl.attachShader(p, fs);
		gl.linkProgram(p);
		return {Key, Bindings, p, fs};
	});
	for (const {Key, Bindings, p, fs} of all) {
		if (!gl.getProgramParameter(p, gl.LINK_STATUS)) {
			faults.push(Key + ": " + gl.getShaderInfoLog(fs) + gl.getProgramInfoLog(p));
			continue;
		}
		if (gl.getUniformBlockIndex(p, "Params") !== 0) faults.push(Key + ": no block Params");
		Bindings.filter((b) => !b.Write).forEach((_, i) => {
			if (!gl.getUniformLocation(p, "b" + i)) faults.push(Key + ": reads no b" + i);
		});
	}
	return JSON.stringify({Compiled: all.length, Faults: faults});
};
</script>`

// TestCompile has a browser compile and link the code of every kernel.
func TestCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	path := browsertest.Chromium(t)
	p := printer(t, options())
	seen := map[string]bool{}
	var codes []*launch.Code
	for _, k := range append(plan.Kernels(), plan.FusedKernels()...) {
		for _, c := range p.Codes(k) {
			if !seen[c.Key] {
				seen[c.Key] = true
				codes = append(codes, c)
			}
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(compilePage))
	})
	mux.HandleFunc("GET /codes", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(codes) })
	srv := httptest.NewServer(mux)
	defer srv.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL)); err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("check()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Compiled int
		Faults   []string
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	if said.Compiled != len(codes) {
		t.Errorf("%d codes compiled, want %d", said.Compiled, len(codes))
	}
	for _, f := range said.Faults {
		t.Error(f)
	}
	t.Logf("%d codes", said.Compiled)
}
