package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/sqlite"
)

// Parts of the data directory.
const (
	fileDatabase = "hub.db"
	dirBlobs     = "blobs"
	dirReceipts  = "receipts"
)

// openStore opens the database of a data directory, and makes one only where
// there is nothing that an earlier one would have known of: the engine deletes
// blobs that its database has no reason to keep, and a new one has no reason to
// keep any.
//
// A first start may be killed at any moment and the next one still takes the
// directory for new, or for a hub without jobs. Of what makes it a hub's, blobs
// and receipts are files, not the directories they lie in, and none is written
// before New has returned; the database is complete before that, in the order
// below, and has been synced (the log's directory entry with it, by SQLite).
// So there is no moment at which blobs or receipts are there and it is not.
// Killed while it makes the database, New leaves none, an empty one, or one with
// fewer migrations, and no blobs: the next New goes on from there. Secrets do not
// count: each is made where it is missing.
func openStore(ctx context.Context, dir string) (*sqlite.Store, error) {
	anyBlobs, err := blobs.Any(filepath.Join(dir, dirBlobs))
	if err != nil {
		return nil, err
	}
	anyReceipts, err := hasReceipts(filepath.Join(dir, dirReceipts))
	if err != nil {
		return nil, err
	}
	open := sqlite.Open
	if anyBlobs || anyReceipts {
		open = sqlite.OpenExisting
	}
	store, err := open(ctx, filepath.Join(dir, fileDatabase))
	if errors.Is(err, sqlite.ErrMissing) {
		return nil, damaged(dir, err)
	}
	if err != nil || !anyReceipts {
		return store, err
	}
	// Receipts are of jobs, and jobs are never forgotten.
	has, err := store.HasJobs(ctx)
	if err == nil && !has {
		err = damaged(dir, errors.New("the database knows of no job, but there are receipts of some"))
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// damaged says what is wrong and what can be done about it.
func damaged(dir string, err error) error {
	return fmt.Errorf("%w: %s: %w. Nothing was changed or deleted. Restore %[4]s from a backup, with %[4]s-wal if there is one; "+
		"or, to begin anew and give up all jobs, move what is left of %[4]s, %[5]s and %[6]s out of the way",
		ErrDamaged, dir, err, fileDatabase, dirBlobs, dirReceipts)
}

// hasReceipts reports whether there are records of jobs in dir, which need not
// exist. What a crash left half made begins with a dot.
func hasReceipts(dir string) (bool, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("hub: %w", err)
	}
	for _, entry := range list {
		if !strings.HasPrefix(entry.Name(), ".") {
			return true, nil
		}
	}
	return false, nil
}
