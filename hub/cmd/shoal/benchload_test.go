package main

import (
	"io/fs"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/site"
)

// later are the files that the worker, which is no text to search, asks for
// once it needs them. They are named in it.
var later = []string{"/box.js"}

// elsewhere are the files that no browser asks for.
var elsewhere = []string{"/worker-wasip1.wasm"}

// Every file of the site is part of the first load, or of what comes later, or
// for elsewhere; and the first load is none of what comes later, and each file
// in its smallest form.
func TestFirstLoadIsTheWholeSite(t *testing.T) {
	if !site.Built() && os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal("the WebAssembly worker is not built: run make wasm")
	}
	if !site.Built() {
		t.Skip("the WebAssembly worker is not built: make wasm")
	}
	server := httptest.NewServer(site.Handler())
	defer server.Close()
	sizes := sizesOfSite(t)

	first, size, err := firstLoad(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	wantSize := int64(0)
	for _, path := range first {
		wantSize += sizes[path]
	}
	if size != wantSize {
		t.Errorf("the first load is %d bytes, want %d of %q", size, wantSize, first)
	}

	worker, err := fs.ReadFile(site.FS(), "worker.wasm")
	if err != nil {
		t.Fatal(err)
	}
	found := slices.Concat(first, elsewhere)
	for _, path := range later {
		if !strings.Contains(string(worker), path) {
			t.Errorf("the worker does not name %s", path)
		}
		paths, _, err := load(t.Context(), server.URL, path)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(first, paths[0]) {
			t.Errorf("%s is loaded at first", path)
		}
		found = append(found, paths...)
	}
	for path := range sizes {
		if !slices.Contains(found, path) {
			t.Errorf("nothing loads %s", path)
		}
	}
	for _, path := range found {
		if _, ok := sizes[path]; !ok {
			t.Errorf("%s is no file of the site", path)
		}
	}
}

// sizesOfSite is every file of the site by its path, and how many bytes of it
// are sent to a browser that accepts brotli.
func sizesOfSite(t *testing.T) map[string]int64 {
	t.Helper()
	files := site.FS()
	sizes := map[string]int64{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") {
			return err
		}
		info, err := fs.Stat(files, name+".br")
		if err != nil {
			info, err = d.Info()
		}
		if err != nil {
			return err
		}
		if name == "index.html" {
			name = ""
		}
		sizes["/"+name] = info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes
}
