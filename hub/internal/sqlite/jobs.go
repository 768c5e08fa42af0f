package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// CreateJob implements engine.Store.
func (s *Store) CreateJob(ctx context.Context, j engine.Job) error {
	plan, err := json.Marshal(j.Plan)
	if err != nil {
		return fmt.Errorf("sqlite: create job: %w", err)
	}
	return s.write(ctx, func(w *writer) error {
		return w.exec(`INSERT INTO jobs (id, name, kind, file, plan, state, reason, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			j.ID, j.Name, j.Kind, bytesOf(j.File), string(plan), string(j.State), j.Reason, j.Created.UnixMilli())
	})
}

const jobColumns = `id, name, kind, file, plan, state, reason, created, finished, generation, edition`

// Job implements engine.Store.
func (s *Store) Job(ctx context.Context, id string) (engine.Job, error) {
	j, err := scanJob(s.readers.QueryRowContext(ctx, `SELECT `+jobColumns+` FROM jobs WHERE id = ?`, id))
	return j, wrap("job", err)
}

// Jobs implements engine.Store.
func (s *Store) Jobs(ctx context.Context) ([]engine.Job, error) {
	return query(ctx, s, scanJob, `SELECT `+jobColumns+` FROM jobs ORDER BY key`)
}

// NewestJobs implements engine.Store.
func (s *Store) NewestJobs(ctx context.Context, q engine.JobQuery) ([]engine.Job, error) {
	return query(ctx, s, scanJob, `SELECT `+jobColumns+` FROM jobs
		WHERE (?1 = '' OR key < (SELECT key FROM jobs WHERE id = ?1)) AND (?2 = '' OR state = ?2)
		ORDER BY key DESC LIMIT ?3`, q.Before, string(q.State), q.Limit)
}

func scanJob(row scanner) (engine.Job, error) {
	var (
		j        engine.Job
		plan     string
		state    string
		created  int64
		finished sql.NullInt64
	)
	if err := row.Scan(&j.ID, &j.Name, &j.Kind, &j.File, &plan, &state, &j.Reason, &created, &finished, &j.Generation, &j.Edition); err != nil {
		return j, err
	}
	j.State, j.Created = engine.State(state), time.UnixMilli(created)
	if finished.Valid {
		j.Finished = time.UnixMilli(finished.Int64)
	}
	return j, json.Unmarshal([]byte(plan), &j.Plan)
}

// SetState implements engine.Store.
func (s *Store) SetState(ctx context.Context, id string, state engine.State, reason string, at time.Time) error {
	return s.write(ctx, func(w *writer) error { return setState(w, id, state, reason, at) })
}

func setState(w *writer, id string, state engine.State, reason string, at time.Time) error {
	text, args := `UPDATE jobs SET state = ?, reason = ? WHERE id = ?`, []any{string(state), reason, id}
	switch state {
	case engine.Done:
		text, args = `UPDATE jobs SET state = ?1, reason = ?2, finished = ?4 WHERE id = ?3`, append(args, at.UnixMilli())
	case engine.Failed, engine.Cancelled:
		// Only one that was reopened is running and has been finished.
		text = `UPDATE jobs SET state = ?1, reason = ?2, finished = ?4, edition = edition + (finished IS NOT NULL AND state = 'running') WHERE id = ?3`
		args = append(args, at.UnixMilli())
		if err := w.exec(`DELETE FROM artifacts WHERE job = ?`, id); err != nil {
			return err
		}
	case engine.Queued, engine.Running:
	}
	return found(w.changed(text, args...))
}

// found is ErrNotFound where nothing was changed.
func found(n int64, err error) error {
	if err == nil && n == 0 {
		return engine.ErrNotFound
	}
	return err
}

// Finish implements engine.Store.
func (s *Store) Finish(ctx context.Context, id string, artifacts []engine.Artifact, at time.Time) error {
	return s.write(ctx, func(w *writer) error {
		if err := w.exec(`DELETE FROM artifacts WHERE job = ?`, id); err != nil {
			return err
		}
		for _, a := range artifacts {
			err := w.exec(`INSERT INTO artifacts (job, name, type, size, hash) VALUES (?, ?, ?, ?, ?)`,
				id, a.Name, a.Type, a.Size, a.Hash[:])
			if err != nil {
				return err
			}
		}
		return setState(w, id, engine.Done, "", at)
	})
}

// Reopen implements engine.Store.
func (s *Store) Reopen(ctx context.Context, id, reason string) error {
	return s.write(ctx, func(w *writer) error {
		return found(w.changed(`UPDATE jobs SET state = 'running', reason = ? WHERE id = ? AND state = 'done'`, reason, id))
	})
}

// Reliant implements engine.Store.
func (s *Store) Reliant(ctx context.Context, volunteers []volunteer.ID, since time.Time) ([]string, error) {
	keys, err := json.Marshal(volunteers)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reliant: %w", err)
	}
	scan := func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	}
	// Job by job, and each volunteer's results in it by their index, where the
	// planner left alone would rather read all of the job's.
	return query(ctx, s, scan, `SELECT id FROM jobs WHERE state = 'done' AND finished >= ?1 AND EXISTS (
		SELECT 1 FROM json_each(?2) k CROSS JOIN volunteers v ON v.key = unhex(k.value)
			CROSS JOIN results r INDEXED BY results_by_volunteer ON r.volunteer = v.id AND r.job = jobs.id
			CROSS JOIN verdicts d ON d.job = r.job AND d.shard = r.shard
		WHERE r.standing = ?3 AND d.path <> ?4
	) ORDER BY key`, since.UnixMilli(), string(keys), int(trust.Confirmed), string(engine.Audited))
}

// Artifacts implements engine.Store.
func (s *Store) Artifacts(ctx context.Context, id string) ([]engine.Artifact, error) {
	scan := func(row scanner) (a engine.Artifact, err error) {
		err = row.Scan(&a.Name, &a.Type, &a.Size, (*hashColumn)(&a.Hash))
		return a, err
	}
	return query(ctx, s, scan, `SELECT name, type, size, hash FROM artifacts WHERE job = ? ORDER BY name`, id)
}

// FinishRound implements engine.Store.
func (s *Store) FinishRound(ctx context.Context, id string, r job.Report, c *engine.Checkpoint, drop []int) error {
	report, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("sqlite: report: %w", err)
	}
	return s.write(ctx, func(w *writer) error {
		err := w.exec(`INSERT OR REPLACE INTO rounds (job, round, report) VALUES (?, ?, ?)`, id, r.Round, string(report))
		if err != nil || c == nil {
			return err
		}
		for _, round := range drop {
			if err := w.exec(`DELETE FROM checkpoints WHERE job = ? AND round = ?`, id, round); err != nil {
				return err
			}
		}
		return w.exec(`INSERT OR REPLACE INTO checkpoints (job, round, record, blobs) VALUES (?, ?, ?, ?)`,
			id, c.Round, bytesOf(c.Record), join(c.Blobs))
	})
}

// Checkpoints implements engine.Store.
func (s *Store) Checkpoints(ctx context.Context, id string) ([]engine.Checkpoint, error) {
	scan := func(row scanner) (c engine.Checkpoint, err error) {
		err = row.Scan(&c.Round, &c.Record, (*hashesColumn)(&c.Blobs))
		return c, err
	}
	return query(ctx, s, scan, `SELECT round, record, blobs FROM checkpoints WHERE job = ? ORDER BY round`, id)
}

// Reports implements engine.Store.
func (s *Store) Reports(ctx context.Context, id string, from int) ([]job.Report, error) {
	scan := func(row scanner) (r job.Report, err error) {
		var text string
		if err = row.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &r)
		}
		return r, err
	}
	return query(ctx, s, scan, `SELECT report FROM rounds WHERE job = ? AND round >= ? ORDER BY round`, id, from)
}

// Latest implements engine.Store.
func (s *Store) Latest(ctx context.Context, id string) (job.Report, error) {
	var (
		r                   job.Report
		text                string
		loss, val, accuracy sql.Null[float64]
	)
	last := func(field string) string {
		value := "json_extract(report, '$." + field + "')"
		return "(SELECT " + value + " FROM rounds WHERE job = ?1 AND " + value + " IS NOT NULL ORDER BY round DESC LIMIT 1)"
	}
	err := s.readers.QueryRowContext(ctx, "SELECT report, "+last("loss")+", "+last("val")+", "+last("accuracy")+
		" FROM rounds WHERE job = ?1 ORDER BY round DESC LIMIT 1", id).Scan(&text, &loss, &val, &accuracy)
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &r)
	}
	r.Loss, r.Val, r.Accuracy = pointer(loss), pointer(val), pointer(accuracy)
	return r, wrap("latest report", err)
}

func pointer(n sql.Null[float64]) *float64 {
	if !n.Valid {
		return nil
	}
	return &n.V
}

// wrap names what was being read and maps "no rows" to ErrNotFound.
func wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return engine.ErrNotFound
	}
	return fmt.Errorf("sqlite: %s: %w", what, err)
}
