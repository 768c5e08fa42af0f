package audit

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

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

// Folder is a fetched job. Nothing outside the folder is read, whatever names
// are in it.
type Folder struct {
	root   *os.Root
	behind Source // nil, or where blobs are that the folder has not
}

var _ Source = (*Folder)(nil)

// OpenFolder opens a folder that `shoal job fetch` has made. behind, unless
// nil, is asked for blobs that are not in it.
func OpenFolder(dir string, behind Source) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if _, err := root.Stat(FileHead); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: %s is no fetched job: %w", dir, err), root.Close())
	}
	return &Folder{root: root, behind: behind}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Head implements Source.
func (f *Folder) Head(context.Context) ([]byte, error) { return f.small(FileHead, receipt.MaxHead) }

// Receipts implements Source.
func (f *Folder) Receipts(context.Context) (Lines, int64, error) {
	file, err := f.root.Open(FileReceipts)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// maxJobFile bounds a job file, in bytes.
const maxJobFile = 1 << 20

// JobFile implements Source.
func (f *Folder) JobFile(context.Context) ([]byte, error) { return f.small(FileJob, maxJobFile) }

func (f *Folder) small(name string, limit int64) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%w: %s has more than %d bytes", ErrDamaged, name, limit)
	}
	return text, err
}

// Artifact implements Source.
func (f *Folder) Artifact(_ context.Context, name string, w io.Writer) error {
	file, err := f.root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}

// Blob implements Source.
func (f *Folder) Blob(ctx context.Context, h job.Hash) ([]byte, error) {
	bytes, err := f.root.ReadFile(path.Join(DirBlobs, h.String()))
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
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return data.Decompress(name, file)
}

// Damages implements Source: every blob must be what it is named by, and every
// file that is listed must be there as it was.
func (f *Folder) Damages(ctx context.Context, _ bool, _ []job.Hash, found func(where string, err error)) error {
	list, err := fs.ReadDir(f.root.FS(), DirBlobs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(DirBlobs, entry.Name())
		sum, err := f.sum(name)
		if err != nil {
			return err
		}
		if sum.String() != entry.Name() {
			found(name, fmt.Errorf("its bytes have SHA-256 %v", sum))
		}
	}
	return f.checkSums(ctx, found)
}

func (f *Folder) checkSums(ctx context.Context, found func(where string, err error)) error {
	file, err := f.root.Open(FileSums)
	if errors.Is(err, fs.ErrNotExist) {
		found(FileSums, errors.New("missing: parts of the folder may be as well"))
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		text, name, ok := strings.Cut(lines.Text(), "  ")
		var want receipt.Hash
		if err := want.UnmarshalText([]byte(text)); !ok || err != nil || want.String() != text {
			found(FileSums, fmt.Errorf("line %d is not a SHA-256, two spaces and a name", n))
			return nil
		}
		sum, err := f.sum(name)
		switch {
		case err != nil:
			found(FileSums, fmt.Errorf("line %d: %w", n, err))
		case sum != want:
			found(name, fmt.Errorf("its bytes have SHA-256 %v, %s has %v", sum, FileSums, want))
		}
	}
	if err := lines.Err(); err != nil {
		found(FileSums, err)
	}
	return nil
}

func (f *Folder) sum(name string) (receipt.Hash, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return receipt.Hash{}, err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return receipt.Hash{}, err
	}
	return receipt.Hash(h.Sum(nil)), nil
}
