package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// A job that is done may rest on the word of somebody who is proved wrong only
// later, over another job. For Config.Mend after its end such a job is reopened:
// it runs again, which begins with its repair. Where that upholds everything, the
// end it had stands, and nobody but its books has changed; or else it goes back
// as every running job does, and comes to another end with other artifacts.
//
// What may have to be reopened is not written down anywhere: it is asked of the
// store who relies on whom. An upheld result relies on nobody, so a job is not
// reopened twice over the same volunteer, and a hub that was killed between a
// mark and the reopening finds the job when it starts.
//
// For as long as a job may be reopened it keeps its checkpoints. One that is lost
// all the same costs time, never the job: everything follows from the job file.

// suspect notes that jobs that have ended may rest on the word of a volunteer.
// The caller holds mu.
func (e *Engine) suspect(v volunteer.ID) {
	if e.config.Mend > 0 {
		e.lately = append(e.lately, v)
		signal(e.mend)
	}
}

// recall suspects everybody who was ever caught: the hub may have been killed
// just then.
func (e *Engine) recall() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range e.repute.Suspects() {
		e.suspect(v)
	}
}

// mendable reports whether an ended job may be reopened, and sees to it that its
// terms are known. One that is not weighed has named nobody whom it believes.
func (e *Engine) mendable(j *jobRun) bool {
	if j.record.State != Done || e.config.Mend <= 0 || e.overdue(j.record) {
		return false
	}
	if j.spec == nil {
		spec, _, err := e.parse(j.record.File)
		if err != nil { // of an older hub, or of one with other kinds
			return false
		}
		policy, err := trust.NewPolicy(spec.Trust)
		if err != nil {
			return false
		}
		j.spec = spec
		if w, weighs := policy.(trust.Weighed); weighs {
			j.terms = &w.Terms
		}
	}
	return j.terms != nil
}

// overdue reports whether a job ended too long ago to be reopened.
func (e *Engine) overdue(record Job) bool {
	return e.config.Now().Sub(record.Finished) > e.config.Mend
}

// rest notes what an ended job keeps, whatever becomes of it.
func (j *jobRun) rest(artifacts []Artifact) {
	j.resting = j.kept.blobs()
	for _, a := range artifacts {
		j.resting[a.Hash] = true
	}
}

// mendingBlobs is what a job that is done keeps to be reopened with. All of its
// checkpoints: there are maxCheckpoints at most, and each saves the hub from
// computing the rounds since the one before it by itself. But the last is after
// the last round, where nothing ever goes back to.
func (j *jobRun) mendingBlobs() map[job.Hash]bool {
	set := maps.Clone(j.resting)
	for i, c := range j.checkpoints {
		if i == len(j.checkpoints)-1 {
			break
		}
		for _, h := range c.Blobs {
			set[h] = true
		}
	}
	return set
}

// shelve keeps an ended job at hand if it may be reopened, and has it looked at
// if somebody was caught while it ended. The caller holds mu.
func (e *Engine) shelve(j *jobRun) {
	if j.record.State != Done || j.terms == nil || e.config.Mend <= 0 {
		return
	}
	e.shelf[j.record.ID] = j
	if j.captures != e.captures {
		e.unsure = append(e.unsure, j.record.ID)
		signal(e.mend)
	}
}

// expire lets go of what jobs have kept that can no longer be reopened.
func (e *Engine) expire() {
	e.mu.Lock()
	var over []*jobRun
	for id, j := range e.shelf {
		if e.overdue(j.record) {
			over = append(over, j)
			delete(e.shelf, id)
		}
	}
	e.mu.Unlock()
	for _, j := range over {
		e.release(j, j.resting)
	}
}

// mendJobs reopens ended jobs until ctx ends.
func (e *Engine) mendJobs(ctx context.Context) {
	for {
		select {
		case <-e.mend:
		case <-ctx.Done():
			return
		}
		if err := e.mendOnce(ctx); err != nil && ctx.Err() == nil {
			e.fail(err)
			return
		}
	}
}

// mendOnce reopens what rests on those who were caught since it was last called.
func (e *Engine) mendOnce(ctx context.Context) error {
	e.mu.Lock()
	caught, ids := e.lately, e.unsure
	e.lately, e.unsure = nil, nil
	e.mu.Unlock()
	if len(caught) > 0 {
		reliant, err := e.config.Store.Reliant(ctx, caught, e.config.Now().Add(-e.config.Mend))
		if err != nil {
			return err
		}
		ids = append(ids, reliant...)
	}
	for _, id := range ids {
		if err := e.reconsider(ctx, id); err != nil {
			return fmt.Errorf("engine: reopen job %s: %w", id, err)
		}
	}
	return nil
}

// reconsider reopens a job if anything in it rests on the word of whoever was
// caught. That they have returned it is not enough: others may uphold it.
func (e *Engine) reconsider(ctx context.Context, id string) error {
	e.mu.Lock()
	j := e.shelf[id]
	if j == nil || e.overdue(j.record) {
		e.mu.Unlock()
		return nil
	}
	delete(e.shelf, id) // so that nobody lets go of its blobs meanwhile
	e.mu.Unlock()
	reopened, err := e.reopen(ctx, j)
	if !reopened {
		e.mu.Lock()
		e.shelf[id] = j
		e.mu.Unlock()
	}
	return err
}

func (e *Engine) reopen(ctx context.Context, j *jobRun) (bool, error) {
	plan, _, by, err := e.doubtful(ctx, j)
	if err != nil || len(plan.Rerun) == 0 {
		return false, err
	}
	reason := e.reasonToReopen(plan, by)
	err = e.config.Store.Reopen(context.WithoutCancel(ctx), j.record.ID, reason)
	if errors.Is(err, ErrNotFound) { // the store knows better
		return false, nil
	}
	if err != nil {
		return false, err
	}
	record := j.record
	record.State, record.Reason = Running, reason
	again := e.newJobRun(record)
	again.holder, again.kept, again.checkpoints = j.holder, j.kept, j.checkpoints
	e.accounts.Delete(record.ID)
	e.mu.Lock()
	defer e.mu.Unlock()
	at := slices.IndexFunc(e.active, func(other *jobRun) bool { return other.record.Created.After(record.Created) })
	if at < 0 {
		at = len(e.active)
	}
	e.active = slices.Insert(e.active, at, again)
	signal(e.wake)
	e.log.Warn("job reopened", "job", record.ID, "shards", len(plan.Rerun), "reason", reason)
	e.events.publish(record.ID, Event{Type: "state", State: Running, Reason: reason})
	return true, nil
}

// reasonToReopen names the first whose word counts no more.
func (e *Engine) reasonToReopen(plan trust.Repair, by map[ShardID][]Result) string {
	first := plan.Rerun[0]
	for _, r := range by[NewShardID(first.Round, first.Index)] {
		if e.discredited(trust.Supporter{Volunteer: r.Volunteer, Class: r.Class}) {
			return fmt.Sprintf("reopened: volunteer %s has been proved wrong", r.Volunteer.Short())
		}
	}
	return "reopened: a volunteer has been proved wrong"
}

// confirmEnd is the run of a job that was done and is reopened: once its repair
// has upheld everything, it ends as it did. Its files need not be made again, nor
// anything be here that they are made from.
func (e *Engine) confirmEnd(ctx context.Context, j *jobRun, _ job.Kind) ([]Artifact, error) {
	latest, err := e.config.Store.Latest(ctx, j.record.ID)
	if err != nil {
		return nil, stored(err)
	}
	e.mu.Lock()
	j.latest, j.val = latest, latest.Val
	e.mu.Unlock()
	if err := e.settleRepairs(ctx, j); err != nil {
		return nil, err
	}
	artifacts, err := e.config.Store.Artifacts(ctx, j.record.ID)
	return artifacts, stored(err)
}
