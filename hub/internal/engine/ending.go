package engine

import "context"

// close ends what is left of a job's round and turns later results away.
func (e *Engine) close(j *jobRun) {
	e.mu.Lock()
	j.ended, j.start = true, nil
	e.dropRound(j, "the job has ended")
	j.tell()
	e.mu.Unlock()
	j.writes.Wait()
}

// dropRound ends what is left of a job's round. What is being committed for it
// is waited for by j.writes. The caller holds mu.
func (e *Engine) dropRound(j *jobRun, why string) {
	e.dropAttempts(func(_ *shard, a *attempt) bool { return a.lease.Job == j.record.ID }, why)
	for _, m := range e.members {
		m.dropCanaries(func(c *canary) bool { return c.job == j }, why)
	}
	j.round = nil
}

// conclude makes a job's record, and then has the store note its end. A job that was
// reopened and found to be right has had its end, and its record.
func (e *Engine) conclude(ctx context.Context, j *jobRun, state State, reason string, artifacts []Artifact) error {
	record := j.record
	stood := !record.Finished.IsZero()
	if state == Done && stood {
		record.State, record.Reason = Done, ""
		e.setRecord(j, record)
		return e.config.Store.SetState(ctx, record.ID, Done, "", record.Finished)
	}
	if state != Done && record.Reason != "" {
		reason += " (" + record.Reason + ")"
	}
	if stood {
		record.Edition++
	}
	record.State, record.Reason, record.Finished = state, reason, e.config.Now()
	if e.config.Seal != nil {
		worth, err := e.worth(ctx, j)
		if err == nil {
			err = e.config.Seal(ctx, Ending{Job: record, Artifacts: artifacts, Trust: worth})
		}
		if err != nil {
			return err
		}
	}
	e.setRecord(j, record)
	if state == Done {
		return e.config.Store.Finish(ctx, record.ID, artifacts, record.Finished)
	}
	return e.config.Store.SetState(ctx, record.ID, state, reason, record.Finished)
}

// worth is what a job's results are worth: nil if it never ran.
func (e *Engine) worth(ctx context.Context, j *jobRun) (*TrustView, error) {
	if t := e.trustView(j); t != nil || !j.record.Reopened() {
		return t, nil
	}
	v, err := e.Describe(ctx, j.record.ID) // reopened, and not begun again
	return v.Trust, err
}

func (e *Engine) setRecord(j *jobRun, record Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	j.record = record
}
