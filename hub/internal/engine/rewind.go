package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// rewind takes a job back to before the round that its repair found. What was
// refuted there is charged to whoever returned it; everything else that was
// computed on top of it was computed right, and stays paid.
func (e *Engine) rewind(ctx context.Context, j *jobRun) error {
	var w Withdrawal
	err := e.afterRepairs(ctx, j, func() { // the job is here because rollback is set
		w = Withdrawal{Job: j.record.ID, From: j.rollback, Generation: j.record.Generation + 1, At: e.config.Now()}
		j.rollback, j.repairing = -1, true // so that none begins on what is being withdrawn
	})
	if err != nil {
		return err
	}
	from := w.From
	if err := e.withdraw(ctx, j, w); err != nil {
		return err
	}
	account, err := e.config.Store.Account(ctx, j.record.ID)
	if err != nil {
		return stored(err)
	}
	e.mu.Lock()
	j.record.Generation = w.Generation
	j.lots = newLots(e.config.Secret, j.record)
	if !j.record.Finished.IsZero() { // it was done, and is so no more
		j.record.Finished = time.Time{}
		j.record.Edition++
	}
	spent := j.account.Executed
	j.account = account
	j.account.Spend(spent - account.Executed) // what was withdrawn was executed all the same
	j.repairing = false
	if j.again {
		j.again = false
		e.startRepair(j)
	}
	e.mu.Unlock()
	j.kept.cut(from)
	e.log.Warn("job goes back", "job", j.record.ID, "round", from, "generation", w.Generation)
	e.events.publish(j.record.ID, Event{Type: "state", State: Running, Reason: fmt.Sprintf("round %d is done again: a result was refuted", from)})
	return nil
}

// withdraw does what w says, and charges what follows.
func (e *Engine) withdraw(ctx context.Context, j *jobRun, w Withdrawal) error {
	e.books.Lock() // two jobs must not take the same credit back
	defer e.books.Unlock()
	var err error
	if w.Ledger, err = e.chargeBack(ctx, j, w.From); err != nil {
		return err
	}
	return stored(e.config.Store.Withdraw(context.WithoutCancel(ctx), w))
}

// lied reports whether somebody was proved wrong, and no driver was to blame.
func (e *Engine) lied(v volunteer.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.repute.Lied(v)
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
	now := e.config.Now()
	left := map[volunteer.ID]ledger.Amount{}
	var list []ledger.Transaction
	for _, r := range results {
		if r.Standing != trust.Confirmed || !e.lied(r.Volunteer) {
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

// restore makes sure that the outputs of a settled shard are here: after a job
// went back, those of earlier rounds are made again. Where that gives others,
// the job goes back further.
func (e *Engine) restore(ctx context.Context, j *jobRun, s *shard, a Acceptance) error {
	if e.config.Blobs.Has(a.Output) {
		j.holder.Hold(a.Output)
		return nil
	}
	h, _, err := e.execute(ctx, j, s.shard, a.Output)
	if err != nil {
		return fmt.Errorf("engine: outputs of shard %v: %w", s.id, err)
	}
	if h == a.Output {
		return e.convict(ctx, j.record.ID, s.id, nil, "", 1)
	}
	if err := e.refute(ctx, j, a, s.results); err != nil {
		return err
	}
	return errRollback
}
