// Package archive keeps the public record of jobs that have ended: their
// receipts, and the head that the hub has signed over them, as files.
//
// It owns when a record is made (once, when the job ends) and that it stays
// as it is: what the hub learns later about old results changes its books,
// never what it has signed. A job that comes to another end gets another record,
// its next edition, which names the head before it; that is kept, under another
// name, together with its receipts. It turns what the engine knows into the lines
// of package receipt. It refuses to know who reads records.
package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// Archive is a directory with two files for each job: ID.jsonl and ID.head; and
// with two for each of its superseded editions, as in ID.e0.jsonl and ID.e0.head.
// Its methods are safe for concurrent use.
type Archive struct {
	dir    string
	signer *receipt.Signer

	making sync.Mutex // held while a record is made: there are few, and one disk

	mu    sync.Mutex // guards lines and order
	lines map[string]*receipt.Lines
	order []string // jobs in lines, oldest first
}

// keptLines is how many jobs' trees are kept in memory for proofs: about 72
// bytes a receipt.
const keptLines = 8

// Open opens the archive in dir, creating it when it is missing.
func Open(dir string, signer *receipt.Signer) (*Archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return &Archive{dir: dir, signer: signer, lines: map[string]*receipt.Lines{}}, nil
}

// Key is the public key that heads are signed with.
func (a *Archive) Key() string { return a.signer.Key() }

// Books is what the engine knows of jobs: *engine.Engine.
type Books interface {
	Describe(ctx context.Context, id string) (engine.View, error)
	Artifacts(ctx context.Context, id string) ([]engine.Artifact, error)
	Receipts(ctx context.Context, id string, yield func(engine.Receipt) error) error
}

var _ Books = (*engine.Engine)(nil)

// Seal makes the record of a job that is about to end. When the job has one of
// this edition already, Seal replaces it: the hub was killed before it had noted
// the job's end, and nobody has seen the record. One of an earlier edition is
// superseded.
func (a *Archive) Seal(ctx context.Context, books Books, e engine.Ending) error {
	a.making.Lock()
	defer a.making.Unlock()
	return a.seal(ctx, books, e)
}

// Ensure makes the record of a job that has ended, unless there is one: hubs
// have not always made records.
func (a *Archive) Ensure(ctx context.Context, books Books, id string) error {
	a.making.Lock()
	defer a.making.Unlock()
	path, err := a.path(id, headSuffix)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	v, err := books.Describe(ctx, id)
	if err != nil {
		return err
	}
	artifacts, err := books.Artifacts(ctx, id)
	if err != nil {
		return err
	}
	// A reader that loses patience must not leave the next one without.
	return a.seal(context.WithoutCancel(ctx), books, engine.Ending{Job: v.Job, Artifacts: artifacts, Trust: v.Trust})
}

func (a *Archive) seal(ctx context.Context, books Books, e engine.Ending) error {
	list, err := a.path(e.Job.ID, linesSuffix)
	if err != nil {
		return err
	}
	path, err := a.path(e.Job.ID, headSuffix)
	if err != nil {
		return err
	}
	head := headOf(e)
	if head.Supersedes, err = a.setAside(e.Job.ID, e.Job.Edition); err != nil {
		return fmt.Errorf("archive: earlier record of job %s: %w", e.Job.ID, err)
	}
	err = a.write(list, func(w io.Writer) error {
		lines := receipt.NewWriter(w)
		err := books.Receipts(ctx, e.Job.ID, func(r engine.Receipt) error { return lines.Add(Receipt(e.Job.ID, r)) })
		if err != nil {
			return err
		}
		head.Receipts = lines.Log().Size()
		head.Root, err = lines.Log().Root()
		return err
	})
	if err != nil {
		return fmt.Errorf("archive: receipts of job %s: %w", e.Job.ID, err)
	}
	signed, err := a.signer.Sign(head)
	if err != nil {
		return err
	}
	err = a.write(path, func(w io.Writer) error {
		_, err := w.Write(signed)
		return err
	})
	if err != nil {
		return fmt.Errorf("archive: head of job %s: %w", e.Job.ID, err)
	}
	a.forget(e.Job.ID)
	return nil
}

// setAside gives the record before an edition a name of its own, unless it has
// one, and returns the hash of its head; nil when there is none. The files get
// their second name before anything takes the first, so that whenever the hub is
// killed they are there under one of them.
func (a *Archive) setAside(id string, edition int) (*receipt.Hash, error) {
	if edition == 0 {
		return nil, nil
	}
	current, err := a.Head(id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// A head that no longer opens is kept all the same: its bytes are what counts.
	if h, damaged := receipt.OpenHead(current); err == nil && (damaged != nil || h.Edition < edition) {
		for _, suffix := range []string{linesSuffix, headSuffix} {
			from, err := a.path(id, suffix)
			if err != nil {
				return nil, err
			}
			to, err := a.path(id, editionSuffix(edition-1)+suffix)
			if err != nil {
				return nil, err
			}
			if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
		}
		if err := a.sync(); err != nil {
			return nil, err
		}
	}
	before, err := a.Superseded(id, edition-1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := receipt.Sum(before)
	return &h, nil
}

// Superseded returns the signed head of an edition that another has taken the
// place of, or fs.ErrNotExist.
func (a *Archive) Superseded(id string, edition int) ([]byte, error) {
	path, err := a.path(id, editionSuffix(edition)+headSuffix)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Head returns a job's signed head, or fs.ErrNotExist.
func (a *Archive) Head(id string) ([]byte, error) {
	path, err := a.path(id, headSuffix)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Receipts opens a job's receipts, or returns fs.ErrNotExist. The caller
// closes them.
func (a *Archive) Receipts(id string) (*os.File, error) {
	path, err := a.path(id, linesSuffix)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Prove returns the proof that receipt n is in a job's log, or an error
// wrapping fs.ErrNotExist.
func (a *Archive) Prove(id string, n int64) (receipt.Proof, error) {
	lines, err := a.load(id)
	if err != nil {
		return receipt.Proof{}, err
	}
	if n < 0 || n >= lines.Log().Size() {
		return receipt.Proof{}, fmt.Errorf("archive: receipt %d of %d of job %s: %w", n, lines.Log().Size(), id, fs.ErrNotExist)
	}
	return lines.Prove(n)
}

// load returns a job's tree, from memory if it is there.
func (a *Archive) load(id string) (*receipt.Lines, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if lines := a.lines[id]; lines != nil {
		return lines, nil
	}
	path, err := a.path(id, linesSuffix)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	lines, err := receipt.ReadLines(file(path), info.Size(), nil)
	if err != nil {
		return nil, fmt.Errorf("archive: receipts of job %s: %w", id, err)
	}
	if len(a.order) == keptLines {
		delete(a.lines, a.order[0])
		a.order = a.order[1:]
	}
	a.lines[id] = lines
	a.order = append(a.order, id)
	return lines, nil
}

func (a *Archive) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lines[id] == nil {
		return
	}
	delete(a.lines, id)
	for i, other := range a.order {
		if other == id {
			a.order = append(a.order[:i:i], a.order[i+1:]...)
			return
		}
	}
}

const (
	linesSuffix = ".jsonl"
	headSuffix  = ".head"
)

func editionSuffix(edition int) string { return fmt.Sprintf(".e%d", edition) }

// jobID is what may become a file name.
var jobID = regexp.MustCompile(`^[0-9a-z]{1,64}$`)

func (a *Archive) path(id, suffix string) (string, error) {
	if !jobID.MatchString(id) {
		return "", fmt.Errorf("archive: job %q: %w", id, fs.ErrNotExist)
	}
	return filepath.Join(a.dir, id+suffix), nil
}

// write makes a file that is there completely and durably, or not at all.
func (a *Archive) write(path string, fill func(io.Writer) error) error {
	tmp, err := os.CreateTemp(a.dir, ".making-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails, as it should, after the rename
	w := bufio.NewWriterSize(tmp, 64<<10)
	if err = fill(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return a.sync()
}

// sync makes the names of files durable.
func (a *Archive) sync() error {
	dir, err := os.Open(a.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// file reads a file by its path and keeps no handle: a tree may be kept for
// long, and is read seldom.
type file string

// ReadAt implements io.ReaderAt.
func (f file) ReadAt(p []byte, off int64) (int, error) {
	r, err := os.Open(string(f))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.ReadAt(p, off)
}
