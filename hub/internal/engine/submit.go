package engine

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

// parse reads a job file and finds its kind. Its errors are *InvalidError.
func (e *Engine) parse(file []byte) (*job.Spec, job.Kind, error) {
	spec, err := e.config.Parse(file)
	if err != nil {
		return nil, nil, invalid(err)
	}
	kind := e.kinds[spec.Kind]
	if kind == nil {
		known := make([]string, 0, len(e.kinds))
		for _, k := range e.config.Kinds {
			known = append(known, k.Name())
		}
		return nil, nil, invalid(fmt.Errorf("kind: %q is unknown here; this hub runs %s", spec.Kind, strings.Join(known, ", ")))
	}
	return spec, kind, nil
}

// Check validates a job file and says what the job would take. A fault of the
// file is an *InvalidError.
func (e *Engine) Check(ctx context.Context, file []byte) (*job.Spec, job.Plan, error) {
	spec, kind, err := e.parse(file)
	if err != nil {
		return nil, job.Plan{}, err
	}
	policy, err := trust.NewPolicy(spec.Trust)
	if err != nil {
		return nil, job.Plan{}, invalid(err)
	}
	if _, weighs := policy.(trust.Weighed); weighs && e.config.Execute == nil {
		return nil, job.Plan{}, invalid(errors.New("trust.assurance: this hub has no auditor; use trust.replicas"))
	}
	if spec.Limits.Deadline != "" {
		if d, err := time.ParseDuration(spec.Limits.Deadline); err != nil || d <= 0 {
			return nil, job.Plan{}, invalid(fmt.Errorf("limits.deadline: %q is no positive duration such as 2h", spec.Limits.Deadline))
		}
	}
	if spec.Limits.Credits < 0 {
		return nil, job.Plan{}, invalid(fmt.Errorf("limits.credits: %d is negative", spec.Limits.Credits))
	}
	scratch := e.config.Blobs.NewHolder()
	plan, err := kind.Check(ctx, spec, e.env(scratch))
	for h := range scratch.Held() {
		if err := scratch.Release(h); err != nil {
			return nil, job.Plan{}, err
		}
	}
	if ctx.Err() != nil {
		return nil, job.Plan{}, ctx.Err()
	}
	if err != nil {
		return nil, job.Plan{}, invalid(err)
	}
	return spec, plan, nil
}

// Submit checks a job file and queues the job.
func (e *Engine) Submit(ctx context.Context, file []byte) (Job, error) {
	spec, plan, err := e.Check(ctx, file)
	if err != nil {
		return Job{}, err
	}
	id, err := e.newJobID()
	if err != nil {
		return Job{}, err
	}
	record := Job{
		ID: id, Name: spec.Name, Kind: spec.Kind, File: slices.Clone(file),
		Plan: plan, State: Queued, Created: e.config.Now().Truncate(time.Millisecond),
	}
	if err := e.Ready(); err != nil {
		return Job{}, err
	}
	if err := e.config.Store.CreateJob(context.WithoutCancel(ctx), record); err != nil {
		e.fail(err)
		return Job{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active = append(e.active, e.newJobRun(record))
	signal(e.wake)
	e.log.Info("job submitted", "job", id, "kind", record.Kind, "name", record.Name)
	return record, nil
}

// jobIDs is a base 32 alphabet without letters that look like digits.
var jobIDs = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func (e *Engine) newJobID() (string, error) {
	var b [10]byte // 16 characters
	if _, err := io.ReadFull(e.config.Rand, b[:]); err != nil {
		return "", fmt.Errorf("engine: job id: %w", err)
	}
	return jobIDs.EncodeToString(b[:]), nil
}

// cancelledError is the cause with which a job's context is cancelled.
type cancelledError struct{ reason string }

func (e *cancelledError) Error() string { return e.reason }

// Cancel ends a job. What it has paid stays paid. It returns once the job will
// not lease any more; an ended job is ErrFinished. One that is reopened is as good
// as any other: what it had come to is given up.
func (e *Engine) Cancel(ctx context.Context, id, reason string) error {
	e.mu.Lock()
	j := e.job(id)
	if j == nil || j.ended {
		e.mu.Unlock()
		if _, err := e.config.Store.Job(ctx, id); err != nil {
			return err
		}
		return ErrFinished
	}
	j.cancelled = &cancelledError{reason}
	if j.cancel != nil {
		j.cancel(j.cancelled)
		e.mu.Unlock()
		return nil
	}
	// Not started yet: there is no driver to do it.
	j.started, j.ended = true, true
	e.mu.Unlock()
	defer e.retire(j)
	if err := e.conclude(context.WithoutCancel(ctx), j, Cancelled, reason, nil); err != nil {
		e.fail(err)
		return err
	}
	e.release(j, j.kept.blobs())
	e.events.publish(id, Event{Type: "state", State: Cancelled, Reason: j.record.Reason})
	return nil
}

// pin keeps a blob for good: receipts name it.
func (e *Engine) pin(ctx context.Context, h job.Hash, size int64) error {
	e.config.Blobs.Hold(h)
	if err := e.config.Blobs.Sync(ctx, h); err != nil {
		return stored(err)
	}
	return stored(e.config.Store.Pin(ctx, h, size, e.config.Now()))
}

// Upload stores a blob for good. Unless want is nil, other bytes than want's
// are refused.
func (e *Engine) Upload(ctx context.Context, r io.Reader, want *job.Hash) (job.Hash, error) {
	h, size, err := e.config.Blobs.PutHeld(ctx, r, want)
	if err != nil {
		return h, err
	}
	return h, e.config.Store.Pin(ctx, h, size, e.config.Now())
}

// View is a job as people see it.
type View struct {
	Job
	Spec     *job.Spec     // nil when this hub no longer reads the file
	Cost     ledger.Amount // paid so far
	Latest   job.Report
	Progress *Progress // of the open round
	Waiting  string    // what it stands still for; empty where it does not
	Trust    *TrustView
}

// TrustView is what a job's results are worth so far, and what that took.
type TrustView struct {
	Assurance string  `json:"assurance"`
	Epsilon   float64 `json:"epsilon,omitempty"`
	Weighed   bool    `json:"weighed"` // bound and expected mean something
	Accepted  int64   `json:"accepted"`
	Executed  int64   `json:"executed"`
	Audited   int64   `json:"audited"`
	Instead   string  `json:"instead,omitempty"` // what was audited where the job asks for replicas, and why
	Bound     float64 `json:"bound"`             // of any one accepted result being wrong
	Expected  float64 `json:"expected"`          // wrong ones among the accepted
	Overhead  float64 `json:"overhead"`          // executions beyond one for each accepted
}

// view makes the view of an account under a job file's trust section.
func (a *Account) view(t job.Trust) *TrustView {
	v := &TrustView{
		Assurance: t.Assurance, Accepted: a.Accepted, Executed: a.Executed, Audited: a.Audited, Overhead: a.Overhead(),
	}
	p, err := trust.NewPolicy(t)
	if w, weighs := p.(trust.Weighed); err == nil && weighs {
		v.Assurance, v.Epsilon = string(w.Terms.Assurance), w.Terms.Epsilon
		v.Weighed, v.Bound, v.Expected = true, a.Bound(), a.Expected
	}
	v.Instead = a.instead(v.Weighed && v.Assurance != string(trust.Replicated))
	if v.Assurance == "" {
		v.Assurance = fmt.Sprintf("%d replicas", max(t.Replicas, 1))
	}
	return v
}

// instead says what was audited though replicas are what the job asks for, and
// why; nothing where audits are how its results are checked.
func (a *Account) instead(audits bool) string {
	var parts []string
	if n := a.Audited - a.Refuted; n > 0 {
		parts = append(parts, fmt.Sprintf("%d audited instead of replicated, for want of volunteers who look unrelated, are trusted and could be paid", n))
	}
	if a.Refuted > 0 {
		parts = append(parts, fmt.Sprintf("%d audited because results differed", a.Refuted))
	}
	if audits || len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ")
}

// account returns what a job's acceptances are worth. That of an ended job
// does not change, so it is summed up once.
func (e *Engine) account(ctx context.Context, record Job) (Account, error) {
	e.mu.Lock()
	if j := e.job(record.ID); j != nil && j.spec != nil {
		defer e.mu.Unlock()
		return j.account, nil
	}
	e.mu.Unlock()
	if a, known := e.accounts.Load(record.ID); known {
		return a.(Account), nil
	}
	a, err := e.config.Store.Account(ctx, record.ID)
	if err == nil && record.State.Ended() {
		e.accounts.Store(record.ID, a)
	}
	return a, err
}

// trustView is a driven job's.
func (e *Engine) trustView(j *jobRun) *TrustView {
	e.mu.Lock()
	defer e.mu.Unlock()
	if j.spec == nil {
		return nil
	}
	return j.account.view(j.spec.Trust)
}

// Describe returns a job as it is now.
func (e *Engine) Describe(ctx context.Context, id string) (View, error) {
	record, err := e.config.Store.Job(ctx, id)
	if err != nil {
		return View{}, err
	}
	return e.view(ctx, record)
}

// Jobs returns jobs, the newest first. Before a job that is not there is
// ErrNotFound.
func (e *Engine) Jobs(ctx context.Context, q JobQuery) ([]View, error) {
	if q.Before != "" {
		if _, err := e.config.Store.Job(ctx, q.Before); err != nil {
			return nil, err
		}
	}
	records, err := e.config.Store.NewestJobs(ctx, q)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(records))
	for i, r := range records {
		if views[i], err = e.view(ctx, r); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func (e *Engine) view(ctx context.Context, record Job) (View, error) {
	v := View{Job: record, Spec: e.specOf(record)}
	balance, err := e.config.Store.Balance(ctx, ledger.JobAccount(record.ID))
	if err != nil {
		return View{}, err
	}
	v.Cost = -balance
	if v.Latest, err = e.config.Store.Latest(ctx, record.ID); err != nil {
		return View{}, err
	}
	account, err := e.account(ctx, record)
	if err != nil {
		return View{}, err
	}
	if v.Spec != nil {
		v.Trust = account.view(v.Spec.Trust)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if j := e.job(record.ID); j != nil {
		if j.round != nil {
			v.Progress = j.progress()
		}
		v.Waiting = e.waiting(j)
	}
	return v, nil
}

// specOf parses a job's file, once.
func (e *Engine) specOf(record Job) *job.Spec {
	if spec, known := e.specs.Load(record.ID); known {
		return spec.(*job.Spec)
	}
	spec, err := e.config.Parse(record.File)
	if err != nil {
		spec = nil
	}
	e.specs.Store(record.ID, spec)
	return spec
}

// progress says how far the open round is. The caller holds mu.
func (j *jobRun) progress() *Progress {
	n := len(j.round.shards)
	return &Progress{Round: j.round.index, Accepted: n - len(j.round.open), Shards: n}
}

// Watch returns a job's reports so far and its events from then on. A report
// may come twice, never not at all. The channel is closed when the caller is
// too slow or the engine stops; cancel must be called.
func (e *Engine) Watch(ctx context.Context, id string, from int) (Job, []job.Report, <-chan Event, func(), error) {
	events, cancel := e.events.subscribe(id)
	record, err := e.config.Store.Job(ctx, id)
	if err != nil {
		cancel()
		return Job{}, nil, nil, nil, err
	}
	reports, err := e.config.Store.Reports(ctx, id, from)
	if err != nil {
		cancel()
		return Job{}, nil, nil, nil, err
	}
	return record, reports, events, cancel, nil
}

// Artifacts returns a job's files; none before it is done, and none while it is
// open whether it still is.
func (e *Engine) Artifacts(ctx context.Context, id string) ([]Artifact, error) {
	if j, err := e.config.Store.Job(ctx, id); err != nil || j.State != Done {
		return nil, err
	}
	return e.config.Store.Artifacts(ctx, id)
}

// receiptRounds is how many rounds of receipts are read from the store at once.
const receiptRounds = 64

// Receipts calls yield for every settled shard of a job, in order. Those of the
// open round come with its end: a shard that is known to be settled would be known
// for a canary.
func (e *Engine) Receipts(ctx context.Context, id string, yield func(Receipt) error) error {
	if _, err := e.config.Store.Job(ctx, id); err != nil {
		return err
	}
	reports, err := e.config.Store.Reports(ctx, id, 0)
	if err != nil {
		return err
	}
	last := 0
	if n := len(reports); n > 0 {
		last = reports[n-1].Round + 1 // the round under way may have settled shards
	}
	for from := 0; from <= last; from += receiptRounds {
		if err := e.receipts(ctx, id, from, from+receiptRounds, yield); err != nil {
			return err
		}
	}
	return nil
}

// openRound is the index of a job's open round, or -1.
func (e *Engine) openRound(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if j := e.job(id); j != nil && j.round != nil {
		return j.round.index
	}
	return -1
}

func (e *Engine) receipts(ctx context.Context, id string, from, end int, yield func(Receipt) error) error {
	accepted, err := e.config.Store.Acceptances(ctx, id, NewShardID(from, 0), NewShardID(end, 0))
	if err != nil {
		return err
	}
	results, err := e.config.Store.Results(ctx, id, NewShardID(from, 0), NewShardID(end, 0))
	if err != nil {
		return err
	}
	byShard := map[ShardID][]Result{}
	for _, r := range results {
		byShard[r.Shard] = append(byShard[r.Shard], r)
	}
	open := e.openRound(id)
	for _, a := range accepted {
		if a.Shard.Round() == open {
			break
		}
		if err := yield(Receipt{Acceptance: a, Results: byShard[a.Shard]}); err != nil {
			return err
		}
	}
	return nil
}
