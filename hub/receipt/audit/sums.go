package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/hub/receipt"
)

// Damages implements Source: every blob must be what it is named by, every file
// that is listed must be there as it was, and the list must have what the audit
// reads.
func (f *Folder) Damages(ctx context.Context, p Parts, found func(where string, err error)) error {
	if err := f.checkBlobs(ctx, found); err != nil {
		return err
	}
	return f.checkSums(ctx, p.Files, found)
}

func (f *Folder) checkBlobs(ctx context.Context, found func(where string, err error)) error {
	info, err := f.root.Lstat(DirBlobs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return f.unusable(DirBlobs, err)
	case !info.IsDir():
		found(DirBlobs, errors.New("not a directory"))
		return nil
	}
	list, err := fs.ReadDir(f.root.FS(), DirBlobs)
	if err != nil {
		return f.unusable(DirBlobs, err)
	}
	for _, entry := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(DirBlobs, entry.Name())
		sum, err := f.sum(ctx, name)
		switch {
		case errors.Is(err, ErrDamaged), errors.Is(err, fs.ErrNotExist):
			found(name, err)
		case err != nil:
			return err
		case sum.String() != entry.Name():
			found(name, fmt.Errorf("its bytes have SHA-256 %v", sum))
		}
	}
	return nil
}

// checkSums reads the list of files. It is complete if it has its own kind of
// lines only, down to the last line feed, and every file of names.
func (f *Folder) checkSums(ctx context.Context, names []string, found func(where string, err error)) error {
	file, _, err := f.open(FileSums)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found(FileSums, errors.New("missing: parts of the folder may be as well"))
		return nil
	case errors.Is(err, ErrDamaged):
		found(FileSums, err)
		return nil
	case err != nil:
		return err
	}
	defer file.Close()
	listed := map[string]bool{}
	f.listed = listed
	lines := bufio.NewScanner(file)
	lines.Split(scanFed)
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		text, name, ok := strings.Cut(strings.TrimSuffix(lines.Text(), "\n"), "  ")
		var want receipt.Hash
		if err := want.UnmarshalText([]byte(text)); !ok || err != nil || want.String() != text || !strings.HasSuffix(lines.Text(), "\n") {
			found(FileSums, fmt.Errorf("line %d is not a SHA-256, two spaces and a name", n))
			return nil
		}
		if listed[name] {
			found(FileSums, fmt.Errorf("line %d: %s is there twice", n, name))
			return nil
		}
		listed[name] = true
		sum, err := f.sum(ctx, name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrPermission):
			return err
		case err != nil:
			found(FileSums, fmt.Errorf("line %d: %w", n, err))
		case sum != want:
			found(name, fmt.Errorf("its bytes have SHA-256 %v, %s has %v", sum, FileSums, want))
		}
	}
	if err := lines.Err(); err != nil {
		found(FileSums, err)
		return nil
	}
	for _, name := range slices.Concat([]string{FileHead, FileReceipts, FileJob}, names) {
		if !listed[name] {
			found(FileSums, fmt.Errorf("%s is not listed: parts of the folder may be missing", name))
		}
	}
	return nil
}

// scanFed yields lines with their line feeds; a last line without one as it is.
func scanFed(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (f *Folder) sum(ctx context.Context, name string) (receipt.Hash, error) {
	h := sha256.New()
	if err := f.copy(ctx, name, h); err != nil {
		return receipt.Hash{}, err
	}
	return receipt.Hash(h.Sum(nil)), nil
}
