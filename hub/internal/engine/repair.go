package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

// errRollback ends a driver's run that is to start again from an earlier
// checkpoint.
var errRollback = errors.New("engine: results were refuted; the job goes back")

// recheck has looked at again, in every running job, what rests on the word of
// those who were caught. The caller holds mu.
func (e *Engine) recheck() {
	for _, j := range e.active {
		if j.terms != nil && j.start != nil {
			e.doubt(j)
			e.startRepair(j)
		}
	}
}

// startRepair has a job's repair run, or run once more. It is also started with
// the job: somebody may have been caught just before the hub was killed. The
// caller holds mu.
func (e *Engine) startRepair(j *jobRun) {
	switch {
	case j.terms == nil || j.start == nil:
	case j.repairing:
		j.again = true
	default:
		j.repairing = true
		j.start(func(ctx context.Context) { e.repair(ctx, j) })
	}
}

// doubt judges again what caught volunteers have pending. The caller holds mu.
func (e *Engine) doubt(j *jobRun) {
	if j.round == nil {
		return
	}
	for _, s := range j.round.open {
		doubted := func(r Result) bool { return r.Standing == trust.Pending && e.repute.Discredited(r.device()) }
		if slices.ContainsFunc(s.results, doubted) {
			e.reweigh(j, s)
			e.inquire(j, s)
		}
	}
}

// repair runs again what was accepted on the word of volunteers who were caught,
// and nobody else upholds. If a result turns out wrong, or can no longer be run
// again, the job goes back to before it; an error ends the job.
func (e *Engine) repair(ctx context.Context, j *jobRun) {
	for {
		err := e.recheckOnce(ctx, j)
		e.mu.Lock()
		if err == nil && j.again {
			j.again = false
			e.mu.Unlock()
			continue
		}
		defer e.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			j.cancel(fmt.Errorf("repair: %w", err)) // before the driver may go on
		}
		j.repairing = false
		if j.rollback >= 0 && j.restart != nil {
			j.restart()
		}
		j.tell()
		return
	}
}

// goBack notes that a job has to go back to before a round. The caller holds mu.
func (j *jobRun) goBack(round int) {
	if j.rollback < 0 || round < j.rollback {
		j.rollback = round
	}
}

// upholdEvery is how many results are upheld before that is noted: what a hub
// that is stopped in the middle has to do again.
const upholdEvery = 64

// recheckOnce looks at every accepted result, up to the round to which the job
// goes back anyway.
func (e *Engine) recheckOnce(ctx context.Context, j *jobRun) error {
	plan, settled, by, err := e.doubtful(ctx, j)
	if err != nil {
		return err
	}
	if len(plan.Rerun) > 0 {
		e.log.Warn("results are run again", "job", j.record.ID, "shards", len(plan.Rerun), "from_round", plan.Rollback)
	}
	var upheld []Acceptance
	for _, s := range plan.Rerun {
		e.mu.Lock()
		anew := j.rollback >= 0 && s.Round >= j.rollback
		e.mu.Unlock()
		if anew {
			break
		}
		a := settled[NewShardID(s.Round, s.Index)]
		right, err := e.stands(ctx, j, a, by[a.Shard])
		if err != nil {
			return errors.Join(err, e.uphold(ctx, j, upheld))
		}
		if right {
			upheld = append(upheld, a)
		}
		if len(upheld) == upholdEvery {
			if err := e.uphold(ctx, j, upheld); err != nil {
				return err
			}
			upheld = upheld[:0]
		}
	}
	return e.uphold(ctx, j, upheld)
}

// doubtful plans what of a job has to be run again, and returns its acceptances
// and confirmed results by shard.
func (e *Engine) doubtful(ctx context.Context, j *jobRun) (trust.Repair, map[ShardID]Acceptance, map[ShardID][]Result, error) {
	fail := func(err error) (trust.Repair, map[ShardID]Acceptance, map[ShardID][]Result, error) {
		return trust.Repair{}, nil, nil, stored(err)
	}
	settled, err := e.config.Store.Acceptances(ctx, j.record.ID, 0, NewShardID(maxRound, 0))
	if err != nil {
		return fail(err)
	}
	results, err := e.config.Store.Results(ctx, j.record.ID, 0, NewShardID(maxRound, 0))
	if err != nil {
		return fail(err)
	}
	by := map[ShardID][]Result{}
	for _, r := range results {
		if r.Standing == trust.Confirmed {
			by[r.Shard] = append(by[r.Shard], r)
		}
	}
	list := make([]trust.Support, len(settled))
	byShard := map[ShardID]Acceptance{}
	for i, a := range settled {
		list[i] = trust.Support{Round: a.Shard.Round(), Index: a.Shard.Index(), Audited: a.Path == Audited}
		for _, r := range by[a.Shard] {
			list[i].By = append(list[i].By, trust.Supporter{Volunteer: r.Volunteer, Class: r.Class, Risk: r.Risk})
		}
		byShard[a.Shard] = a
	}
	return j.terms.Recheck(list, e.discredited), byShard, by, nil
}

func (e *Engine) uphold(ctx context.Context, j *jobRun, upheld []Acceptance) error {
	e.mu.Lock()
	j.account.Spend(int64(len(upheld)))
	e.mu.Unlock()
	return stored(e.config.Store.Uphold(context.WithoutCancel(ctx), j.record.ID, upheld))
}

// discredited reports whether the word of a device counts for nothing any more.
func (e *Engine) discredited(b trust.Supporter) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.repute.Discredited(reputation.Device{Volunteer: b.Volunteer, Class: b.Class})
}

// stands runs an accepted shard again. If its output turns out wrong, whoever
// returned it has lied, caught before or not, and the job goes back; it also
// goes back if the inputs are no longer here.
func (e *Engine) stands(ctx context.Context, j *jobRun, a Acceptance, by []Result) (bool, error) {
	e.mu.Lock()
	open := j.round.find(a.Shard)
	e.mu.Unlock()
	var s job.Shard
	if open != nil { // its inline inputs are no blobs yet
		s = open.shard
	} else {
		s = job.Shard{Program: a.Program, Inputs: make([]job.Input, len(a.Inputs)), Cost: a.Ops}
		for i, h := range a.Inputs {
			s.Inputs[i].Blob = h
		}
	}
	h, _, err := e.execute(ctx, j, s, a.Output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.log.Warn("inputs are gone: the job goes back instead", "job", j.record.ID, "shard", a.Shard.String())
		e.mu.Lock()
		defer e.mu.Unlock()
		j.goBack(a.Shard.Round())
		return false, nil
	case err != nil || h == a.Output:
		return err == nil, err
	}
	return false, e.refute(ctx, j, a, by)
}

// refute takes an accepted result to have been run again and found wrong.
func (e *Engine) refute(ctx context.Context, j *jobRun, a Acceptance, by []Result) error {
	e.mu.Lock()
	j.goBack(a.Shard.Round())
	var wrong []Result
	for _, r := range by {
		if !e.repute.Caught(r.device()) && r.Output == a.Output {
			wrong = append(wrong, r)
		}
	}
	e.mu.Unlock()
	return e.convict(ctx, j.record.ID, a.Shard, wrong, auditedWrong, 1)
}

// afterRepairs calls f once no repair is under way, with mu held.
func (e *Engine) afterRepairs(ctx context.Context, j *jobRun, f func()) error {
	for {
		e.mu.Lock()
		if !j.repairing {
			defer e.mu.Unlock()
			f()
			return nil
		}
		changed := j.changed
		e.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settleRepairs waits until no repair is under way. It returns errRollback when
// the job has to go back.
func (e *Engine) settleRepairs(ctx context.Context, j *jobRun) error {
	back := false
	err := e.afterRepairs(ctx, j, func() {
		back = j.rollback >= 0
		j.captures = e.captures
	})
	if err != nil {
		return err
	}
	if back {
		return errRollback
	}
	return nil
}
