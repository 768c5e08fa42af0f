package main

import (
	"io/fs"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/site"
)

// The first load is every file of the site but the headless worker, each in
// its smallest form.
func TestFirstLoadIsTheWholeSite(t *testing.T) {
	server := httptest.NewServer(site.Handler())
	defer server.Close()
	files := site.FS()
	want := []string{}
	wantSize := int64(0)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") || name == "worker-wasip1.wasm" {
			return err
		}
		info, err := fs.Stat(files, name+".br")
		if err != nil {
			info, err = d.Info()
		}
		if err != nil {
			return err
		}
		wantSize += info.Size()
		if name == "index.html" {
			name = ""
		}
		want = append(want, "/"+name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !site.Built() {
		t.Skip("the WebAssembly worker is not built: make wasm")
	}
	got, size, err := firstLoad(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || size != wantSize {
		t.Errorf("%d bytes in %q, want %d in %q", size, got, wantSize, want)
	}
}
