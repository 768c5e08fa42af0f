package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

func (e *Engine) newJobRun(record Job) *jobRun {
	return &jobRun{
		record:   record,
		holder:   e.config.Blobs.NewHolder(),
		programs: map[job.Hash]Program{},
		lots:     newLots(e.config.Secret, record),
		changed:  make(chan struct{}),
		rollback: -1,
	}
}

// holdStored holds the blobs that the store's records of a job name.
func (e *Engine) holdStored(ctx context.Context, j *jobRun) error {
	artifacts, err := e.config.Store.Artifacts(ctx, j.record.ID)
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		j.holder.Hold(a.Hash)
	}
	if err := e.keepStored(ctx, j); err != nil {
		return err
	}
	ended := j.record.State.Ended()
	if ended && !e.mendable(j) {
		return nil
	}
	list, err := e.config.Store.Checkpoints(ctx, j.record.ID)
	if err != nil {
		return err
	}
	j.checkpoints = list
	if ended {
		j.rest(artifacts)
		j.holder.Hold(slices.Collect(maps.Keys(j.mendingBlobs()))...)
		e.shelf[j.record.ID] = j
		return nil
	}
	last := 0
	for _, c := range list {
		j.holder.Hold(c.Blobs...)
		last = c.Round
	}
	results, err := e.config.Store.Results(ctx, j.record.ID, NewShardID(last, 0), NewShardID(maxRound, 0))
	if err != nil {
		return err
	}
	for _, r := range results {
		j.holder.Hold(r.Output)
	}
	return nil
}

// drive takes a job from its checkpoint to its end. When ctx ends because the
// hub stops, the job stays as it is, to be resumed.
func (e *Engine) drive(ctx context.Context, j *jobRun) {
	log := e.log.With("job", j.record.ID)
	defer e.retire(j)
	artifacts, err := e.runWithHelp(ctx, j)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
		if errors.Is(err, context.Canceled) {
			return
		}
	}
	state, reason := Done, ""
	switch {
	case errors.As(err, new(*storageError)):
		e.fail(err)
		return
	case errors.As(err, new(*cancelledError)):
		state, reason = Cancelled, err.Error()
	case err != nil:
		state, reason = Failed, err.Error()
	}
	if err := e.conclude(context.WithoutCancel(ctx), j, state, reason, artifacts); err != nil {
		e.fail(err)
		return
	}
	j.rest(artifacts)
	keep := j.resting
	if e.mendable(j) {
		keep = j.mendingBlobs()
	}
	e.release(j, keep)
	e.expire()
	log.Info("job ended", "state", j.record.State, "reason", j.record.Reason, "edition", j.record.Edition)
	e.events.publish(j.record.ID, Event{Type: "state", State: j.record.State, Reason: j.record.Reason})
}

// runWithHelp runs a job and whoever helps it: inquiries and repairs. When it
// returns nothing more is written about the job's shards. Whoever was caught
// while its last files were made may have helped to make them: then it is run to
// its end once more.
func (e *Engine) runWithHelp(ctx context.Context, j *jobRun) ([]Artifact, error) {
	for {
		work, stop := context.WithCancel(ctx)
		e.mu.Lock()
		j.ended = false
		j.start = func(f func(context.Context)) { j.helpers.Go(func() { f(work) }) }
		e.mu.Unlock()
		artifacts, err := e.runJob(ctx, j)
		stop()
		e.close(j)
		j.helpers.Wait()
		e.mu.Lock()
		settled := j.terms == nil || j.captures == e.captures
		e.mu.Unlock()
		if err != nil || settled {
			return artifacts, err
		}
	}
}

// runJob runs a job to its artifacts, from its last checkpoint, as often as it
// is taken back.
func (e *Engine) runJob(ctx context.Context, j *jobRun) ([]Artifact, error) {
	spec, kind, err := e.parse(j.record.File)
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := e.limitTime(ctx, j, spec)
	if err != nil {
		return nil, err
	}
	defer cancel()
	artifacts, err := e.runInTime(ctx, j, spec, kind)
	return artifacts, cause(ctx, err)
}

// runInTime is runJob with ctx ending at the job's deadline.
func (e *Engine) runInTime(ctx context.Context, j *jobRun, spec *job.Spec, kind job.Kind) ([]Artifact, error) {
	policy, err := trust.NewPolicy(spec.Trust)
	if err != nil {
		return nil, err
	}
	account, err := e.config.Store.Account(ctx, j.record.ID)
	if err != nil {
		return nil, stored(err)
	}
	e.mu.Lock()
	j.spec, j.policy, j.account = spec, policy, account
	if w, weighs := policy.(trust.Weighed); weighs {
		j.terms = &w.Terms
		e.startRepair(j)
	}
	e.mu.Unlock()
	if j.record.State != Running {
		if err := e.config.Store.SetState(ctx, j.record.ID, Running, "", time.Time{}); err != nil {
			return nil, stored(err)
		}
	}
	for {
		artifacts, err := e.runOnce(ctx, j, kind)
		if !errors.Is(err, errRollback) {
			return artifacts, err
		}
		if err := e.rewind(ctx, j); err != nil {
			return nil, err
		}
	}
}

// runOnce runs a job from its last checkpoint until it is done, or taken back:
// errRollback. Being taken back ends ctx in the middle of anything, so what fails
// because of that is no fault of the store.
func (e *Engine) runOnce(ctx context.Context, j *jobRun, kind job.Kind) ([]Artifact, error) {
	ctx, restart := context.WithCancelCause(ctx)
	defer restart(nil)
	e.mu.Lock()
	j.restart = func() { restart(errRollback) }
	back := j.rollback >= 0
	e.mu.Unlock()
	if back { // found while there was nothing to restart
		return nil, errRollback
	}
	run := e.resume
	if !j.record.Finished.IsZero() {
		run = e.confirmEnd
	}
	artifacts, err := run(ctx, j, kind)
	e.withdrawRound(j)
	return artifacts, cause(ctx, err)
}

// resume runs a job from its last checkpoint.
func (e *Engine) resume(ctx context.Context, j *jobRun, kind job.Kind) ([]Artifact, error) {
	list, err := e.config.Store.Checkpoints(ctx, j.record.ID)
	if err != nil {
		return nil, stored(err)
	}
	c := e.findCheckpoint(j, list)
	latest, err := e.config.Store.Latest(ctx, j.record.ID)
	if err != nil {
		return nil, stored(err)
	}
	e.setRunning(j, c.Round, latest)
	seen := &recorder{holder: j.holder, put: map[job.Hash]bool{}}
	run, err := kind.Start(ctx, j.spec, e.env(seen), c.Record)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	return e.rounds(ctx, j, run, seen.stop())
}

// withdrawRound closes the round that a job left open when it was taken back.
func (e *Engine) withdrawRound(j *jobRun) {
	e.mu.Lock()
	e.dropRound(j, "the round is done again")
	e.mu.Unlock()
	// A verdict that is written after the withdrawal would be about inputs that
	// are no longer the shard's.
	j.writes.Wait()
}

// cause replaces an error by the reason for which ctx ended, if it did.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (e *Engine) setRunning(j *jobRun, round int, latest job.Report) {
	e.mu.Lock()
	j.record.State = Running
	j.at, j.latest, j.val = round, latest, latest.Val
	e.mu.Unlock()
	e.log.Info("job runs", "job", j.record.ID, "kind", j.record.Kind, "from_round", round)
	e.events.publish(j.record.ID, Event{Type: "state", State: Running})
}

// limitTime gives ctx the job's deadline, which counts from its submission. A
// job that was done in time has kept it.
func (e *Engine) limitTime(ctx context.Context, j *jobRun, spec *job.Spec) (context.Context, context.CancelFunc, error) {
	if spec.Limits.Deadline == "" || j.record.Reopened() {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	d, err := time.ParseDuration(spec.Limits.Deadline)
	if err != nil {
		return nil, nil, fmt.Errorf("limits.deadline: %w", err)
	}
	left := j.record.Created.Add(d).Sub(e.config.Now())
	ctx, cancel := context.WithTimeoutCause(ctx, left, fmt.Errorf("limits.deadline: not done after %v", d))
	return ctx, cancel, nil
}

func (e *Engine) env(b job.Blobs) job.Env {
	return job.Env{Blobs: b, Device: e.config.Device, Data: e.config.Data}
}

// rounds is a running job's loop. What Start has put is kept to the end.
func (e *Engine) rounds(ctx context.Context, j *jobRun, run job.Run, started map[job.Hash]bool) (_ []Artifact, err error) {
	// A round's report is written while the next round is computed already. A
	// report that a crash loses is made again.
	written := make(chan error, 1)
	written <- nil
	defer func() { err = errors.Join(err, <-written) }()
	for since := 1; ; since++ {
		r := run.Round()
		if r.Done {
			if err := e.settleRepairs(ctx, j); err != nil {
				return nil, err
			}
			return e.artifacts(ctx, j, run)
		}
		outputs, err := e.collect(ctx, j, r)
		if err != nil {
			return nil, err
		}
		report, err := e.foldRound(ctx, run, outputs)
		if err != nil {
			return nil, fmt.Errorf("engine: fold round %d: %w", r.Index, err)
		}
		var c *Checkpoint
		next := run.Round()
		if since >= e.config.CheckpointEvery || next.Done {
			since = 0
			at := r.Index + 1
			if !next.Done {
				at = next.Index
			}
			if c, err = e.takeCheckpoint(ctx, j, run, at); err != nil {
				return nil, err
			}
		}
		if err := <-written; err != nil {
			written <- nil // for the deferred wait
			return nil, err
		}
		drop := j.thin(c)
		go func() { written <- e.finishRound(ctx, j, report, c, drop) }()
		if c == nil {
			continue
		}
		err = <-written
		written <- nil
		if err != nil {
			return nil, err
		}
		e.release(j, j.keepAfter(started, next))
	}
}

// finishRound stores a round's report, with the checkpoint after it if there
// is one, and then tells it.
func (e *Engine) finishRound(ctx context.Context, j *jobRun, r job.Report, c *Checkpoint, drop []int) error {
	// To its end, even where the job goes back meanwhile: what was recorded after
	// the withdrawal would stay.
	if err := e.config.Store.FinishRound(context.WithoutCancel(ctx), j.record.ID, r, c, drop); err != nil {
		return stored(err)
	}
	e.report(j, r)
	return nil
}

// foldRound waits for its turn: jobs fold one at a time, first come first served.
func (e *Engine) foldRound(ctx context.Context, run job.Run, outputs [][][]byte) (job.Report, error) {
	select {
	case e.fold <- struct{}{}:
	case <-ctx.Done():
		return job.Report{}, ctx.Err()
	}
	defer func() { <-e.fold }()
	return run.Fold(ctx, outputs)
}

// collect has the round computed and returns the accepted outputs.
func (e *Engine) collect(ctx context.Context, j *jobRun, r job.Round) ([][][]byte, error) {
	rd, err := e.newRound(ctx, j, r)
	if err != nil {
		return nil, err
	}
	if err := e.checkCredits(ctx, j, rd); err != nil {
		return nil, err
	}
	e.setRound(j, rd, r.Index)
	select {
	case <-rd.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := e.keepRound(ctx, j, rd); err != nil { // first: a repair may need an input
		return nil, err
	}
	e.setRound(j, nil, r.Index+1)
	outputs := make([][][]byte, len(rd.shards))
	for i, s := range rd.shards {
		encoded, err := j.holder.Get(ctx, s.verdict.Result)
		if err == nil {
			outputs[i], err = job.DecodeOutputs(encoded)
		}
		if err != nil {
			return nil, fmt.Errorf("engine: accepted outputs of shard %v: %w", s.id, err)
		}
	}
	return outputs, nil
}

func (e *Engine) setRound(j *jobRun, rd *round, at int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	j.round, j.at = rd, at
	if rd != nil {
		for _, s := range slices.Clone(rd.open) {
			e.inquire(j, s)
		}
	} else { // its answers are public from now on
		for _, m := range e.members {
			m.dropCanaries(func(c *canary) bool { return c.job == j }, settledReason)
		}
	}
	j.tell()
	signal(e.kick)
}

// tell wakes whoever waits for the job to change. The caller holds mu.
func (j *jobRun) tell() {
	close(j.changed)
	j.changed = make(chan struct{})
}

func (e *Engine) report(j *jobRun, r job.Report) {
	e.mu.Lock()
	j.latest = r
	if r.Val != nil {
		j.val = r.Val
	}
	e.mu.Unlock()
	e.events.publish(j.record.ID, Event{Type: "report", Report: &r})
}

// artifacts stores the finished run's files.
func (e *Engine) artifacts(ctx context.Context, j *jobRun, run job.Run) ([]Artifact, error) {
	files, err := run.Artifacts(ctx)
	if err != nil {
		return nil, fmt.Errorf("engine: artifacts: %w", err)
	}
	list := make([]Artifact, len(files))
	for i, f := range files {
		h, err := j.holder.Put(ctx, f.Data)
		if err != nil {
			return nil, err
		}
		list[i] = Artifact{Name: f.Name, Type: f.Type, Size: int64(len(f.Data)), Hash: h}
	}
	return list, nil
}

// storageError is a failure of the store or the disk: the hub's fault, not the
// job's, so the job is left to be resumed.
type storageError struct{ err error }

func (e *storageError) Error() string { return e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }

// stored marks an error of the store or the disk.
func stored(err error) error {
	if err == nil {
		return nil
	}
	return &storageError{err}
}
