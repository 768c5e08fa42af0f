package engine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// plan hands out leases whenever something has changed or a time has come.
func (e *Engine) plan(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.kick:
		case <-timer.C:
		}
		wake, err := e.planOnce()
		if err != nil {
			e.fail(err)
			return
		}
		timer.Stop()
		if !wake.IsZero() {
			// Never zero: times that are due but change nothing must not spin.
			timer.Reset(max(wake.Sub(e.config.Now()), 10*time.Millisecond))
		}
	}
}

// planOnce ends what has expired, plans and hands out. It returns when to plan
// again if nothing happens before; zero means not at all.
func (e *Engine) planOnce() (time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.config.Now()
	e.dropAttempts(func(_ *shard, a *attempt) bool {
		return (a.seal == nil || a.opened) && !a.deadline.After(now)
	}, "the lease has expired")

	for _, j := range e.active {
		if j.round != nil {
			for _, s := range j.round.open {
				s.openSealed(now, e.config.Scheduler)
			}
		}
	}

	alone := e.lookForCompany(now)
	shards, snapshot := e.snapshot(now)
	p := scheduler.New(e.config.Scheduler, snapshot.Snapshot)
	for _, g := range p.Grants {
		o, slot := shards[g.Shard], snapshot.slots[g.Slot]
		if o.job.terms != nil && g.Backup && !e.allows(o, slot.member) {
			continue
		}
		if err := e.grant(o, slot.member, slot.device, g, now); err != nil {
			return time.Time{}, err
		}
		if o.job.terms != nil && o.shard.need() > len(o.shard.attempts) {
			signal(e.kick)
		}
	}
	expiry, err := e.issueCanaries(now)
	wake := p.Wake
	for _, t := range []time.Time{e.nextWake(now), alone, expiry} {
		wake = earlier(wake, t)
	}
	return wake, err
}

// earlier returns the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// nextWake is the earliest of the first deadline, the first time at which a
// sealed result that was asked for is overdue, and the first at which a shard
// may be offered again to whoever handed it back.
func (e *Engine) nextWake(now time.Time) time.Time {
	var wake time.Time
	at := func(t time.Time) { wake = earlier(wake, t) }
	for _, j := range e.active {
		if j.round == nil {
			continue
		}
		for _, s := range j.round.open {
			for _, until := range s.away {
				if until.After(now) {
					at(until)
				}
			}
			for _, a := range s.attempts {
				if a.committing || a.seal != nil && !a.opened {
					continue
				}
				at(a.deadline)
				if a.opened && a.overdue.After(now) {
					at(a.overdue)
				}
			}
		}
	}
	return wake
}

// view is a scheduler's snapshot and what its slots stand for.
type view struct {
	scheduler.Snapshot
	slots []slot
}

type slot struct {
	member *Member
	device int
}

// openShard is what the snapshot's shards stand for.
type openShard struct {
	job   *jobRun
	shard *shard
}

// snapshot shows the scheduler what is open and who wants work. The caller
// holds mu.
func (e *Engine) snapshot(now time.Time) ([]openShard, view) {
	v := view{Snapshot: scheduler.Snapshot{Now: now}}
	if !slices.ContainsFunc(e.active, func(j *jobRun) bool { return j.round != nil && len(j.round.open) > 0 }) {
		return nil, v // nothing to hand out, to however many volunteers
	}
	for _, m := range e.members {
		if !m.consent.After(now) || m.deaf {
			continue
		}
		for i, d := range m.devices {
			free := min(m.want[i], e.config.MaxLeases-m.load[i])
			if free <= 0 || m.excluded[i] {
				continue
			}
			v.slots = append(v.slots, slot{m, i})
			v.Slots = append(v.Slots, scheduler.Slot{
				Volunteer: m.id, Free: free, Load: m.load[i], Memory: d.Memory, Speed: m.speed[i], Sandbox: d.sandbox(),
			})
		}
	}
	if len(v.slots) == 0 {
		return nil, v
	}
	var shards []openShard
	v.Bars = func(shard, slot int) bool {
		o := shards[shard]
		return o.job.terms != nil && e.bars(o, v.slots[slot].member)
	}
	for number, j := range e.active {
		if j.round == nil {
			continue
		}
		for _, s := range j.round.open {
			shards = append(shards, openShard{j, s})
			shown := e.show(j, s, now)
			shown.Job = number
			v.Shards = append(v.Shards, shown)
		}
	}
	return shards, v
}

func (e *Engine) show(j *jobRun, s *shard, now time.Time) scheduler.Shard {
	attempts := make([]scheduler.Attempt, len(s.attempts))
	for i, a := range s.attempts {
		attempts[i] = scheduler.Attempt{
			Volunteer: a.lease.Volunteer,
			Overdue:   a.overdue,
			Sealed:    a.committing || a.seal != nil && !a.opened,
		}
	}
	barred := make([]volunteer.ID, len(s.results))
	for i, r := range s.results {
		barred[i] = r.Volunteer
	}
	for v, until := range s.away {
		if until.After(now) {
			barred = append(barred, v)
		}
	}
	need := s.need()
	if j.terms != nil { // one by one: who may be next depends on who was first
		need = min(need, len(attempts)+1)
	}
	return scheduler.Shard{
		Ops: s.program.cost(s.shard), Memory: s.program.PeakBytes, Sandbox: s.program.Task != nil,
		Need: need, Attempts: attempts, Barred: barred,
	}
}

// believe notes what is known of the attempt's device. The caller holds mu.
func (a *attempt) believe(e *Engine, o openShard, now time.Time) {
	d := a.member.device(a.device)
	switch terms := o.job.terms; {
	case terms != nil && e.repute.Discredited(d):
		a.risk, a.alone = trust.Worthless, false
	case e.config.Certified[d.Volunteer]:
		a.risk, a.alone = trust.AuditorRisk, true
	case terms == nil: // replicas are counted, and nobody is weighed
		a.risk, a.alone = trust.Worthless, true
	default:
		ops := o.shard.program.Ops
		if o.shard.program.Task != nil { // at most: far more than runs take, and judged when it is known
			ops = 1
		}
		w := e.repute.Word(*terms, d, ops, now)
		a.risk, a.alone, a.check = w.Risk, w.Alone, w.Check
	}
}

// grant hands out one lease. The caller holds mu.
func (e *Engine) grant(o openShard, m *Member, dev int, g scheduler.Grant, now time.Time) error {
	a := &attempt{member: m, device: dev, granted: now, overdue: g.Overdue}
	a.believe(e, o, now)
	o.shard.attempts = append(o.shard.attempts, a)
	l := lease.Lease{
		Job:       o.job.record.ID,
		Shard:     uint64(o.shard.id),
		Volunteer: m.id,
		Lane:      m.devices[dev].Lane,
		Deadline:  g.Deadline.Truncate(time.Millisecond),
		// Whoever could be copied from, or could copy, seals first.
		Sealed:     o.shard.wanted() > 1,
		Generation: uint32(o.job.record.Generation),
	}
	if _, err := io.ReadFull(e.config.Rand, l.Nonce[:]); err != nil {
		return fmt.Errorf("engine: nonce: %w", err)
	}
	token, err := e.config.Signer.Sign(l)
	if err != nil {
		return err
	}
	a.lease, a.token, a.deadline = l, token, l.Deadline
	m.want[dev]--
	m.load[dev]++
	m.notify(LeaseNotice{
		Token: token, Nonce: l.Nonce, Job: l.Job, Shard: o.shard.id, Device: dev,
		Deadline: l.Deadline, Sealed: l.Sealed, Payload: o.shard.payload,
	})
	return nil
}
