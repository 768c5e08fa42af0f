// Package blobs keeps immutable bytes in files named by their SHA-256.
//
// It owns their durability (a blob that was put survives a crash) and their
// lifetime (a blob lives while anybody holds it). It refuses to know what the
// bytes mean and who has a reason to hold them.
//
// # Lifetime
//
// Holds are counted in memory. At start the owner of the store repeats every
// hold that must outlive the restart and then calls Sweep, which deletes the
// rest. From then on a blob is deleted when its last hold is released. A blob
// without any hold is safe only until the next Sweep.
//
// # Durability
//
// What Put stores survives a crash. What PutScratch stores survives only once
// Sync, or a Put of the same bytes, has returned; what did not is swept at the
// next start, before anybody could take it for whole. Sweep must therefore
// come before the first read.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
)

// ErrDamaged means that a file's bytes no longer have the hash it is named by.
var ErrDamaged = errors.New("blobs: damaged")

// Store is a directory of blobs. Its methods are safe for concurrent use.
type Store struct {
	dir string

	holdsMu sync.Mutex // also held while a file is deleted, so that no hold comes too late
	holds   map[job.Hash]int

	filesMu sync.Mutex // held while a file gets its name, so that its durability is known with it
	scratch map[job.Hash]bool
}

var _ job.Blobs = (*Store)(nil)

// tmpDir holds files being written. What a crash left there is worthless.
const tmpDir = "tmp"

// Open opens the store in dir, creating it when it is missing.
func Open(dir string) (*Store, error) {
	tmp := filepath.Join(dir, tmpDir)
	if err := os.RemoveAll(tmp); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return &Store{dir: dir, holds: map[job.Hash]int{}, scratch: map[job.Hash]bool{}}, nil
}

// path fans the files out over 256 directories.
func (s *Store) path(h job.Hash) string {
	name := h.String()
	return filepath.Join(s.dir, name[:2], name)
}

// Put stores data durably and returns its name. It holds nothing.
func (s *Store) Put(ctx context.Context, data []byte) (job.Hash, error) {
	h := job.Sum(data)
	return h, s.PutSum(ctx, h, data)
}

// PutSum is Put for callers that have just computed h = job.Sum(data).
func (s *Store) PutSum(ctx context.Context, h job.Hash, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.complete(h, len(data)) {
		return s.Sync(ctx, h)
	}
	return s.put(h, data, true)
}

// PutScratch stores data without waiting for the disk.
func (s *Store) PutScratch(ctx context.Context, h job.Hash, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.complete(h, len(data)) {
		return nil
	}
	return s.put(h, data, false)
}

// complete reports whether h is there: a file gets its name when it is whole.
func (s *Store) complete(h job.Hash, size int) bool {
	info, err := os.Stat(s.path(h))
	return err == nil && info.Size() == int64(size)
}

func (s *Store) put(h job.Hash, data []byte, durable bool) error {
	tmp, err := os.CreateTemp(filepath.Join(s.dir, tmpDir), "put-")
	if err == nil {
		defer os.Remove(tmp.Name()) // fails, as it should, after the rename
		_, err = tmp.Write(data)
		if err == nil && durable {
			err = tmp.Sync()
		}
		if err = errors.Join(err, tmp.Close()); err == nil {
			err = s.publish(tmp.Name(), h, durable)
		}
	}
	if err != nil {
		return fmt.Errorf("blobs: put %v: %w", h, err)
	}
	return nil
}

// publish gives a complete file its name. A durable one is synced already,
// and replaces what is there; scratch never takes a durable one's place.
func (s *Store) publish(tmp string, h job.Hash, durable bool) error {
	path := s.path(h)
	dir := filepath.Dir(path)
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil && durable:
		if err := syncDir(s.dir); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, fs.ErrExist):
		return err
	}
	if !durable {
		s.filesMu.Lock()
		defer s.filesMu.Unlock()
		err := os.Link(tmp, path)
		if err == nil {
			s.scratch[h] = true
		} else if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return err
	}
	s.filesMu.Lock()
	err := os.Rename(tmp, path)
	delete(s.scratch, h)
	s.filesMu.Unlock()
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// Sync makes blobs durable that were put as scratch; others are already.
func (s *Store) Sync(ctx context.Context, hashes ...job.Hash) error {
	dirs := map[string]bool{}
	var synced []job.Hash
	for _, h := range hashes {
		s.filesMu.Lock()
		scratch := s.scratch[h]
		s.filesMu.Unlock()
		if !scratch {
			continue
		}
		if err := errors.Join(ctx.Err(), syncFile(s.path(h))); err != nil {
			return fmt.Errorf("blobs: sync %v: %w", h, err)
		}
		dirs[filepath.Dir(s.path(h))] = true
		synced = append(synced, h)
	}
	if len(synced) == 0 {
		return nil
	}
	dirs[s.dir] = true
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("blobs: sync: %w", err)
		}
	}
	s.filesMu.Lock()
	defer s.filesMu.Unlock()
	for _, h := range synced {
		delete(s.scratch, h)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get returns the bytes, checked against their name.
func (s *Store) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.path(h))
	if err != nil {
		return nil, fmt.Errorf("blobs: get %v: %w", h, short(err))
	}
	if job.Sum(data) != h {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, h)
	}
	return data, nil
}

// Open opens a blob for reading, unchecked. The caller closes it.
func (s *Store) Open(h job.Hash) (*os.File, error) {
	f, err := os.Open(s.path(h))
	if err != nil {
		return nil, fmt.Errorf("blobs: open %v: %w", h, short(err))
	}
	return f, nil
}

// Hold keeps h, present or not, until as many Releases.
func (s *Store) Hold(h job.Hash) {
	s.holdsMu.Lock()
	defer s.holdsMu.Unlock()
	s.holds[h]++
}

// Release takes back one Hold and deletes the blob if it was the last.
func (s *Store) Release(h job.Hash) error {
	s.holdsMu.Lock()
	defer s.holdsMu.Unlock()
	switch n := s.holds[h]; n {
	case 0:
		panic("blobs: release without hold") // a bug of the caller
	case 1:
		delete(s.holds, h)
		return s.remove(h)
	default:
		s.holds[h] = n - 1
		return nil
	}
}

// Sweep deletes every blob that nobody holds and returns how many it deleted.
func (s *Store) Sweep() (int, error) {
	deleted := 0
	err := walk(s.dir, func(h job.Hash) error {
		gone, err := s.removeUnheld(h)
		if gone {
			deleted++
		}
		return err
	})
	if err != nil {
		return deleted, fmt.Errorf("blobs: sweep: %w", err)
	}
	return deleted, nil
}

// Any reports whether there is any blob in dir, which need not exist: anything
// that a Sweep without holds would delete. It changes nothing.
func Any(dir string) (bool, error) {
	found := errors.New("found")
	err := walk(dir, func(job.Hash) error { return found })
	switch {
	case errors.Is(err, found):
		return true, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("blobs: %w", err)
	}
	return false, nil
}

// walk calls each for every blob in dir, until it returns an error.
func walk(dir string, each func(job.Hash) error) error {
	dirs, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if !d.IsDir() || len(d.Name()) != 2 {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, d.Name()))
		if err != nil {
			return err
		}
		for _, f := range files {
			h, err := job.ParseHash(f.Name())
			if err != nil {
				continue // not ours
			}
			if err := each(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) removeUnheld(h job.Hash) (bool, error) {
	s.holdsMu.Lock()
	defer s.holdsMu.Unlock()
	if s.holds[h] > 0 {
		return false, nil
	}
	return true, s.remove(h)
}

// remove deletes h if it is there. A deletion that a crash undoes is swept
// later, so the directory is not synced.
func (s *Store) remove(h job.Hash) error {
	if err := os.Remove(s.path(h)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blobs: delete %v: %w", h, err)
	}
	s.filesMu.Lock()
	defer s.filesMu.Unlock()
	delete(s.scratch, h)
	return nil
}

// short drops the path from a *PathError: outsiders may see the message.
func short(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Size returns how many bytes a blob has, 0 for one that is not here.
func (s *Store) Size(h job.Hash) int64 {
	info, err := os.Stat(s.path(h))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Has reports whether a blob is here.
func (s *Store) Has(h job.Hash) bool {
	_, err := os.Stat(s.path(h))
	return err == nil
}
