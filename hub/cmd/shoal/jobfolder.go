package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shoal-compute/shoal/hub/client"
	receipts "github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
)

// checkFolder refuses a folder that holds another job: what the two have under
// the same names would be mixed, and nothing would tell whose the rest is.
func checkFolder(ctx context.Context, dir string, j client.Job) error {
	folder, err := audit.OpenFolder(dir, nil)
	if errors.Is(err, fs.ErrNotExist) { // no folder, or one without a head
		for _, name := range []string{audit.FileJob, audit.FileReceipts, audit.FileSums, audit.DirBlobs} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				return &inputError{fmt.Errorf("%s has a %s that is not of a fetched job: job %s (%s) would replace it; choose another folder with -o", dir, name, j.ID, j.Name)}
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	var head receipts.Head
	signed, err := folder.Head(ctx)
	if err == nil {
		head, err = receipts.OpenHead(signed)
	}
	switch {
	case err != nil:
		return &inputError{fmt.Errorf("%s holds a job, but its %s does not say which: %w; choose another folder with -o, or remove the file", dir, audit.FileHead, err)}
	case head.Job != j.ID:
		return &inputError{fmt.Errorf("%s holds job %s (%s) already: job %s (%s) needs a folder of its own; choose one with -o", dir, head.Job, head.Name, j.ID, j.Name)}
	}
	return nil
}

// checkNames refuses a list with names that would be a surprise on this machine:
// they come from the hub.
func checkNames(list []client.Artifact) error {
	seen := map[string]bool{}
	for _, a := range list {
		switch {
		case filepath.Base(a.Name) != a.Name, !filepath.IsLocal(a.Name), strings.HasPrefix(a.Name, "."), strings.ContainsRune(a.Name, '\\'),
			!utf8.ValidString(a.Name), strings.ContainsFunc(a.Name, func(r rune) bool { return !unicode.IsPrint(r) }),
			audit.Reserved(a.Name), seen[a.Name]:
			return &verificationError{fmt.Sprintf("the hub names a file %q: nothing is fetched", a.Name)}
		}
		seen[a.Name] = true
	}
	return nil
}
