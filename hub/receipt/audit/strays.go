package audit

import (
	"context"
	"fmt"
	"io/fs"
	"path"
)

// strayLister is a Source that others can put files into.
type strayLister interface {
	strays(ctx context.Context) (names []string, more int, err error)
}

var _ strayLister = (*Folder)(nil)

// maxStrays is how many strays are named.
const maxStrays = 8

// strays names what is in the folder but in no list: left of another job, or put
// there by somebody. It is no damage; but whoever takes a file from the folder
// should know which of them the audit is about. Damages comes first.
func (f *Folder) strays(ctx context.Context) (names []string, more int, err error) {
	err = fs.WalkDir(f.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return f.unusable(name, err)
		case name == "." || name == DirBlobs && entry.IsDir() || name == FileSums || f.listed[name]:
			return nil
		}
		if len(names) < maxStrays {
			names = append(names, fmt.Sprintf("%q", name))
		} else {
			more++
		}
		if entry.IsDir() && path.Dir(name) == "." {
			return fs.SkipDir // it is all the same
		}
		return nil
	})
	return names, more, err
}
