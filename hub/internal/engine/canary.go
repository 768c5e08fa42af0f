package engine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// canary is a lease of a shard whose answer is known: it tests a device, and
// settles nothing. Nothing that the volunteer sees tells it from other work.
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

// firstWork is how many verified results end a device's canaries: agreement with
// others, which costs nothing further, teaches more from then on.
const firstWork = 16

// issueCanaries gives settled shards of open rounds to devices of which little
// is known and which have nothing else to do: one a round at most. It returns
// when the first of those that are out ends. The caller holds mu.
func (e *Engine) issueCanaries(now time.Time) (time.Time, error) {
	var first time.Time
	for _, m := range e.members {
		m.canaries = slices.DeleteFunc(m.canaries, func(c *canary) bool {
			if c.overdue.After(now) {
				if first.IsZero() || c.overdue.Before(first) {
					first = c.overdue
				}
				return false
			}
			m.load[c.device]--
			m.notify(RevokeNotice{Token: c.token, Reason: "the lease has expired"})
			return true
		})
		if m.deaf || !m.consent.After(now) {
			continue
		}
		for dev := range m.devices {
			j, s := e.canaryFor(m, dev)
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

// canaryFor picks a shard that an auditor has settled for an idle device that is
// little known.
func (e *Engine) canaryFor(m *Member, dev int) (*jobRun, *shard) {
	if m.excluded[dev] || m.want[dev] == 0 || m.load[dev] > 0 {
		return nil, nil
	}
	if e.devices.get(deviceKey{m.id, m.classes[dev]}).Record.Verified >= firstWork {
		return nil, nil
	}
	for _, j := range e.active {
		if j.round == nil || j.terms == nil || m.tested == testedIn(j) {
			continue
		}
		for _, s := range j.round.shards {
			fits := m.devices[dev].sandbox() == (s.program.Task != nil) && (m.devices[dev].Memory == 0 || m.devices[dev].Memory >= s.program.PeakBytes)
			// What volunteers agree on is believed, and not known: a ring's lie
			// must not be held against an honest volunteer.
			known := s.verdict.Accepted && s.verdict.Risk == trust.AuditorRisk
			if known && fits && !s.delivered(m.id) && s.by(m.id) == nil {
				return j, s
			}
		}
	}
	return nil, nil
}

// testedIn names a job's open round.
func testedIn(j *jobRun) string {
	return fmt.Sprintf("%s %d %d", j.record.ID, j.record.Generation, j.round.index)
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
	m.tested = testedIn(j)
	m.want[dev]--
	m.load[dev]++
	m.notify(LeaseNotice{
		Token: token, Nonce: l.Nonce, Job: l.Job, Shard: s.id, Device: dev,
		Deadline: l.Deadline, Sealed: true, Payload: s.payload,
	})
	return nil
}

// canary finds the canary a lease stands for. The caller holds mu.
func (m *Member) canary(l lease.Lease) *canary {
	i := slices.IndexFunc(m.canaries, func(c *canary) bool { return c.lease.Nonce == l.Nonce })
	if i < 0 {
		return nil
	}
	return m.canaries[i]
}

// sealCanary takes the seal of a canary and asks for what was sealed.
func (m *Member) sealCanary(l lease.Lease, seal [32]byte) bool {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	c := m.canary(l)
	if c == nil {
		return false
	}
	c.seal = &seal
	m.notify(OpenNotice{Token: c.token})
	return true
}

// resultOfCanary compares a canary's result with the answer. It returns false
// when the lease is none.
func (m *Member) resultOfCanary(ctx context.Context, d Delivery) (VerdictNotice, bool, error) {
	e := m.engine
	e.mu.Lock()
	c := m.canary(d.Lease)
	if c == nil {
		e.mu.Unlock()
		return VerdictNotice{}, false, nil
	}
	m.canaries = slices.DeleteFunc(m.canaries, func(other *canary) bool { return other == c })
	m.load[c.device]--
	signal(e.kick)
	now := e.config.Now()
	commit := Commit{Job: c.lease.Job, Shard: c.shard.id, Spent: 1}
	right := d.Output == c.answer && c.seal != nil && *c.seal == d.Seal
	err := c.shard.program.fits(c.shard.shard, d.Outputs)
	if err != nil {
		e.mu.Unlock()
		return VerdictNotice{}, true, e.blame(ctx, d, err)
	}
	if right {
		commit.Devices = append(commit.Devices, e.devices.settle(deviceKey{m.id, m.classes[c.device]}, true, now))
	} else {
		r := Result{Job: c.lease.Job, Shard: c.shard.id, Volunteer: m.id, Lane: c.lease.Lane, Output: d.Output}
		lost := news{lost: map[volunteer.ID]string{m.id: "a shard whose answer is known came back with another result"}}
		err = e.punish(&commit, c.shard, r, lost, now)
	}
	c.job.account.Spend(1)
	e.mu.Unlock()
	if err == nil {
		_, err = e.config.Store.Commit(context.WithoutCancel(ctx), commit)
	}
	if err != nil {
		e.fail(err)
		return VerdictNotice{}, true, err
	}
	if right {
		return surplus(d.Token), true, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applyMarks(commit.Marks)
	return VerdictNotice{Token: d.Token, Standing: trust.Refuted, Reason: commit.Marks[0].Reason}, true, nil
}
