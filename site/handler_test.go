package site

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestHandler(t *testing.T) {
	h := handler(fstest.MapFS{
		"index.html":     {Data: []byte("<p>plain")},
		"worker.wasm":    {Data: []byte("plain wasm")},
		"worker.wasm.br": {Data: []byte("brotli")},
		"worker.wasm.gz": {Data: []byte("gzip")},
	})
	for name, c := range map[string]struct {
		method, path, accept string
		code                 int
		body, encoding, kind string
	}{
		"start page":             {"GET", "/", "", 200, "<p>plain", "", "text/html; charset=utf-8"},
		"no compression":         {"GET", "/worker.wasm", "", 200, "plain wasm", "", "application/wasm"},
		"best compression":       {"GET", "/worker.wasm", "gzip, deflate, br", 200, "brotli", "br", "application/wasm"},
		"gzip only":              {"GET", "/worker.wasm", "gzip", 200, "gzip", "gzip", "application/wasm"},
		"brotli refused":         {"GET", "/worker.wasm", "br;q=0, gzip;q=0.5", 200, "gzip", "gzip", "application/wasm"},
		"no sibling":             {"GET", "/index.html", "br", 200, "<p>plain", "", "text/html; charset=utf-8"},
		"head":                   {"HEAD", "/worker.wasm", "", 200, "", "", "application/wasm"},
		"missing":                {"GET", "/nothing", "", 404, "there is no such page\n", "", "text/plain; charset=utf-8"},
		"nothing above the root": {"GET", "/../embed.go", "", 404, "there is no such page\n", "", "text/plain; charset=utf-8"},
		"writing":                {"POST", "/", "", 405, "method not allowed\n", "", "text/plain; charset=utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://hub/", nil)
			r.URL.Path = c.path
			r.Header.Set("Accept-Encoding", c.accept)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Result().Body)
			if w.Code != c.code || string(body) != c.body {
				t.Errorf("got %d %q, want %d %q", w.Code, body, c.code, c.body)
			}
			if got := w.Header().Get("Content-Encoding"); got != c.encoding {
				t.Errorf("encoding %q, want %q", got, c.encoding)
			}
			if got := w.Header().Get("Content-Type"); got != c.kind {
				t.Errorf("type %q, want %q", got, c.kind)
			}
		})
	}
}

func TestHandlerValidators(t *testing.T) {
	h := handler(fstest.MapFS{"a.js": {Data: []byte("plain")}, "a.js.br": {Data: []byte("brotli")}})
	get := func(accept, match string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/a.js", nil)
		r.Header.Set("Accept-Encoding", accept)
		r.Header.Set("If-None-Match", match)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	plain, brotli := get("", "").Header().Get("Etag"), get("br", "").Header().Get("Etag")
	if plain == "" || plain == brotli {
		t.Fatalf("tags %q and %q: want two different ones", plain, brotli)
	}
	if w := get("br", `"other", W/`+brotli); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("known representation: %d with %d bytes, want 304 with none", w.Code, w.Body.Len())
	}
	if w := get("br", plain); w.Code != http.StatusOK {
		t.Errorf("another representation's tag: %d, want 200", w.Code)
	}
}

// What nobody asks for stays on the disk: the binary holds tens of megabytes of
// representations that few visitors want.
func TestFilesAreReadWhenAskedFor(t *testing.T) {
	read := opened{MapFS: fstest.MapFS{"a.js": {Data: []byte("plain")}, "a.js.br": {Data: []byte("brotli")}, "b.js": {Data: []byte("other")}}}
	h := handler(&read)
	if slices.Contains(read.names, "a.js") || slices.Contains(read.names, "a.js.br") {
		t.Errorf("before any visit it has opened %q", read.names)
	}
	r := httptest.NewRequest("GET", "/a.js", nil)
	r.Header.Set("Accept-Encoding", "br")
	for range 2 {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	files := slices.DeleteFunc(read.names, func(name string) bool { return !strings.Contains(name, ".js") })
	if want := []string{"a.js.br", "a.js.br", "a.js.br"}; !slices.Equal(files, want) { // once for its tag
		t.Errorf("two visits opened %q, want %q", files, want)
	}
}

// opened notes what is opened.
type opened struct {
	fstest.MapFS
	names []string
}

func (o *opened) Open(name string) (fs.File, error) {
	o.names = append(o.names, name)
	return o.MapFS.Open(name)
}

// A page that may be framed, or that runs strangers' scripts, cannot promise
// that whoever agreed saw what they agreed to.
func TestPolicy(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	got := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self' 'wasm-unsafe-eval'"} {
		if !strings.Contains(got, want) {
			t.Errorf("policy %q lacks %q", got, want)
		}
	}
}

func TestFS(t *testing.T) {
	if err := fstest.TestFS(FS(), "index.html", "worker.js", "style.css"); err != nil {
		t.Error(err)
	}
	if _, err := FS().Open(".gitkeep"); err == nil {
		t.Error("the placeholder of dist can be opened")
	}
}

// What a first visit downloads, as the browser asks for it.
func TestFirstLoad(t *testing.T) {
	if !Built() {
		missing(t, "the WebAssembly worker is not in site/dist: make wasm")
	}
	const limit = 1_500_000
	first := []string{"/", "/style.css", "/icon.svg", "/app.js", "/hub.js", "/compute.js", "/store.js", "/chart.js", "/format.js", "/trust.js",
		"/worker.js", "/wasm_exec.js", "/worker.wasm"}
	h := Handler()
	total := 0
	for _, path := range first {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", "gzip, br")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		total += w.Body.Len()
	}
	t.Logf("first load: %d bytes", total)
	if total > limit {
		t.Errorf("first load is %d bytes, want at most %d", total, limit)
	}
}
