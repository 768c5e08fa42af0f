package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrMissing means that there is no database where there has been one.
var ErrMissing = errors.New("sqlite: the database is missing or empty")

// OpenExisting is Open for a database that must be there already. Where it is
// not (no file, an empty one, one that nothing was ever written to), it makes
// none and returns ErrMissing.
func OpenExisting(ctx context.Context, path string) (*Store, error) {
	switch size, err := sizeOf(path); {
	case err != nil:
		return nil, err
	case size == 0:
		return nil, ErrMissing
	}
	db, err := connect(path, 1, "_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	var id, tables int
	err = errors.Join(
		db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id),
		db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables),
	)
	switch err = errors.Join(err, db.Close()); {
	case err != nil:
		return nil, fmt.Errorf("sqlite: open: %w", err)
	case id == 0 && tables == 0:
		return nil, ErrMissing
	}
	return Open(ctx, path)
}

// checkLog refuses a write-ahead log whose database is gone: SQLite takes it
// for a leftover and deletes it, with all that was committed to it. A first
// start that was killed does not leave that: the database's first page is
// written before there is a log.
func checkLog(path string) error {
	size, err := sizeOf(path)
	if err != nil || size > 0 {
		return err
	}
	switch log, err := sizeOf(path + "-wal"); {
	case err != nil:
		return err
	case log > 0:
		return fmt.Errorf("%w, but its log %s-wal is there", ErrMissing, path)
	}
	return nil
}

// HasJobs reports whether any job was ever submitted.
func (s *Store) HasJobs(ctx context.Context) (has bool, err error) {
	if err := s.readers.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM jobs)`).Scan(&has); err != nil {
		return false, fmt.Errorf("sqlite: jobs: %w", err)
	}
	return has, nil
}

// sizeOf returns 0 for a file that is not there.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("sqlite: open: %w", err)
	}
	return info.Size(), nil
}
