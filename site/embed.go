// Package site is the page that volunteers see: hand-written HTML, style and
// JavaScript modules in static/, and the built WebAssembly in dist/, embedded
// together.
//
// The package owns the files and how they are served: types, compressed
// siblings, cache and security headers. It refuses to know the hub, its API
// and its sessions; the page's scripts meet those over HTTP alone. There is no
// build step for the page itself, so what is read in static/ is what runs.
package site

import (
	"embed"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// dist holds only its placeholder until `make wasm` has run, which is enough
// for the package to compile.
//
//go:embed static all:dist
var embedded embed.FS

// FS returns the site: the hand-written and the built files, side by side at
// the root.
func FS() fs.FS {
	return merged{sub("static"), sub("dist")}
}

// Built reports whether the WebAssembly worker was built into this binary.
// Without it the page can show jobs but not compute.
func Built() bool {
	_, err := fs.Stat(FS(), "worker.wasm")
	return err == nil
}

func sub(dir string) fs.FS {
	f, err := fs.Sub(embedded, dir)
	if err != nil {
		panic(err) // a constant name that the embed directive guarantees
	}
	return f
}

// merged is a union of file systems; the first that has a name wins. Hidden
// files (the placeholder of dist) are left out.
type merged []fs.FS

var _ fs.ReadDirFS = merged(nil)

// Open opens a file of the first file system that has it. A directory lists
// what all of them have.
func (m merged) Open(name string) (fs.File, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	var missing error
	for _, f := range m {
		file, err := f.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = err
			continue
		}
		if err != nil {
			return nil, err
		}
		return m.unfold(name, file)
	}
	return nil, missing
}

// unfold makes an opened directory list every file system's entries; a file
// stays as it is.
func (m merged) unfold(name string, opened fs.File) (fs.File, error) {
	info, err := opened.Stat()
	if err != nil || !info.IsDir() {
		return opened, err
	}
	entries, err := m.ReadDir(name)
	return &directory{File: opened, rest: entries}, err
}

// directory is an opened directory.
type directory struct {
	fs.File
	rest []fs.DirEntry // not read yet
}

// ReadDir implements fs.ReadDirFile.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.rest) {
		if n > 0 && len(d.rest) == 0 {
			return nil, io.EOF
		}
		n = len(d.rest)
	}
	entries := d.rest[:n]
	d.rest = d.rest[n:]
	return entries, nil
}

// ReadDir lists a directory of all file systems together, by name.
func (m merged) ReadDir(name string) ([]fs.DirEntry, error) {
	byName := map[string]fs.DirEntry{}
	found := false
	for _, f := range m {
		entries, err := fs.ReadDir(f, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = true
		for _, e := range entries {
			if _, taken := byName[e.Name()]; !taken && !hidden(e.Name()) {
				byName[e.Name()] = e
			}
		}
	}
	if !found {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	all := make([]fs.DirEntry, 0, len(byName))
	for _, e := range byName {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

// hidden reports whether a path has an element that starts with a dot, other
// than the root itself.
func hidden(name string) bool {
	if name == "." {
		return false
	}
	return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
}
