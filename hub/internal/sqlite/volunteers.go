package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// See implements engine.Store.
func (s *Store) See(ctx context.Context, v volunteer.ID, agent string, at time.Time) (engine.Standing, error) {
	err := s.write(ctx, func(w *writer) error {
		return w.exec(`INSERT INTO volunteers (key, agent, first, seen) VALUES (?1, ?2, ?3, ?3)
			ON CONFLICT (key) DO UPDATE SET agent = excluded.agent, seen = max(seen, excluded.seen)`, v[:], agent, at.UnixMilli())
	})
	if err != nil {
		return engine.Standing{}, err
	}
	list, err := s.standings(ctx, `WHERE v.key = ?`, v[:])
	if err != nil || len(list) == 0 {
		return engine.Standing{}, err
	}
	return list[0], nil
}

// Volunteers implements engine.Store.
func (s *Store) Volunteers(ctx context.Context, limit int) ([]engine.Standing, error) {
	return s.standings(ctx, `ORDER BY credit + stake DESC, v.id LIMIT ?`, limit)
}

func (s *Store) standings(ctx context.Context, tail string, args ...any) ([]engine.Standing, error) {
	var ids []int64
	scan := func(row scanner) (engine.Standing, error) {
		var (
			st              engine.Standing
			id, first, seen int64
		)
		err := row.Scan(&id, (*keyColumn)(&st.Volunteer), &st.Agent, &first, &seen, &st.Shards, (*int64)(&st.Credit), (*int64)(&st.Stake))
		st.First, st.Seen = time.UnixMilli(first), time.UnixMilli(seen)
		ids = append(ids, id)
		return st, err
	}
	list, err := query(ctx, s, scan, `SELECT v.id, v.key, v.agent, v.first, v.seen, v.shards,
		coalesce(a.balance, 0) AS credit, coalesce(k.balance, 0) AS stake
		FROM volunteers v LEFT JOIN accounts a ON a.name = 'volunteer/' || lower(hex(v.key))
		LEFT JOIN accounts k ON k.name = 'stake/' || lower(hex(v.key)) `+tail, args...)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if list[i].Marks, err = s.marks(ctx, id); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// marks counts a volunteer's marks by lane.
func (s *Store) marks(ctx context.Context, id int64) (map[string]int, error) {
	counts := map[string]int{}
	scan := func(row scanner) (struct{}, error) {
		var (
			lane string
			n    int
		)
		err := row.Scan(&lane, &n)
		counts[lane] = n
		return struct{}{}, err
	}
	_, err := query(ctx, s, scan, `SELECT lane, count(*) FROM marks WHERE volunteer = ? GROUP BY lane`, id)
	return counts, err
}

// Balance implements engine.Store.
func (s *Store) Balance(ctx context.Context, a ledger.Account) (ledger.Amount, error) {
	var balance int64
	err := s.readers.QueryRowContext(ctx, `SELECT balance FROM accounts WHERE name = ?`, string(a)).Scan(&balance)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return ledger.Amount(balance), wrap("balance", err)
}

// Transactions implements engine.Store.
func (s *Store) Transactions(ctx context.Context, a ledger.Account, limit int) ([]ledger.Transaction, error) {
	var ids []int64
	scan := func(row scanner) (t ledger.Transaction, err error) {
		var id, at int64
		err = row.Scan(&id, &at, &t.Reference.Job, &t.Reference.Shard, &t.Reference.Output, &t.Reference.Reason)
		t.At = time.UnixMilli(at)
		ids = append(ids, id)
		return t, err
	}
	list, err := query(ctx, s, scan, `SELECT DISTINCT t.id, t.at, t.job, t.shard, t.output, t.reason
		FROM entries e JOIN accounts a ON a.id = e.account JOIN transactions t ON t.id = e.tx
		WHERE a.name = ? ORDER BY t.id DESC LIMIT ?`, string(a), limit)
	if err != nil {
		return nil, err
	}
	scanEntry := func(row scanner) (e ledger.Entry, err error) {
		err = row.Scan((*string)(&e.Account), (*int64)(&e.Amount))
		return e, err
	}
	for i, id := range ids {
		list[i].Entries, err = query(ctx, s, scanEntry, `SELECT a.name, e.amount FROM entries e
			JOIN accounts a ON a.id = e.account WHERE e.tx = ? ORDER BY e.line`, id)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Pin implements engine.Store.
func (s *Store) Pin(ctx context.Context, h job.Hash, size int64, at time.Time) error {
	return s.write(ctx, func(w *writer) error {
		return w.exec(`INSERT INTO pins (hash, size, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, h[:], size, at.UnixMilli())
	})
}

// Pins implements engine.Store.
func (s *Store) Pins(ctx context.Context) ([]job.Hash, error) {
	scan := func(row scanner) (h job.Hash, err error) {
		err = row.Scan((*hashColumn)(&h))
		return h, err
	}
	return query(ctx, s, scan, `SELECT hash FROM pins`)
}

// Stats implements engine.Store.
func (s *Store) Stats(ctx context.Context) (engine.Stats, error) {
	var st engine.Stats
	err := s.readers.QueryRowContext(ctx, `SELECT shards, results, refuted, ops, credit,
		(SELECT count(*) FROM jobs), (SELECT count(*) FROM volunteers),
		coalesce((SELECT balance FROM accounts WHERE name = 'slashed'), 0) FROM totals`).
		Scan(&st.Shards, &st.Results, &st.Refuted, &st.Ops, &st.Credit, &st.Jobs, &st.Volunteers, &st.Slashed)
	return st, wrap("stats", err)
}
