package engine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

// canary is a lease of a shard whose answer is known: it tests a device, and
// settles nothing. Until its verdict the volunteer sees nothing that tells it
// from other work.
type canary struct {
	job     *jobRun
	lease   lease.Lease
	token   []byte
	device  int
	shard   *shard
	answer  job.Hash
	overdue time.Time
	seal    *[32]byte
}

// trial names the open round of a job: a volunteer gets one canary of each.
type trial struct {
	job   *jobRun
	round *round
}

// firstWork is how many verified results end a device's canaries: agreement with
// others, which costs nothing further, teaches more from then on.
const firstWork = 16

// issueCanaries gives settled shards of open rounds to devices of which little
// is known and which have nothing else to do: one a round at most. It returns
// when the first of those that are out ends. The caller holds mu.
func (e *Engine) issueCanaries(now time.Time) (time.Time, error) {
	var first time.Time
	for _, m := range e.members {
		m.dropCanaries(func(c *canary) bool { return !c.overdue.After(now) }, "the lease has expired")
		for _, c := range m.canaries {
			if first.IsZero() || c.overdue.Before(first) {
				first = c.overdue
			}
		}
		if m.deaf || !m.consent.After(now) || e.config.Certified[m.id] {
			continue
		}
		for dev := range m.devices {
			j, s := e.canaryFor(m, dev, now)
			if s == nil {
				continue
			}
			if err := e.issueCanary(m, dev, j, s, now); err != nil {
				return first, err
			}
		}
	}
	return first, nil
}

// canaryFor picks a shard that the hub itself has run for an idle device that is
// little known. What volunteers agree on, or certified ones say, is believed and
// not known: a ring's lie must not be held against an honest volunteer. Under
// Full the hub runs every shard, and nobody's word is asked for. The caller holds
// mu.
func (e *Engine) canaryFor(m *Member, dev int, now time.Time) (*jobRun, *shard) {
	if m.excluded[dev] || m.want[dev] == 0 || m.load[dev] > 0 {
		return nil, nil
	}
	for _, j := range e.active {
		if j.round == nil || j.terms == nil || j.terms.Assurance == trust.Full || m.tested == (trial{j, j.round}) || len(j.round.known) == 0 {
			continue
		}
		if e.repute.Evidence(m.device(dev), now).Verified >= firstWork {
			return nil, nil
		}
		for _, s := range j.round.known {
			if m.devices[dev].fits(s.program) && !s.delivered(m.id) && s.by(m.id) == nil {
				return j, s
			}
		}
	}
	return nil, nil
}

func (e *Engine) issueCanary(m *Member, dev int, j *jobRun, s *shard, now time.Time) error {
	l := lease.Lease{
		Job: j.record.ID, Shard: uint64(s.id), Volunteer: m.id, Lane: m.devices[dev].Lane,
		Deadline: now.Add(e.config.Scheduler.LeaseTime).Truncate(time.Millisecond),
		Sealed:   true, Generation: uint32(j.record.Generation),
	}
	if _, err := io.ReadFull(e.config.Rand, l.Nonce[:]); err != nil {
		return fmt.Errorf("engine: nonce: %w", err)
	}
	token, err := e.config.Signer.Sign(l)
	if err != nil {
		return err
	}
	m.canaries = append(m.canaries, &canary{
		job: j, lease: l, token: token, device: dev, shard: s, answer: s.verdict.Result, overdue: l.Deadline,
	})
	m.tested = trial{j, j.round}
	m.want[dev]--
	m.load[dev]++
	m.notify(LeaseNotice{
		Token: token, Nonce: l.Nonce, Job: l.Job, Shard: s.id, Device: dev,
		Deadline: l.Deadline, Sealed: true, Payload: s.payload,
	})
	return nil
}

// dropCanaries ends every canary that match picks. With a reason, the volunteer
// is told. The caller holds mu.
func (m *Member) dropCanaries(match func(*canary) bool, reason string) {
	m.canaries = slices.DeleteFunc(m.canaries, func(c *canary) bool {
		if !match(c) {
			return false
		}
		m.load[c.device]--
		signal(m.engine.kick)
		if reason != "" {
			m.notify(RevokeNotice{Token: c.token, Reason: reason})
		}
		return true
	})
}

// canary finds the canary a lease stands for. The caller holds mu.
func (m *Member) canary(l lease.Lease) *canary {
	i := slices.IndexFunc(m.canaries, func(c *canary) bool { return c.lease.Nonce == l.Nonce })
	if i < 0 {
		return nil
	}
	return m.canaries[i]
}

// sealCanary takes the seal of a canary and asks for what was sealed. It returns
// false when the lease is none.
func (m *Member) sealCanary(l lease.Lease, seal [32]byte) (bool, error) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	c := m.canary(l)
	if c == nil {
		return false, nil
	}
	if c.seal != nil && *c.seal != seal {
		return true, errOpened
	}
	c.seal = &seal
	m.notify(OpenNotice{Token: c.token})
	return true, nil
}

// takeCanary takes a canary that d delivers off the volunteer; nil when d is for
// none. Of what comes too early it stays. The caller waits for helpers to be
// Done.
func (m *Member) takeCanary(d Delivery) (*canary, error) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	c := m.canary(d.Lease)
	switch {
	case c == nil:
		return nil, nil
	case c.seal == nil:
		return nil, errUnsealed
	}
	m.dropCanaries(func(other *canary) bool { return other == c }, "")
	c.job.helpers.Add(1) // it has not ended: that ends its canaries
	return c, nil
}

// resultOfCanary compares a canary's result with the answer. It returns false
// when the lease is none.
func (m *Member) resultOfCanary(ctx context.Context, d Delivery) (VerdictNotice, bool, error) {
	e := m.engine
	c, err := m.takeCanary(d)
	if c == nil {
		return VerdictNotice{}, false, err
	}
	defer c.job.helpers.Done()
	if *c.seal != d.Seal {
		return VerdictNotice{}, true, m.blame(ctx, d, errLied)
	}
	if err := c.shard.program.fits(c.shard.shard, d.Outputs); err != nil {
		return VerdictNotice{}, true, m.blame(ctx, d, err)
	}
	class := m.classes[c.device]
	if d.Output != c.answer {
		const why = "a shard whose answer is known came back with another result"
		r := Result{Job: c.lease.Job, Shard: c.shard.id, Volunteer: m.id, Lane: c.lease.Lane, Class: class, Output: d.Output}
		if err := e.convict(ctx, r.Job, r.Shard, []Result{r}, why, 1); err != nil {
			return VerdictNotice{}, true, err
		}
		return VerdictNotice{Token: d.Token, Standing: trust.Refuted, Reason: why}, true, nil
	}
	e.mu.Lock()
	commit := Commit{
		Job: c.lease.Job, Shard: c.shard.id, Spent: 1,
		Devices: []DeviceRecord{e.repute.Settle(m.device(c.device), true, e.config.Now())},
	}
	c.job.account.Spend(1)
	e.mu.Unlock()
	if _, err := e.config.Store.Commit(context.WithoutCancel(ctx), commit); err != nil {
		e.fail(err)
		return VerdictNotice{}, true, err
	}
	v, err := e.surplus(d.Token)
	return v, true, err
}
