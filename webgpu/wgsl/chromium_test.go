package wgsl_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/webgpu/browser/browsertest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// compilePage compiles every text that /codes lists with the compiler of the
// browser, some as far as a pipeline, which takes longer, and returns what is
// wrong.
const compilePage = `<!doctype html><title>compile</title><script>
const compileAll = async () => {
	const adapter = await navigator.gpu.requestAdapter();
	if (!adapter) return ["no adapter"];
	const device = await adapter.requestDevice();
	const params = device.createBindGroupLayout({entries: [{binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: {type: "uniform"}}]});
	const wrong = [];
	for (const code of await (await fetch("/codes")).json()) {
		const module = device.createShaderModule({code: code.text});
		const {messages} = await module.getCompilationInfo();
		for (const m of messages) wrong.push(code.key + ": " + m.type + ": line " + m.lineNum + ": " + m.message);
		if (!code.pipeline || messages.some((m) => m.type === "error")) continue;
		const memories = device.createBindGroupLayout({entries: code.bindings.map((write, binding) =>
			({binding, visibility: GPUShaderStage.COMPUTE, buffer: {type: write ? "storage" : "read-only-storage"}}))});
		const layout = device.createPipelineLayout({bindGroupLayouts: [memories, params]});
		try {
			await device.createComputePipelineAsync({layout, compute: {module, entryPoint: "main"}});
		} catch (e) {
			wrong.push(code.key + ": " + e.message);
		}
	}
	return wrong;
};
</script>`

// TestChromiumCompiles compiles every code of every variant with Tint, a
// compiler that shares nothing with naga.
func TestChromiumCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	browser := browsertest.Chromium(t)
	type code struct {
		Key      string `json:"key"`
		Text     string `json:"text"`
		Bindings []bool `json:"bindings"` // whether they are written
		Pipeline bool   `json:"pipeline"`
	}
	var list []code
	sample := map[int]bool{} // variants of which one matmul is among the pipelines
	eachCode(func(variant int, k *kernel.Kernel, c *launch.Code) {
		n := code{Key: c.Key, Text: c.Text, Bindings: []bool{}}
		for _, b := range c.Bindings {
			n.Bindings = append(n.Bindings, b.Write)
		}
		if k.Contract == nil {
			n.Pipeline = variant == 0
		} else if !sample[variant] {
			sample[variant], n.Pipeline = true, true
		}
		list = append(list, n)
	})
	wrong := compile(t, browser, list)
	for _, w := range wrong {
		t.Error(w)
	}
	t.Logf("%d texts", len(list))
}

// compile serves list to the page in the browser, and returns what it says.
func compile(t *testing.T, browser string, list any) []string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(compilePage))
	})
	mux.HandleFunc("GET /codes", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox,
		chromedp.Flag("enable-unsafe-webgpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL)); err != nil {
		t.Fatal(err)
	}
	wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string]("compileAll()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}
