package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Migrations are numbered files without gaps, from 0001 on. They are applied
// in order, each in its own transaction, and are never changed once released.
//
//go:embed migrations/*.sql
var migrations embed.FS

// ErrNewer means that the database was written by a newer version of the hub.
var ErrNewer = errors.New("sqlite: the database has a newer schema than this hub knows; run a newer hub")

// ErrForeign means that the file is a database, but not a hub's.
var ErrForeign = errors.New("sqlite: not a hub's database")

// applicationID marks the file as a hub's ("SHOA").
const applicationID = 0x53484f41

type migration struct {
	version int
	name    string
	sql     string
}

// load reads numbered migrations in order.
func load(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	list := make([]migration, len(names))
	for i, name := range names { // Glob sorts
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimPrefix(name, "migrations/")
		number, _, _ := strings.Cut(base, "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("sqlite: migration %s: want number %04d", base, i+1)
		}
		list[i] = migration{i + 1, base, string(text)}
	}
	return list, nil
}

// migrate brings the database up to date.
func migrate(ctx context.Context, c *sql.Conn, list []migration) error {
	var version, id, tables int
	err := errors.Join(
		c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id),
		c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables),
	)
	switch {
	case err != nil:
		return fmt.Errorf("sqlite: %w", err)
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return ErrForeign
	case version > len(list):
		return fmt.Errorf("%w (version %d, this hub knows %d)", ErrNewer, version, len(list))
	}
	for _, m := range list[version:] {
		if err := apply(ctx, c, m); err != nil {
			return fmt.Errorf("sqlite: migration %s: %w", m.name, err)
		}
	}
	return nil
}

func apply(ctx context.Context, c *sql.Conn, m migration) error {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// PRAGMA takes no parameters; both values are integers of ours.
	script := fmt.Sprintf("%s\nPRAGMA application_id = %d; PRAGMA user_version = %d;", m.sql, applicationID, m.version)
	if _, err := c.ExecContext(ctx, script); err != nil {
		_, undo := c.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, undo)
	}
	_, err := c.ExecContext(ctx, "COMMIT")
	return err
}
