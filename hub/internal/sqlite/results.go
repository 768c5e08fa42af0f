package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Commit implements engine.Store.
func (s *Store) Commit(ctx context.Context, c engine.Commit) (bool, error) {
	inserted := false
	err := s.write(ctx, func(w *writer) (err error) {
		inserted, err = commit(w, c)
		return err
	})
	return inserted && err == nil, err
}

func commit(w *writer, c engine.Commit) (bool, error) {
	var t totals
	if c.Result != nil {
		inserted, err := insert(w, *c.Result)
		if err != nil || !inserted {
			return false, err
		}
		t.results = 1
		t.count(c.Result.Standing)
	}
	for _, change := range c.Changes {
		if err := setStanding(w, c.Job, c.Shard, change); err != nil {
			return false, err
		}
		t.count(change.Standing)
	}
	if c.Accepted != nil {
		if err := accept(w, c.Job, *c.Accepted); err != nil {
			return false, err
		}
		t.shards, t.ops = 1, c.Accepted.Ops
	}
	for _, tx := range c.Ledger {
		if err := pay(w, tx); err != nil {
			return false, err
		}
		t.credit += paid(tx)
	}
	for _, m := range c.Marks {
		if err := mark(w, m); err != nil {
			return false, err
		}
	}
	for _, d := range c.Devices {
		if err := keepDevice(w, d); err != nil {
			return false, err
		}
	}
	if c.Spent != 0 {
		if err := w.exec(`UPDATE jobs SET spent = spent + ? WHERE id = ?`, c.Spent, c.Job); err != nil {
			return false, err
		}
	}
	return true, t.add(w)
}

// insert adds a result, unless its volunteer has one for the shard already.
func insert(w *writer, r engine.Result) (bool, error) {
	id, err := volunteerID(w, r.Volunteer, r.At)
	if err != nil {
		return false, err
	}
	n, err := w.changed(`INSERT INTO results (job, shard, volunteer, arrival, lane, class, output, token, signature, millis, at, standing, risk, alone, checked, block, driver, build, born)
		VALUES (?1, ?2, ?3, (SELECT count(*) FROM results WHERE job = ?1 AND shard = ?2), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
		ON CONFLICT DO NOTHING`,
		r.Job, int64(r.Shard), id, r.Lane, r.Class, r.Output[:], bytesOf(r.Token), r.Signature[:], int64(r.Millis), r.At.UnixMilli(), int(r.Standing),
		r.Risk, r.Alone, r.Check, r.Identity.Block, r.Identity.Class, r.Identity.Build, born(r.Identity.Created))
	if err != nil || n == 0 {
		return false, err
	}
	if r.Standing == trust.Confirmed {
		err = confirm(w, r.Volunteer)
	}
	return true, err
}

// born is NULL for a key of which it is not known.
func born(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMilli()
}

// paid is what a transaction takes out of jobs: stakes that move are not paid anew.
func paid(t ledger.Transaction) int64 {
	sum := int64(0)
	for _, e := range t.Entries {
		if e.Account == ledger.JobAccount(t.Reference.Job) {
			sum -= int64(e.Amount)
		}
	}
	return sum
}

// setStanding changes an earlier result of a shard.
func setStanding(w *writer, id string, shard engine.ShardID, change engine.Change) error {
	n, err := w.changed(`UPDATE results SET standing = ? WHERE job = ? AND shard = ?
		AND volunteer = (SELECT id FROM volunteers WHERE key = ?)`,
		int(change.Standing), id, int64(shard), change.Volunteer[:])
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("sqlite: shard %v has no result of volunteer %s", shard, change.Volunteer.Short())
	}
	if change.Standing == trust.Confirmed {
		return confirm(w, change.Volunteer)
	}
	return nil
}

func confirm(w *writer, v volunteer.ID) error {
	return w.exec(`UPDATE volunteers SET shards = shards + 1 WHERE key = ?`, v[:])
}

func accept(w *writer, id string, a engine.Acceptance) error {
	return w.exec(`INSERT INTO verdicts (job, shard, program, inputs, ops, output, at, path, risk, executed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, int64(a.Shard), a.Program[:], join(a.Inputs), a.Ops, a.Output[:], a.At.UnixMilli(), string(a.Path), a.Risk, a.Executed)
}

// pay appends a transaction to the ledger.
func pay(w *writer, t ledger.Transaction) error {
	if err := t.Validate(); err != nil {
		return err
	}
	tx, err := w.id(`INSERT INTO transactions (at, job, shard, output, reason) VALUES (?, ?, ?, ?, ?) RETURNING id`,
		t.At.UnixMilli(), t.Reference.Job, int64(t.Reference.Shard), t.Reference.Output, t.Reference.Reason)
	if err != nil {
		return err
	}
	for line, e := range t.Entries {
		// An integer sum that leaves 64 bits becomes a float, which a STRICT
		// table refuses: an overflow is an error, never a wrong balance.
		account, err := w.id(`INSERT INTO accounts (name, balance) VALUES (?, ?)
			ON CONFLICT (name) DO UPDATE SET balance = balance + excluded.balance RETURNING id`, string(e.Account), int64(e.Amount))
		if err != nil {
			return err
		}
		if err := w.exec(`INSERT INTO entries (tx, line, account, amount) VALUES (?, ?, ?, ?)`, tx, line, account, int64(e.Amount)); err != nil {
			return err
		}
	}
	return nil
}

func mark(w *writer, m engine.Mark) error {
	id, err := volunteerID(w, m.Volunteer, m.At)
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO marks (volunteer, lane, job, shard, reason, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		id, m.Lane, m.Job, int64(m.Shard), m.Reason, m.At.UnixMilli())
}

// volunteerID returns the row of v, making one for a volunteer never seen.
func volunteerID(w *writer, v volunteer.ID, at time.Time) (int64, error) {
	return w.id(`INSERT INTO volunteers (key, agent, first, seen) VALUES (?1, '', ?2, ?2)
		ON CONFLICT (key) DO UPDATE SET seen = max(seen, excluded.seen) RETURNING id`, v[:], at.UnixMilli())
}

// totals is what one commit adds to the running totals.
type totals struct{ shards, results, refuted, ops, credit int64 }

func (t *totals) count(s trust.Standing) {
	if s == trust.Refuted {
		t.refuted++
	}
}

func (t *totals) add(w *writer) error {
	return w.exec(`UPDATE totals SET shards = shards + ?, results = results + ?, refuted = refuted + ?, ops = ops + ?, credit = credit + ?`,
		t.shards, t.results, t.refuted, t.ops, t.credit)
}

// Results implements engine.Store.
func (s *Store) Results(ctx context.Context, id string, from, end engine.ShardID) ([]engine.Result, error) {
	scan := func(row scanner) (engine.Result, error) {
		r := engine.Result{Job: id}
		var (
			millis, at int64
			born       sql.NullInt64
		)
		err := row.Scan(&r.Shard, (*keyColumn)(&r.Volunteer), &r.Lane, &r.Class, (*hashColumn)(&r.Output), &r.Token,
			(*signatureColumn)(&r.Signature), &millis, &at, &r.Standing, &r.Risk, &r.Alone, &r.Check,
			&r.Identity.Block, &r.Identity.Class, &r.Identity.Build, &born)
		if born.Valid {
			r.Identity.Created = time.UnixMilli(born.Int64)
		}
		r.Millis, r.At = uint64(millis), time.UnixMilli(at)
		return r, err
	}
	return query(ctx, s, scan, `SELECT r.shard, v.key, r.lane, r.class, r.output, r.token, r.signature, r.millis, r.at, r.standing, r.risk, r.alone, r.checked,
			r.block, r.driver, r.build, r.born
		FROM results r JOIN volunteers v ON v.id = r.volunteer
		WHERE r.job = ? AND r.shard >= ? AND r.shard < ? ORDER BY r.shard, r.arrival`, id, int64(from), int64(end))
}

// Acceptances implements engine.Store.
func (s *Store) Acceptances(ctx context.Context, id string, from, end engine.ShardID) ([]engine.Acceptance, error) {
	scan := func(row scanner) (a engine.Acceptance, err error) {
		var at int64
		err = row.Scan(&a.Shard, (*hashColumn)(&a.Program), (*hashesColumn)(&a.Inputs), &a.Ops, (*hashColumn)(&a.Output), &at,
			(*string)(&a.Path), &a.Risk, &a.Executed)
		a.At = time.UnixMilli(at)
		return a, err
	}
	return query(ctx, s, scan, `SELECT shard, program, inputs, ops, output, at, path, risk, executed FROM verdicts
		WHERE job = ? AND shard >= ? AND shard < ? ORDER BY shard`, id, int64(from), int64(end))
}
