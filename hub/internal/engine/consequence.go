package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
)

// payees says who is paid for a shard and how much of it is kept as stake. The
// caller holds mu.
func (e *Engine) payees(j *jobRun, right []Result, ops int64) []ledger.Payee {
	list := make([]ledger.Payee, len(right))
	for i, r := range right {
		list[i].Volunteer = r.Volunteer
		if j.terms != nil {
			list[i].Withheld = e.repute.Withhold(*j.terms, r.Volunteer, ops)
		}
	}
	return list
}

// punish adds what follows for a device that was refuted. Everybody loses the
// lane. A stake is lost only for what was proved, and not where the driver is to
// blame. The caller holds mu.
func (e *Engine) punish(c *Commit, r Result, f fault, now time.Time) error {
	c.Marks = append(c.Marks, Mark{Volunteer: r.Volunteer, Lane: r.Lane, Job: r.Job, Shard: r.Shard, Reason: f.why, At: now})
	d := r.device()
	c.Devices = append(c.Devices, e.repute.Catch(d, now))
	if e.repute.Closed(d.Class) {
		return e.pardon(c, d.Class, now)
	}
	if !f.proved {
		return nil
	}
	stake := e.repute.Slash(d)
	if stake <= 0 {
		return nil
	}
	tx, err := ledger.Slash(now, ledger.Reference{
		Job: r.Job, Shard: uint64(r.Shard), Output: r.Output.String(), Reason: fmt.Sprintf("stake lost over shard %v: %s", r.Shard, f.why),
	}, r.Volunteer, stake)
	if err != nil {
		return err
	}
	c.Ledger = append(c.Ledger, tx)
	e.connected(r.Volunteer, func(m *Member) { m.credit -= stake })
	return nil
}

// pardon gives back the stakes that were lost over a class of devices which
// turns out to fail for everybody: its driver is broken, its owners did not
// lie. The lane stays closed, and their others are as good as before. The caller holds mu.
func (e *Engine) pardon(c *Commit, class string, now time.Time) error {
	for _, r := range e.repute.Pardon(class) {
		tx, err := ledger.Restore(now, ledger.Reference{
			Job: c.Job, Shard: uint64(c.Shard), Reason: fmt.Sprintf("stake given back: devices of class %q fail for many, so the driver is to blame", class),
		}, r.Volunteer, r.Amount)
		if err != nil {
			return err
		}
		c.Ledger = append(c.Ledger, tx)
		e.connected(r.Volunteer, func(m *Member) { m.credit += r.Amount })
	}
	for _, m := range e.members {
		m.exclude()
	}
	return nil
}

// convict punishes whoever returned results that were proved wrong after, or
// apart from, the verdict on their shard, and commits that with what it took to
// find out. All of them are of one shard.
func (e *Engine) convict(ctx context.Context, job string, shard ShardID, wrong []Result, why string, spent int64) error {
	c := Commit{Job: job, Shard: shard, Spent: spent}
	now := e.config.Now()
	e.mu.Lock()
	var err error
	for _, r := range wrong {
		err = errors.Join(err, e.punish(&c, r, fault{why, true}, now))
	}
	if j := e.job(job); j != nil {
		j.account.Spend(spent)
	}
	e.mu.Unlock()
	if err == nil {
		_, err = e.config.Store.Commit(context.WithoutCancel(ctx), c)
	}
	if err != nil { // what is in memory is not what is stored
		e.fail(err)
		return stored(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applyMarks(c.Marks)
	return nil
}

// applyMarks ends the leases of devices that are no longer served, and has
// looked at again what rests on their word. The caller holds mu.
func (e *Engine) applyMarks(marks []Mark) {
	if len(marks) == 0 {
		return
	}
	for _, mark := range marks {
		e.connected(mark.Volunteer, func(m *Member) {
			m.marks[mark.Lane]++
			m.exclude()
			m.dropCanaries(func(c *canary) bool { return m.excluded[c.device] }, excludedReason)
		})
		e.log.Warn("device marked", "volunteer", mark.Volunteer.Short(), "lane", mark.Lane,
			"job", mark.Job, "shard", mark.Shard.String(), "reason", mark.Reason)
	}
	e.dropAttempts(func(_ *shard, a *attempt) bool { return a.member.excluded[a.device] }, excludedReason)
	e.captures++
	for _, mark := range marks {
		e.suspect(mark.Volunteer)
	}
	e.recheck()
}

const excludedReason = "devices like this one have returned wrong results"
