package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// Names in the folder of a fetched job, beside its artifacts.
const (
	FileReceipts = "receipts.jsonl"
	FileHead     = "receipts.head"
	FileJob      = "job.yaml"
	FileSums     = "SHA256SUMS" // of every other file, as sha256sum writes and checks them
	DirBlobs     = "blobs"      // of files named by their SHA-256
)

// Reserved reports whether an artifact of this name would hide another part of
// the folder.
func Reserved(name string) bool {
	switch name {
	case FileReceipts, FileHead, FileJob, FileSums, DirBlobs:
		return true
	}
	return false
}

// Folder is a fetched job. Nothing outside the folder is read, and nothing but
// regular files, whatever is in it.
type Folder struct {
	root   *os.Root
	behind Source          // nil, or where blobs are that the folder has not
	listed map[string]bool // files in the list, once Damages has read it
}

var _ Source = (*Folder)(nil)

// OpenFolder opens a folder that `shoal job fetch` has made. behind, unless
// nil, is asked for blobs that are not in it.
func OpenFolder(dir string, behind Source) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if _, err := root.Lstat(FileHead); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: %s is no fetched job: %w", dir, err), root.Close())
	}
	return &Folder{root: root, behind: behind}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Head implements Source.
func (f *Folder) Head(ctx context.Context) ([]byte, error) {
	return f.read(ctx, FileHead, receipt.MaxHead)
}

// Receipts implements Source.
func (f *Folder) Receipts(context.Context) (Lines, int64, error) {
	file, size, err := f.open(FileReceipts)
	if err != nil {
		return nil, 0, err
	}
	return file, size, nil
}

// maxJobFile bounds a job file, in bytes.
const maxJobFile = 1 << 20

// JobFile implements Source.
func (f *Folder) JobFile(ctx context.Context) ([]byte, error) {
	return f.read(ctx, FileJob, maxJobFile)
}

// Artifact implements Source.
func (f *Folder) Artifact(ctx context.Context, name string, w io.Writer) error {
	return f.copy(ctx, name, w)
}

// Blob implements Source.
func (f *Folder) Blob(ctx context.Context, h job.Hash) ([]byte, error) {
	bytes, err := f.read(ctx, path.Join(DirBlobs, h.String()), math.MaxInt64-1) // Damages has seen to it that it is no more than it should be
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.behind != nil:
		return f.behind.Blob(ctx, h)
	case err != nil:
		return nil, err
	case job.Sum(bytes) != h:
		return nil, fmt.Errorf("%w: its bytes have SHA-256 %v", ErrDamaged, job.Sum(bytes))
	}
	return bytes, nil
}

// Data implements Source: data files that the job file names lie in the folder,
// if they are there at all.
func (f *Folder) Data(_ context.Context, name string) ([]byte, error) {
	file, _, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return data.Decompress(name, file)
}
