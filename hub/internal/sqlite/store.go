// Package sqlite keeps the hub's state in one SQLite file.
//
// It owns the schema, its migrations and the group commit: one goroutine, the
// committer, runs every write; whatever is waiting when it starts shares one
// transaction, and each caller is answered after the fsync of its commit
// (WAL, synchronous=FULL). Reads use connections of their own and never wait
// for a write. The package refuses to decide anything: what is written is what
// package engine asked for.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/shoal-compute/shoal/hub/internal/engine"
)

// ErrClosed means that the store has been closed.
var ErrClosed = errors.New("sqlite: closed")

// Store implements engine.Store.
type Store struct {
	readers  *sql.DB
	writers  *sql.DB // one connection, the committer's
	requests chan request

	closing   chan struct{}
	ended     chan struct{} // closed by the committer when it has answered its last request
	closeOnce sync.Once
	closeErr  error
	committer sync.WaitGroup
}

var _ engine.Store = (*Store)(nil)

const (
	// queue bounds the writes that wait; further callers wait to get in.
	queue = 1024
	// group bounds the writes that share a transaction, and so how long the
	// first of them waits.
	group = 512
	// readConns bounds the reads at the same time.
	readConns = 4
)

// Open opens the database file at path, creating or migrating it as needed.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := checkLog(path); err != nil {
		return nil, err
	}
	list, err := load(migrations)
	if err != nil {
		return nil, err
	}
	return open(ctx, path, list)
}

func open(ctx context.Context, path string, list []migration) (_ *Store, err error) {
	s := &Store{requests: make(chan request, queue), closing: make(chan struct{}), ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeDBs())
		}
	}()
	if s.writers, err = connect(path, 1, "_txlock=immediate"); err != nil {
		return nil, err
	}
	conn, err := s.writers.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	if err := migrate(ctx, conn, list); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if s.readers, err = connect(path, readConns, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w := &writer{conn: conn, statements: map[string]*sql.Stmt{}}
	s.committer.Go(func() { s.commitAll(w) })
	return s, nil
}

func connect(path string, conns int, extra string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-16384)&_pragma=wal_autocheckpoint(4000)&" + extra
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Close commits what is waiting and closes the database. It may be called
// more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.committer.Wait()
		s.closeErr = s.closeDBs()
	})
	return s.closeErr
}

func (s *Store) closeDBs() error {
	var err error
	for _, db := range []*sql.DB{s.readers, s.writers} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return err
}
