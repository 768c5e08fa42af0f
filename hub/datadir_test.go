package hub_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// files returns every file below dir with its bytes. The lock is not data.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == "lock" {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A directory that has lost its database is refused as often as it is opened,
// and loses nothing by that; with the database back it is what it was.
func TestRestore(t *testing.T) {
	dir := t.TempDir()
	c := cluster.Config(dir)
	x := cluster.Start(t, c)
	x.Join(cluster.NewVolunteer("ann"))
	x.Join(cluster.NewVolunteer("bob"))
	id := x.Submit(cluster.ChainFile("restore", 2, 2, 2))
	x.Done(id, "restore", 2, 2, 2)
	upload, err := x.Client.PutBlob(t.Context(), []byte("an upload"))
	if err != nil {
		t.Fatal(err)
	}
	x.Stop()

	path := filepath.Join(dir, "hub.db")
	database, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A database that a hub has made and never used, and one that SQLite has made
	// and nobody ever used.
	unused := t.TempDir()
	if err := open(cluster.Config(unused)); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(unused, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]func() error{
		"missing":            func() error { return os.Remove(path) },
		"empty":              func() error { return os.WriteFile(path, nil, 0o600) },
		"another, unused":    func() error { return os.WriteFile(path, other, 0o600) },
		"missing, but a log": func() error { return errors.Join(os.Remove(path), os.WriteFile(path+"-wal", []byte("log"), 0o600)) },
		"no database at all": func() error { return os.WriteFile(path, []byte("this is no database, but long enough"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := bad(); err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			for range 2 {
				err := open(c)
				if err == nil {
					t.Fatal("a hub without its database was opened")
				}
				if name != "no database at all" && (!errors.Is(err, hub.ErrDamaged) || !strings.Contains(err.Error(), "Restore hub.db from a backup")) {
					t.Errorf("%v, want ErrDamaged and what to do", err)
				}
			}
			if after := files(t, dir); !maps.Equal(before, after) {
				t.Errorf("before: %q\nafter: %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
			}
			if err := errors.Join(os.WriteFile(path, database, 0o600), os.RemoveAll(path+"-wal")); err != nil {
				t.Fatal(err)
			}
		})
	}

	x = cluster.Start(t, c)
	x.Done(id, "restore", 2, 2, 2)
	if data, err := x.Client.Blob(t.Context(), upload); err != nil || string(data) != "an upload" {
		t.Errorf("the upload after the restore: %q, %v", data, err)
	}
	recordOf(t, &api{t, x, "http://" + x.Hub.Addr().String(), ""}, "/api/v1/jobs/"+id)
	x.Stop()

	// The way out that the message names.
	for _, part := range []string{"hub.db", "blobs", "receipts"} {
		if err := os.Rename(filepath.Join(dir, part), filepath.Join(unused, part+".old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(c); err != nil {
		t.Errorf("begun anew: %v", err)
	}
}

// Blobs alone keep a directory from being taken for new: they may be uploads
// for jobs to come.
func TestRestoreUploads(t *testing.T) {
	dir := t.TempDir()
	name := job.Sum(nil).String()
	blob := filepath.Join(dir, "blobs", name[:2], name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(blob), 0o700), os.WriteFile(blob, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := open(cluster.Config(dir)); !errors.Is(err, hub.ErrDamaged) {
		t.Errorf("blobs without a database: %v", err)
	}
	if _, err := os.Stat(blob); err != nil {
		t.Error(err)
	}
}

// Whatever a first start has made when it is killed, the next one goes on: parts
// that are there, in whatever order, are no damage while there is nothing in
// them.
func TestKilledFirstStart(t *testing.T) {
	whole := t.TempDir()
	if err := open(cluster.Config(whole)); err != nil {
		t.Fatal(err)
	}
	parts := []string{"lock", "hub.db", "lease.key", "receipts.key", "admin.sha256", "receipts", "blobs"}
	if list, err := os.ReadDir(whole); err != nil || len(list) != len(parts) {
		t.Fatalf("a new hub has %v, %v; want %q", list, err, parts)
	}
	var sets []int // each part alone, all but one, and the first few
	for i := range parts {
		sets = append(sets, 1<<i, 1<<len(parts)-1-1<<i, 1<<i-1)
	}
	for _, set := range sets {
		dir := t.TempDir()
		for i, part := range parts {
			if set>>i&1 == 0 {
				continue
			}
			info, err := os.Stat(filepath.Join(whole, part))
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				err = os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(whole, part)))
			} else {
				var data []byte
				if data, err = os.ReadFile(filepath.Join(whole, part)); err == nil {
					err = os.WriteFile(filepath.Join(dir, part), data, 0o600)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := open(cluster.Config(dir)); err != nil {
			t.Errorf("a directory with %b of %q: %v", set, parts, err)
		}
	}
	// An empty database file is what SQLite makes first.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hub.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(cluster.Config(dir)); err != nil {
		t.Error(err)
	}
}

// An admin key is announced before its hash is kept. Killed in between, a hub
// announces another at its next start.
func TestKilledWhileAnnouncing(t *testing.T) {
	c := cluster.Config(t.TempDir())
	announced := 0
	c.Announce = func(string) {
		announced++
		if _, err := os.Stat(filepath.Join(c.Data, "admin.sha256")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the hash of a key that nobody has seen yet: %v", err)
		}
	}
	for range 2 {
		if err := open(c); err != nil {
			t.Fatal(err)
		}
	}
	if announced != 1 {
		t.Errorf("announced %d keys, want one", announced)
	}
}
