package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// request is one write. do runs inside a savepoint of a shared transaction:
// when it fails, only its own changes are undone.
type request struct {
	do   func(*writer) error
	done chan error // cap 1: answered once, after the commit
}

// write has do committed and returns its error. When ctx ends first the write
// may or may not happen.
func (s *Store) write(ctx context.Context, do func(*writer) error) error {
	r := request{do, make(chan error, 1)}
	select {
	case <-s.closing: // not left to chance when there is room as well
		return ErrClosed
	default:
	}
	select {
	case s.requests <- r:
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return prefixed(err)
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended: // it slipped in behind the committer, or was its last
		select {
		case err := <-r.done:
			return prefixed(err)
		default:
			return ErrClosed
		}
	}
}

func prefixed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlite: %w", err)
}

// commitAll is the committer. It ends when the store is closing and nothing
// waits any more.
func (s *Store) commitAll(w *writer) {
	defer close(s.ended)
	defer w.close()
	batch := make([]request, 0, group)
	for {
		select {
		case r := <-s.requests:
			batch = append(batch[:0], r)
		case <-s.closing:
			s.refuseRest()
			return
		}
		for len(batch) < group {
			select {
			case r := <-s.requests:
				batch = append(batch, r)
				continue
			default:
			}
			break
		}
		w.commit(batch)
	}
}

// refuseRest answers what came in while the store was closing.
func (s *Store) refuseRest() {
	for {
		select {
		case r := <-s.requests:
			r.done <- ErrClosed
		default:
			return
		}
	}
}

// writer is the connection that writes. Only the committer uses it.
type writer struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

// commit runs a batch in one transaction and answers every request.
func (w *writer) commit(batch []request) {
	errs := make([]error, len(batch))
	err := w.exec("BEGIN IMMEDIATE")
	if err == nil {
		for i, r := range batch {
			if errs[i], err = w.attempt(r); err != nil {
				break
			}
		}
		if err == nil {
			err = w.exec("COMMIT")
		}
		if err != nil {
			err = errors.Join(err, w.exec("ROLLBACK"))
		}
	}
	for i, r := range batch {
		if err != nil {
			errs[i] = fmt.Errorf("commit: %w", err)
		}
		r.done <- errs[i]
	}
}

// attempt runs one request in a savepoint. failed is the request's own error;
// broken means that the whole transaction is lost.
func (w *writer) attempt(r request) (failed, broken error) {
	if err := w.exec("SAVEPOINT request"); err != nil {
		return nil, err
	}
	if failed = r.do(w); failed != nil {
		broken = w.exec("ROLLBACK TO request")
	}
	return failed, errors.Join(broken, w.exec("RELEASE request"))
}

// prepare returns the prepared statement of a constant query.
func (w *writer) prepare(query string) (*sql.Stmt, error) {
	if stmt := w.statements[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.statements[query] = stmt
	}
	return stmt, err
}

func (w *writer) exec(query string, args ...any) error {
	_, err := w.changed(query, args...)
	return err
}

// changed runs a statement and returns how many rows it changed.
func (w *writer) changed(query string, args ...any) (int64, error) {
	stmt, err := w.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// id runs a query for one integer.
func (w *writer) id(query string, args ...any) (int64, error) {
	stmt, err := w.prepare(query)
	if err != nil {
		return 0, err
	}
	var n int64
	return n, stmt.QueryRow(args...).Scan(&n)
}

func (w *writer) close() {
	for _, stmt := range w.statements {
		_ = stmt.Close() // the connection goes right after
	}
	_ = w.conn.Close()
}
