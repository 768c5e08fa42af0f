package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// errRollback ends a driver's run that is to start again from an earlier
// checkpoint.
var errRollback = errors.New("engine: results were refuted; the job goes back")

// recheck has looked at again, in every running job, what rests on the word of
// volunteers who were caught. The caller holds mu.
func (e *Engine) recheck(caught map[volunteer.ID]bool) {
	for _, j := range e.active {
		if j.terms == nil || j.start == nil || j.ended {
			continue
		}
		e.doubt(j, caught)
		e.startRepair(j)
	}
}

// startRepair has a job's repair run, or run once more. It is also started with
// the job: somebody may have been caught just before the hub was killed. The
// caller holds mu.
func (e *Engine) startRepair(j *jobRun) {
	if j.repairing {
		j.again = true
		return
	}
	j.repairing = true
	j.start(func(ctx context.Context) {
		if err := e.repair(ctx, j); err != nil && ctx.Err() == nil && j.cancel != nil {
			j.cancel(fmt.Errorf("repair: %w", err))
		}
	})
}

// doubt takes away what caught volunteers' pending results weighed. The caller
// holds mu.
func (e *Engine) doubt(j *jobRun, caught map[volunteer.ID]bool) {
	if j.round == nil {
		return
	}
	for _, s := range j.round.open {
		doubted := false
		for i, r := range s.results {
			if caught[r.Volunteer] && r.Standing == trust.Pending {
				s.results[i].Risk, s.results[i].Alone = trust.Worthless, false
				doubted = true
			}
		}
		if doubted {
			s.verdict = j.policy.Judge(j.facts(s, s.results, nil))
			e.inquire(j, s)
		}
	}
}

// repair runs again what was accepted on the word of volunteers who were caught,
// and nobody else upholds. If a result turns out wrong, or can no longer be run
// again, the job goes back to before it.
func (e *Engine) repair(ctx context.Context, j *jobRun) error {
	for {
		from, err := e.recheckOnce(ctx, j)
		e.mu.Lock()
		if err == nil && from >= 0 && (j.rollback < 0 || from < j.rollback) {
			j.rollback = from
		}
		if err != nil || !j.again {
			j.repairing = false
			restart := func() {}
			if err == nil && j.rollback >= 0 && j.restart != nil {
				restart = j.restart
			}
			close(j.changed) // the driver may wait for this
			j.changed = make(chan struct{})
			e.mu.Unlock()
			restart()
			return err
		}
		j.again = false
		e.mu.Unlock()
	}
}

// recheckOnce returns the first round with a result that does not stand, or -1.
func (e *Engine) recheckOnce(ctx context.Context, j *jobRun) (int, error) {
	settled, err := e.config.Store.Acceptances(ctx, j.record.ID, 0, NewShardID(maxRound, 0))
	if err != nil {
		return -1, stored(err)
	}
	results, err := e.config.Store.Results(ctx, j.record.ID, 0, NewShardID(maxRound, 0))
	if err != nil {
		return -1, stored(err)
	}
	supporters := map[ShardID][]trust.Supporter{}
	for _, r := range results {
		if r.Standing == trust.Confirmed {
			supporters[r.Shard] = append(supporters[r.Shard], trust.Supporter{Volunteer: r.Volunteer, Risk: r.Risk})
		}
	}
	list := make([]trust.Support, len(settled))
	byShard := map[ShardID]Acceptance{}
	for i, a := range settled {
		list[i] = trust.Support{Round: a.Shard.Round(), Index: a.Shard.Index(), By: supporters[a.Shard], Audited: a.Path == Audited}
		byShard[a.Shard] = a
	}
	plan := j.terms.Recheck(list, e.caught())
	if len(plan.Rerun) > 0 {
		e.log.Warn("results are run again", "job", j.record.ID, "shards", len(plan.Rerun), "from_round", plan.Rollback)
	}
	from := -1
	var upheld []Acceptance
	for _, s := range plan.Rerun {
		id := NewShardID(s.Round, s.Index)
		if from >= 0 && s.Round >= from {
			break // it will be computed anew anyway
		}
		right, err := e.stands(ctx, j, byShard[id])
		if err != nil {
			return -1, err
		}
		if right {
			upheld = append(upheld, byShard[id])
			continue
		}
		from = s.Round
	}
	e.mu.Lock()
	j.account.Spend(int64(len(upheld)))
	e.mu.Unlock()
	return from, stored(e.config.Store.Uphold(context.WithoutCancel(ctx), j.record.ID, upheld))
}

// caught returns who was proved wrong with any device.
func (e *Engine) caught() func(volunteer.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	set := map[volunteer.ID]bool{}
	for k, r := range e.devices.known {
		if r.Caught {
			set[k.volunteer] = true
		}
	}
	return func(v volunteer.ID) bool { return set[v] }
}

// stands runs an accepted shard again. What cannot be run any more, because
// its inputs are gone, does not stand.
func (e *Engine) stands(ctx context.Context, j *jobRun, a Acceptance) (bool, error) {
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
	h, _, err := e.execute(ctx, j, s)
	if errors.Is(err, fs.ErrNotExist) {
		e.log.Warn("inputs are gone: the job goes back instead", "job", j.record.ID, "shard", a.Shard.String())
		return false, nil
	}
	return h == a.Output, err
}

// restore makes sure that the outputs of a settled shard are here: after a job
// went back, those of earlier rounds are made again.
func (e *Engine) restore(ctx context.Context, j *jobRun, s *shard, a Acceptance) error {
	if e.config.Blobs.Has(a.Output) {
		j.holder.Hold(a.Output)
		return nil
	}
	h, _, err := e.execute(ctx, j, s.shard)
	if err != nil {
		return fmt.Errorf("engine: outputs of shard %v: %w", s.id, err)
	}
	if h != a.Output {
		return fmt.Errorf("engine: shard %v was accepted with other outputs than it has", s.id)
	}
	return nil
}

// settleRepairs waits until no recheck is under way. It returns errRollback
// when the job has to go back.
func (e *Engine) settleRepairs(ctx context.Context, j *jobRun) error {
	for {
		e.mu.Lock()
		repairing, back, changed := j.repairing, j.rollback >= 0, j.changed
		e.mu.Unlock()
		switch {
		case !repairing && back:
			return errRollback
		case !repairing:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rewind takes a job back to before the round that its repair found. What was
// refuted there is charged to whoever returned it; everything else that was
// computed on top of it was computed right, and stays paid.
func (e *Engine) rewind(ctx context.Context, j *jobRun) error {
	if err := e.settleRepairs(ctx, j); !errors.Is(err, errRollback) {
		return err
	}
	e.mu.Lock()
	from := j.rollback
	j.rollback = -1
	w := Withdrawal{Job: j.record.ID, From: from, Generation: j.record.Generation + 1, At: e.config.Now()}
	e.mu.Unlock()
	var err error
	if w.Ledger, err = e.chargeBack(ctx, j, from); err != nil {
		return err
	}
	if err := e.config.Store.Withdraw(context.WithoutCancel(ctx), w); err != nil {
		return stored(err)
	}
	account, err := e.config.Store.Account(ctx, j.record.ID)
	if err != nil {
		return stored(err)
	}
	e.mu.Lock()
	j.record.Generation = w.Generation
	spent := j.account.Executed
	j.account = account
	j.account.Spend(spent - account.Executed) // what was withdrawn was executed all the same
	e.mu.Unlock()
	for len(j.kept.rounds) > 0 && j.kept.rounds[len(j.kept.rounds)-1].index >= from {
		j.kept.cut()
	}
	e.log.Warn("job goes back", "job", j.record.ID, "round", from, "generation", w.Generation)
	e.events.publish(j.record.ID, Event{Type: "state", State: Running, Reason: fmt.Sprintf("round %d is done again: a result was refuted", from)})
	return nil
}

// chargeBack takes back what caught volunteers were paid for what is withdrawn,
// as far as they still have it: what was kept as stake is lost already.
func (e *Engine) chargeBack(ctx context.Context, j *jobRun, from int) ([]ledger.Transaction, error) {
	settled, err := e.config.Store.Acceptances(ctx, j.record.ID, NewShardID(from, 0), NewShardID(maxRound, 0))
	if err != nil {
		return nil, stored(err)
	}
	results, err := e.config.Store.Results(ctx, j.record.ID, NewShardID(from, 0), NewShardID(maxRound, 0))
	if err != nil {
		return nil, stored(err)
	}
	ops := map[ShardID]int64{}
	for _, a := range settled {
		ops[a.Shard] = a.Ops
	}
	caught := e.caught()
	now := e.config.Now()
	left := map[volunteer.ID]ledger.Amount{}
	var list []ledger.Transaction
	for _, r := range results {
		if r.Standing != trust.Confirmed || !caught(r.Volunteer) {
			continue
		}
		if _, known := left[r.Volunteer]; !known {
			if left[r.Volunteer], err = e.config.Store.Balance(ctx, ledger.VolunteerAccount(r.Volunteer)); err != nil {
				return nil, stored(err)
			}
		}
		each := min(ledger.Credit(ops[r.Shard]), left[r.Volunteer])
		if each <= 0 {
			continue
		}
		left[r.Volunteer] -= each
		list = append(list, ledger.Transaction{
			At: now,
			Reference: ledger.Reference{
				Job: r.Job, Shard: uint64(r.Shard), Output: r.Output.String(),
				Reason: fmt.Sprintf("taken back: shard %v was withdrawn, and its volunteer has been proved wrong", r.Shard),
			},
			Entries: []ledger.Entry{{Account: ledger.VolunteerAccount(r.Volunteer), Amount: -each}, {Account: ledger.JobAccount(r.Job), Amount: each}},
		})
		e.mu.Lock()
		e.connected(r.Volunteer, func(m *Member) { m.credit -= each })
		e.mu.Unlock()
	}
	return list, nil
}
