package sqlite

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// keepDevice stores what was learned of a device. Commits may overtake one
// another, so older news is left out.
func keepDevice(w *writer, d engine.DeviceRecord) error {
	id, err := volunteerID(w, d.Volunteer, d.Record.At)
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO devices (volunteer, class, evidence, at, results, verified, caught) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET evidence = excluded.evidence, at = excluded.at, results = excluded.results,
			verified = excluded.verified, caught = excluded.caught
		WHERE excluded.results >= devices.results`,
		id, d.Class, d.Record.Verified, d.Record.At.UnixMilli(), d.Results, d.Verified, d.Caught)
}

// Devices implements engine.Store.
func (s *Store) Devices(ctx context.Context) ([]engine.DeviceRecord, error) {
	scan := func(row scanner) (d engine.DeviceRecord, err error) {
		var at int64
		err = row.Scan((*keyColumn)(&d.Volunteer), &d.Class, &d.Record.Verified, &at, &d.Results, &d.Verified, &d.Caught)
		d.Record.At = time.UnixMilli(at)
		return d, err
	}
	return query(ctx, s, scan, `SELECT v.key, d.class, d.evidence, d.at, d.results, d.verified, d.caught
		FROM devices d JOIN volunteers v ON v.id = d.volunteer ORDER BY d.volunteer, d.class`)
}

// Stakes implements engine.Store.
func (s *Store) Stakes(ctx context.Context) (map[volunteer.ID]ledger.Amount, error) {
	stakes := map[volunteer.ID]ledger.Amount{}
	scan := func(row scanner) (struct{}, error) {
		var (
			name    string
			balance int64
			id      volunteer.ID
		)
		if err := row.Scan(&name, &balance); err != nil {
			return struct{}{}, err
		}
		if n, err := hex.Decode(id[:], []byte(strings.TrimPrefix(name, "stake/"))); err != nil || n != len(id) {
			return struct{}{}, fmt.Errorf("account %q names no volunteer", name)
		}
		stakes[id] = ledger.Amount(balance)
		return struct{}{}, nil
	}
	_, err := query(ctx, s, scan, `SELECT name, balance FROM accounts WHERE name LIKE 'stake/%' AND length(name) = 70 AND balance <> 0`)
	return stakes, err
}

// Account implements engine.Store.
func (s *Store) Account(ctx context.Context, id string) (engine.Account, error) {
	var a engine.Account
	err := s.readers.QueryRowContext(ctx, `SELECT count(*), coalesce(max(risk), 0), total(risk), coalesce(sum(path = 'audited'), 0),
		coalesce(sum(path = 'audited' AND EXISTS (SELECT 1 FROM results r WHERE r.job = ?1 AND r.shard = verdicts.shard AND r.standing = ?2)), 0),
		coalesce(sum(executed), 0) + (SELECT coalesce(sum(executed), 0) FROM withdrawn_verdicts WHERE job = ?1)
		+ (SELECT coalesce(sum(spent), 0) FROM jobs WHERE id = ?1)
		FROM verdicts WHERE job = ?1`, id, int(trust.Refuted)).Scan(&a.Accepted, &a.Worst, &a.Expected, &a.Audited, &a.Refuted, &a.Executed)
	return a, wrap("account", err)
}

// Uphold implements engine.Store.
func (s *Store) Uphold(ctx context.Context, id string, upheld []engine.Acceptance) error {
	if len(upheld) == 0 {
		return nil
	}
	return s.write(ctx, func(w *writer) error {
		for _, a := range upheld {
			err := w.exec(`UPDATE verdicts SET path = 'audited', risk = 0, executed = executed + 1
				WHERE job = ? AND shard = ? AND output = ?`, id, int64(a.Shard), a.Output[:])
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	resultColumns  = `job, shard, volunteer, arrival, lane, class, output, token, signature, millis, at, standing, risk, alone, checked`
	verdictColumns = `job, shard, program, inputs, ops, output, at, path, risk, executed`
)

// Withdraw implements engine.Store.
func (s *Store) Withdraw(ctx context.Context, d engine.Withdrawal) error {
	from := int64(engine.NewShardID(d.From, 0))
	return s.write(ctx, func(w *writer) error {
		err := found(w.changed(`UPDATE jobs SET generation = ?, edition = edition + (finished IS NOT NULL), finished = NULL WHERE id = ?`, d.Generation, d.Job))
		if err == nil {
			err = w.exec(`DELETE FROM artifacts WHERE job = ?`, d.Job)
		}
		if err != nil {
			return err
		}
		var t totals
		for _, tx := range d.Ledger {
			if err := pay(w, tx); err != nil {
				return err
			}
			t.credit += paid(tx)
		}
		for _, text := range []string{
			`INSERT INTO withdrawn_results (generation, ` + resultColumns + `) SELECT ?3 - 1, ` + resultColumns + ` FROM results WHERE job = ?1 AND shard >= ?2`,
			`INSERT INTO withdrawn_verdicts (generation, ` + verdictColumns + `) SELECT ?3 - 1, ` + verdictColumns + ` FROM verdicts WHERE job = ?1 AND shard >= ?2`,
		} {
			if err := w.exec(text, d.Job, from, d.Generation); err != nil {
				return err
			}
		}
		for _, text := range []string{
			`DELETE FROM results WHERE job = ? AND shard >= ?`,
			`DELETE FROM verdicts WHERE job = ? AND shard >= ?`,
		} {
			if err := w.exec(text, d.Job, from); err != nil {
				return err
			}
		}
		for _, text := range []string{
			`DELETE FROM checkpoints WHERE job = ? AND round > ?`,
			`DELETE FROM rounds WHERE job = ? AND round >= ?`,
		} {
			if err := w.exec(text, d.Job, d.From); err != nil {
				return err
			}
		}
		return t.add(w)
	})
}

// Dispute implements engine.Store.
func (s *Store) Dispute(ctx context.Context, d engine.Dispute) error {
	return s.write(ctx, func(w *writer) error {
		return w.exec(`INSERT INTO disputes (job, shard, a, b, op, name, rounds, bytes, fault_a, fault_b, absent_a, absent_b, evidence, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			d.Job, int64(d.Shard), d.A[:], d.B[:], d.Op, d.Name, d.Rounds, d.Bytes, d.Faults[0].Text, d.Faults[1].Text,
			d.Faults[0].Absent, d.Faults[1].Absent, d.Evidence[:], d.At.UnixMilli())
	})
}

// Disputes implements engine.Store.
func (s *Store) Disputes(ctx context.Context, id string) ([]engine.Dispute, error) {
	scan := func(row scanner) (engine.Dispute, error) {
		d := engine.Dispute{Job: id}
		var at int64
		err := row.Scan(&d.Shard, (*keyColumn)(&d.A), (*keyColumn)(&d.B), &d.Op, &d.Name, &d.Rounds, &d.Bytes,
			&d.Faults[0].Text, &d.Faults[1].Text, &d.Faults[0].Absent, &d.Faults[1].Absent, (*hashColumn)(&d.Evidence), &at)
		d.At = time.UnixMilli(at)
		return d, err
	}
	return query(ctx, s, scan, `SELECT shard, a, b, op, name, rounds, bytes, fault_a, fault_b, absent_a, absent_b, evidence, at
		FROM disputes WHERE job = ? ORDER BY id`, id)
}
