package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/shoal-compute/shoal/hub/job"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, b job.Blobs, data string) job.Hash {
	t.Helper()
	h, err := b.Put(context.Background(), []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func want(t *testing.T, s *Store, h job.Hash, present bool) {
	t.Helper()
	_, err := s.Get(context.Background(), h)
	if present && err != nil || !present && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get(%v) = %v, want present: %v", h, err, present)
	}
}

func TestPutGet(t *testing.T) {
	s := open(t)
	for _, data := range [][]byte{nil, {0}, []byte("shoal"), bytes.Repeat([]byte{7}, 1<<20)} {
		for range 2 { // storing twice is free
			h, err := s.Put(context.Background(), data)
			if err != nil {
				t.Fatal(err)
			}
			if h != job.Sum(data) {
				t.Errorf("Put = %v, want %v", h, job.Sum(data))
			}
			got, err := s.Get(context.Background(), h)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("Get = %d bytes, %v; want %d bytes", len(got), err, len(data))
			}
		}
	}
	if left, _ := os.ReadDir(filepath.Join(s.dir, tmpDir)); len(left) != 0 {
		t.Errorf("%d temporary files left behind", len(left))
	}
}

func TestMissingAndDamaged(t *testing.T) {
	s := open(t)
	_, err := s.Get(context.Background(), job.Hash{1})
	if !errors.Is(err, fs.ErrNotExist) || bytes.Contains([]byte(err.Error()), []byte(s.dir)) {
		t.Errorf("missing blob: %v, want ErrNotExist without a path", err)
	}
	h := put(t, s, "good")
	if err := os.WriteFile(s.path(h), []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(context.Background(), h); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged blob: %v, want ErrDamaged", err)
	}
	if err := os.WriteFile(s.path(h), []byte("go"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, s, "good") // a file of the wrong size is replaced
	want(t, s, h, true)
}

func TestScratch(t *testing.T) {
	s := open(t)
	ctx := context.Background()
	o := s.NewHolder()
	var hashes []job.Hash
	for _, data := range []string{"a", "b", "c"} {
		for range 2 {
			h, err := o.PutScratch(ctx, []byte(data))
			if err != nil {
				t.Fatal(err)
			}
			want(t, s, h, true)
			hashes = append(hashes, h)
		}
	}
	if len(s.scratch) != 3 {
		t.Fatalf("%d blobs are known as scratch, want 3", len(s.scratch))
	}
	put(t, s, "a") // durable now
	if err := s.Sync(ctx, hashes[2], job.Sum([]byte("never put"))); err != nil {
		t.Fatal(err)
	}
	if err := o.Release(hashes[4]); err != nil {
		t.Fatal(err)
	}
	want(t, s, hashes[4], false)
	if len(s.scratch) != 0 {
		t.Errorf("%d blobs are known as scratch: one was put, one synced, one deleted", len(s.scratch))
	}
	durable := put(t, s, "d")
	if _, err := o.PutScratch(ctx, []byte("d")); err != nil || s.scratch[durable] {
		t.Errorf("a durable blob became scratch, %v", err)
	}
}

func TestPutHeld(t *testing.T) {
	s := open(t)
	ctx := context.Background()
	want := job.Sum([]byte("upload"))
	h, size, err := s.PutHeld(ctx, strings.NewReader("upload"), &want)
	if err != nil || h != want || size != 6 {
		t.Fatalf("PutHeld = %v, %d, %v", h, size, err)
	}
	if n, err := s.Sweep(); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v: an upload is held", n, err)
	}
	if _, _, err := s.PutHeld(ctx, strings.NewReader("other"), &want); !errors.Is(err, ErrMismatch) {
		t.Errorf("other bytes under the same name: %v, want ErrMismatch", err)
	}
	broken := io.MultiReader(strings.NewReader("cut"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, _, err := s.PutHeld(ctx, broken, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an upload cut short: %v, want ErrUnexpectedEOF", err)
	}
	if n, err := s.Sweep(); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v: refused uploads leave nothing", n, err)
	}
}

func TestHolders(t *testing.T) {
	s := open(t)
	a, b := s.NewHolder(), s.NewHolder()
	h := put(t, a, "shared")
	put(t, b, "shared")
	a.Hold(h) // again: counts once
	if err := a.Release(h, job.Hash{9}); err != nil {
		t.Fatal(err)
	}
	want(t, s, h, true)
	if err := b.Release(h); err != nil {
		t.Fatal(err)
	}
	want(t, s, h, false)
	if n := len(b.Held()); n != 0 {
		t.Errorf("%d holds left", n)
	}
}

func TestSweepAfterReopen(t *testing.T) {
	s := open(t)
	keep, drop := put(t, s.NewHolder(), "keep"), put(t, s.NewHolder(), "drop")
	stray := filepath.Join(s.dir, "README")
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Hold(keep)
	if n, err := s.Sweep(); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v; want 1 deleted", n, err)
	}
	want(t, s, keep, true)
	want(t, s, drop, false)
	if _, err := os.Stat(stray); err != nil {
		t.Errorf("sweep touched a foreign file: %v", err)
	}
}

// Two owners put and release the same few blobs as fast as they can: whoever
// has put one and not yet released it must be able to read it.
func TestHammer(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			o := s.NewHolder()
			for i := range 100 {
				h, err := o.Put(context.Background(), fmt.Append(nil, "blob ", i%3))
				if err == nil {
					_, err = o.Get(context.Background(), h)
				}
				if err = errors.Join(err, o.Release(h)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.Sweep(); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v; want nothing left", n, err)
	}
}

// Any finds what Sweep would delete, and nothing else.
func TestAny(t *testing.T) {
	s := open(t)
	check := func(want bool) {
		t.Helper()
		if got, err := Any(s.dir); got != want || err != nil {
			t.Errorf("Any = %v, %v; want %v", got, err, want)
		}
	}
	check(false)
	for _, stray := range []string{"README", filepath.Join(tmpDir, "put-1"), filepath.Join("ab", "notes")} {
		path := filepath.Join(s.dir, stray)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	check(false)
	h := put(t, s, "blob")
	check(true)
	if n, err := s.Sweep(); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v", n, err)
	}
	want(t, s, h, false)
	check(false)
	if got, err := Any(filepath.Join(s.dir, "missing")); got || err != nil {
		t.Errorf("Any of no directory = %v, %v", got, err)
	}
}
