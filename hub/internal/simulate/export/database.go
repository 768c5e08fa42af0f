package export

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// ErrNoJob means that a database has no job of that name. The error says which
// jobs it has.
var ErrNoJob = errors.New("export: no such job")

// ErrForeign means that a file is no database of a hub that this program knows,
// or cannot be read.
var ErrForeign = errors.New("export: not a hub's database, or it cannot be read")

// ErrChanged means that a hub was started while its database was read.
var ErrChanged = errors.New("export: a hub was started on the database meanwhile; do it again")

// What marks a hub's database, and the schemas that have the columns below.
// Package sqlite owns the schema. It is not used here, because it opens a
// database to write: it would migrate one that another hub is using.
const (
	applicationID = 0x53484f41
	leastVersion  = 2
)

// FromDatabase reads a job from the database file of a hub, which may be
// running: it takes no lock that a hub would wait for, and writes nothing.
//
// Where no hub runs there is no write-ahead log, and SQLite would leave an
// empty one behind, perhaps of a user whose files the hub may not open. Then
// the file is read as one that nobody changes, and that is checked afterwards.
func FromDatabase(ctx context.Context, file, id string, parse Parse) (_ *History, err error) {
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	if logged(file) {
		return readDatabase(ctx, file, "mode=ro", id, parse)
	}
	h, err := readDatabase(ctx, file, "mode=ro&immutable=1", id, parse)
	if logged(file) {
		return nil, ErrChanged
	}
	return h, err
}

// logged reports whether there is a write-ahead log: a hub is running, or was
// killed.
func logged(file string) bool {
	_, err := os.Stat(file + "-wal")
	return err == nil
}

func readDatabase(ctx context.Context, file, how, id string, parse Parse) (_ *History, err error) {
	dsn := (&url.URL{Scheme: "file", Opaque: url.PathEscape(file)}).String() + "?" + how + "&_pragma=query_only(1)&_pragma=busy_timeout(5000)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state of affairs, while a hub goes on
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // it was only read
	d := &database{ctx: ctx, tx: tx, id: id}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d.history(parse)
}

// database reads one job.
type database struct {
	ctx context.Context
	tx  *sql.Tx
	id  string
}

func (d *database) check() error {
	var version, mark int
	err := errors.Join(
		d.tx.QueryRowContext(d.ctx, "PRAGMA application_id").Scan(&mark),
		d.tx.QueryRowContext(d.ctx, "PRAGMA user_version").Scan(&version),
	)
	switch {
	case d.ctx.Err() != nil:
		return d.ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case mark != applicationID:
		return ErrForeign
	case version < leastVersion:
		return fmt.Errorf("%w: its schema has version %d, want at least %d: start a newer hub on it once", ErrForeign, version, leastVersion)
	}
	return nil
}

func (d *database) history(parse Parse) (*History, error) {
	h := &History{Job: d.id}
	var (
		file          []byte
		state         string
		created, done sql.NullInt64
	)
	err := d.tx.QueryRowContext(d.ctx, "SELECT file, state, created, finished FROM jobs WHERE id = ?", d.id).Scan(&file, &state, &created, &done)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, d.noJob()
	case err != nil:
		return nil, fmt.Errorf("export: job: %w", err)
	case state != "done" && state != "failed" && state != "cancelled":
		return nil, fmt.Errorf("%w: it is %s", ErrRunning, state)
	}
	if h.Trust, err = parse(file); err != nil {
		return nil, fmt.Errorf("export: job file: %w", err)
	}
	h.Created, h.Ended = time.UnixMilli(created.Int64), time.UnixMilli(done.Int64)
	for _, read := range []func(*History) error{d.shards, d.faults, d.devices, d.identities} {
		if err := read(h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// noJob says which jobs there are, the newest first.
func (d *database) noJob() error {
	var names []string
	err := d.each("SELECT id, state FROM jobs ORDER BY key DESC LIMIT 10", nil, func(scan func(...any) error) error {
		var id, state string
		err := scan(&id, &state)
		names = append(names, id+" ("+state+")")
		return err
	})
	switch {
	case err != nil:
		return err
	case len(names) == 0:
		return fmt.Errorf("%w: %q; the hub has had no job yet", ErrNoJob, d.id)
	}
	return fmt.Errorf("%w: %q; there are %s", ErrNoJob, d.id, strings.Join(names, ", "))
}

// shards reads the job's shards with their results, those that were withdrawn
// first.
func (d *database) shards(h *History) error {
	type key struct{ generation, shard int64 }
	var last int64
	if err := d.tx.QueryRowContext(d.ctx, "SELECT generation FROM jobs WHERE id = ?", d.id).Scan(&last); err != nil {
		return fmt.Errorf("export: job: %w", err)
	}
	at := map[key]int{}
	find := func(generation, shard int64) *Shard {
		k := key{generation, shard}
		i, known := at[k]
		if !known {
			i = len(h.Shards)
			at[k] = i
			h.Shards = append(h.Shards, Shard{
				Generation: int(generation), Round: int(shard >> indexBits), Index: int(shard & (1<<indexBits - 1)),
				Subject: unsettled(generation, shard),
			})
		}
		return &h.Shards[i]
	}
	const verdicts = "shard, program, inputs, ops, output, at, path, risk"
	err := d.each("SELECT generation, "+verdicts+" FROM withdrawn_verdicts WHERE job = ?1 UNION ALL SELECT ?2, "+verdicts+
		" FROM verdicts WHERE job = ?1 ORDER BY 1, 2", []any{d.id, last}, func(scan func(...any) error) error {
		var (
			generation, shard, ops, at int64
			program, inputs, output    []byte
			path                       string
			risk                       float64
		)
		if err := scan(&generation, &shard, &program, &inputs, &ops, &output, &at, &path, &risk); err != nil {
			return err
		}
		s := find(generation, shard)
		s.Ops, s.Accepted, s.Risk, s.Audited = ops, time.UnixMilli(at), risk, path == string(receipt.Audited)
		s.Subject = job.Sum(append(program, inputs...))
		return fixed(s.Output[:], output)
	})
	if err != nil {
		return err
	}
	const results = "r.shard, r.arrival, v.key, r.lane, r.class, r.output, r.standing, r.risk, r.millis, r.at, r.token"
	err = d.each("SELECT r.generation, "+results+" FROM withdrawn_results r JOIN volunteers v ON v.id = r.volunteer WHERE r.job = ?1 UNION ALL SELECT ?2, "+
		results+" FROM results r JOIN volunteers v ON v.id = r.volunteer WHERE r.job = ?1 ORDER BY 1, 2, 3", []any{d.id, last}, func(scan func(...any) error) error {
		var (
			generation, shard, arrival, standing, millis, at int64
			volunteer, output, token                         []byte
			r                                                Result
		)
		if err := scan(&generation, &shard, &arrival, &volunteer, &r.Lane, &r.Class, &output, &standing, &r.Risk, &millis, &at, &token); err != nil {
			return err
		}
		r.Refuted, r.Millis, r.At, r.Lease = trust.Standing(standing) == trust.Refuted, uint64(millis), time.UnixMilli(at), leaseOf(token)
		s := find(generation, shard)
		err := errors.Join(fixed(r.Volunteer[:], volunteer), fixed(r.Output[:], output))
		s.Results = append(s.Results, r)
		return err
	})
	return err
}

// indexBits is how many bits of a shard's number count within its round.
const indexBits = 24

// unsettled is the subject of a shard that nobody has accepted: its own.
func unsettled(generation, shard int64) job.Hash {
	b := binary.BigEndian.AppendUint64([]byte("unsettled"), uint64(generation))
	return job.Sum(binary.BigEndian.AppendUint64(b, uint64(shard)))
}

// faults reads who was proved wrong in this job.
func (d *database) faults(h *History) error {
	return d.each("SELECT v.key, m.lane, m.shard, m.at FROM marks m JOIN volunteers v ON v.id = m.volunteer WHERE m.job = ? ORDER BY m.at, m.volunteer",
		[]any{d.id}, func(scan func(...any) error) error {
			var (
				f         Fault
				volunteer []byte
				shard, at int64
			)
			if err := scan(&volunteer, &f.Lane, &shard, &at); err != nil {
				return err
			}
			f.Round, f.Index, f.At = int(shard>>indexBits), int(shard&(1<<indexBits-1)), time.UnixMilli(at)
			h.Faults = append(h.Faults, f)
			return fixed(h.Faults[len(h.Faults)-1].Volunteer[:], volunteer)
		})
}

// devices reads what the hub knew of devices before the job: what it knows now
// without what was found right since, in any job; of those it had never met,
// nothing. The rest has faded as much as all has. Answers to canaries are noted
// nowhere, and those since count as if they had been given before.
func (d *database) devices(h *History) error {
	const (
		columns = "r.job, r.shard, r.volunteer, r.class"
		of      = " FROM later j JOIN results r ON r.job = j.id WHERE r.at >= ?1 AND r.standing = ?2"
	)
	withdrawn := strings.Replace(of, "results", "withdrawn_results", 1)
	h.Devices = []Device{}
	return d.each(`WITH later AS (SELECT id FROM jobs WHERE finished IS NULL OR finished >= ?1),
		since AS (SELECT `+columns+`, -1 AS generation`+of+` UNION ALL SELECT `+columns+`, r.generation`+withdrawn+`),
		found AS (
			SELECT s.volunteer, s.class, count(*) AS n FROM since s
			LEFT JOIN verdicts c ON s.generation < 0 AND c.job = s.job AND c.shard = s.shard
			LEFT JOIN withdrawn_verdicts w ON s.generation >= 0 AND w.job = s.job AND w.shard = s.shard AND w.generation = s.generation
			WHERE coalesce(c.path, w.path) <> 'alone' GROUP BY s.volunteer, s.class)
		SELECT v.key, d.class, iif(v.first >= ?1, 0, max(d.verified - coalesce(f.n, 0), 0)), d.evidence, d.verified,
			EXISTS (SELECT 1 FROM marks m WHERE m.volunteer = d.volunteer AND m.at < ?1)
		FROM devices d JOIN volunteers v ON v.id = d.volunteer LEFT JOIN found f ON f.volunteer = d.volunteer AND f.class = d.class
		ORDER BY d.volunteer, d.class`, []any{h.Created.UnixMilli(), int(trust.Confirmed)}, func(scan func(...any) error) error {
		var (
			k         Device
			volunteer []byte
			now       int64
		)
		if err := scan(&volunteer, &k.Class, &k.Verified, &k.Evidence, &now, &k.Caught); err != nil {
			return err
		}
		if k.Evidence *= float64(k.Verified) / float64(max(now, 1)); k.Evidence == 0 {
			k.Evidence = float64(k.Verified) // it was caught since, and lost what spoke for it
		}
		h.Devices = append(h.Devices, k)
		return fixed(h.Devices[len(h.Devices)-1].Volunteer[:], volunteer)
	})
}

// identities reads who may look related to whom: what is noted with the results,
// or, of older ones, what is known of their volunteers now.
func (d *database) identities(h *History) error {
	at := map[Volunteer]int{}
	for _, s := range h.Shards {
		for _, r := range s.Results {
			if _, known := at[r.Volunteer]; !known {
				at[r.Volunteer] = len(h.Identities)
				h.Identities = append(h.Identities, Identity{Volunteer: r.Volunteer})
			}
		}
	}
	read := func(query string, args ...any) error {
		return d.each(query, args, func(scan func(...any) error) error {
			var (
				who       Identity
				volunteer []byte
				first     int64
			)
			if err := errors.Join(scan(&volunteer, &first, &who.Agent, &who.Block), fixed(who.Volunteer[:], volunteer)); err != nil {
				return err
			}
			if i, here := at[who.Volunteer]; here {
				who.First = time.UnixMilli(first)
				h.Identities[i] = who
			}
			return nil
		})
	}
	if err := read("SELECT key, first, agent, '' FROM volunteers"); err != nil {
		return err
	}
	var columns int
	err := d.tx.QueryRowContext(d.ctx, "SELECT count(*) FROM pragma_table_info('results') WHERE name IN ('born', 'build', 'block')").Scan(&columns)
	if err != nil {
		return fmt.Errorf("export: database: %w", err)
	}
	if columns < 3 {
		h.Gaps = append(h.Gaps, "this hub did not note address blocks: who looked related because of one does not here")
		return nil
	}
	return read(`SELECT v.key, r.born, r.build, r.block FROM results r JOIN volunteers v ON v.id = r.volunteer
		WHERE r.job = ? AND r.born IS NOT NULL ORDER BY r.at`, d.id)
}

// each calls f for every row of a query.
func (d *database) each(query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := d.tx.QueryContext(d.ctx, query, args...)
	if err != nil {
		return fmt.Errorf("export: database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return fmt.Errorf("export: database: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("export: database: %w", err)
	}
	return nil
}

// fixed copies a column of exactly the size of dst.
func fixed(dst, column []byte) error {
	if len(column) != len(dst) {
		return fmt.Errorf("a column of %d bytes, want %d: %w", len(column), len(dst), fs.ErrInvalid)
	}
	copy(dst, column)
	return nil
}
