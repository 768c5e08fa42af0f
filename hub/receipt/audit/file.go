package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// open opens a file of the folder. Folders come from strangers: whatever is no
// regular file (a pipe nobody writes to, a device, a link) is damage and is not
// opened, and so is what cannot be reached inside the folder.
func (f *Folder) open(name string) (*os.File, int64, error) {
	before, err := f.root.Lstat(name)
	if err != nil {
		return nil, 0, f.unusable(name, err)
	}
	if err := regular(name, before); err != nil {
		return nil, 0, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, 0, f.unusable(name, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = f.unusable(name, err)
	case !os.SameFile(before, info): // somebody is changing the folder
		err = fmt.Errorf("%w: %s: another file took its place", ErrDamaged, name)
	default:
		err = regular(name, info)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func regular(name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%w: %s: not a regular file, but %s", ErrDamaged, name, kindOf(info.Mode()))
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// unusable tells what is not there, and what the auditor may not read, from
// what is wrong with the folder.
func (f *Folder) unusable(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // its path is the name again
	}
	err = fmt.Errorf("%s: %w", name, err)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("audit: %s: %w", f.root.Name(), err)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// read reads a whole file of at most limit bytes.
func (f *Folder) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	file, _, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(interrupted{ctx, file}, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%w: %s: more than %d bytes", ErrDamaged, name, limit)
	}
	return text, err
}

// copy copies a whole file to w.
func (f *Folder) copy(ctx context.Context, name string, w io.Writer) error {
	file, _, err := f.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, interrupted{ctx, file})
	return err
}

// interrupted is a reader that ends with its context: a file may have holes that
// make it as long as its maker likes.
type interrupted struct {
	ctx  context.Context
	file io.Reader
}

func (r interrupted) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(p)
}
