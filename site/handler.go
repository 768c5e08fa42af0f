package site

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// policy lets the page run its own scripts and WebAssembly, reach its own hub,
// and nothing else. It may not be framed: a person who agrees must see what
// they agree to.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
	"img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// encodings are the compressed siblings that may stand beside a file, best
// first.
var encodings = []struct{ name, suffix string }{
	{"br", ".br"},
	{"gzip", ".gz"},
}

// Handler serves the site. A file with a compressed sibling (worker.wasm.br)
// is sent in that form to whoever accepts it.
func Handler() http.Handler { return handler(FS()) }

// handler lists the site once: the files never change while the process lives.
// Their bytes stay where they are, in the binary, and are read when somebody
// asks for them: what nobody does takes no memory.
func handler(fsys fs.FS) http.Handler {
	s := server{fsys: fsys, files: map[string]*file{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s.files["/"+name] = &file{
			name: name, size: info.Size(), kind: mediaType(name),
			etag: sync.OnceValue(func() string { return tag(fsys, name) }),
		}
		return nil
	})
	if err != nil {
		panic("site: embedded files: " + err.Error()) // the file system is part of the binary
	}
	return s
}

// server is the site as a handler.
type server struct {
	fsys  fs.FS
	files map[string]*file // by path of the URL
}

// file is one representation of one file.
type file struct {
	name string // in the file system
	size int64
	kind string        // media type
	etag func() string // reads the file, the first time
}

// tag is the hash of a file's bytes.
func tag(fsys fs.FS, name string) string {
	content := contents(fsys, name)
	defer content.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		panic("site: embedded file: " + err.Error()) // it is in the binary
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`
}

// contents opens a file that is there.
func contents(fsys fs.FS, name string) fs.File {
	content, err := fsys.Open(name)
	if err != nil {
		panic("site: embedded file: " + err.Error()) // it was there when the site was listed
	}
	return content
}

// mediaType does not ask the machine's own tables: the same binary must say
// the same everywhere, and WebAssembly.instantiateStreaming insists on its
// type.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".webmanifest":
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// ServeHTTP implements http.Handler.
func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	plain, ok := s.files[name]
	if !ok {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	sent, encoding := s.choose(name, plain, r.Header.Get("Accept-Encoding"))
	h.Set("Content-Type", plain.kind)
	etag := sent.etag()
	h.Set("Etag", etag)
	h.Set("Vary", "Accept-Encoding")
	// Always ask, rarely send: a page and a worker of different versions must
	// never meet, and an unchanged file costs one empty answer.
	h.Set("Cache-Control", "no-cache")
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Length", strconv.FormatInt(sent.size, 10))
	if r.Method == http.MethodHead {
		return
	}
	content := contents(s.fsys, sent.name)
	defer content.Close()
	_, _ = io.Copy(w, content) // fails when the visitor has left: there is nobody to tell
}

// choose picks the representation to send.
func (s server) choose(name string, plain *file, accept string) (sent *file, encoding string) {
	for _, e := range encodings {
		if f, ok := s.files[name+e.suffix]; ok && accepts(accept, e.name) {
			return f, e.name
		}
	}
	return plain, ""
}

// accepts reports whether an Accept-Encoding header allows an encoding. A
// quality of zero forbids it; other qualities do not reorder ours.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
		if !found {
			return true
		}
		v, err := strconv.ParseFloat(q, 64)
		return err == nil && v > 0
	}
	return false
}

// matches reports whether an If-None-Match header names the tag.
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		tag := strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}
