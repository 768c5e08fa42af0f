package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// deviceOf is the device a result came from, as far as the hub has seen it.
// The caller holds mu.
func (e *Engine) deviceOf(r Result) deviceKey {
	key := deviceKey{r.Volunteer, r.Lane}
	e.connected(r.Volunteer, func(m *Member) {
		if i := slices.IndexFunc(m.devices, func(d Device) bool { return d.Lane == r.Lane }); i >= 0 {
			key.class = m.classes[i]
		}
	})
	return key
}

// A lie is worth this many shards to whoever tells it, for all that is known,
// and is caught at this rate at least: what a stake has to outweigh.
const gainShards = 10

// stakeFor is what a volunteer must have earned, and not been given, before
// it is paid for shards of this many operations.
func stakeFor(t trust.Terms, ops int64) ledger.Amount {
	caught := int64((t.AuditFloor + t.Auditors) * trust.Million)
	s, err := trust.Stake(caught, gainShards*int64(ledger.Credit(ops)))
	if err != nil {
		return 1<<63 - 1 // nothing would be enough: everything is kept
	}
	return ledger.Amount(s)
}

// payees says who is paid for a shard and how much of it is kept as stake:
// where one may be believed alone, the first work is unpaid until it outweighs
// what a lie could bring. The caller holds mu.
func (e *Engine) payees(j *jobRun, right []Result, ops int64) []ledger.Payee {
	list := make([]ledger.Payee, len(right))
	for i, r := range right {
		list[i].Volunteer = r.Volunteer
		if j.terms == nil || j.terms.Assurance != trust.Audited {
			continue
		}
		missing := stakeFor(*j.terms, ops) - e.devices.stakes[r.Volunteer]
		list[i].Withheld = min(max(missing, 0), ledger.Credit(ops))
		e.devices.stakes[r.Volunteer] += list[i].Withheld
	}
	return list
}

// punish adds what follows for a device that was refuted. Everybody loses the
// lane. A stake is lost only for what was proved, by an audit or a dispute, and
// not where the driver is to blame; that more volunteers said otherwise is no
// proof. The caller holds mu.
func (e *Engine) punish(c *Commit, s *shard, r Result, n news, now time.Time) error {
	why, proved := n.lost[r.Volunteer], true
	switch {
	case why != "":
	case n.truth != nil:
		why = "an audit gave another result"
	default:
		why, proved = "the result differs from the one the other replicas agree on", s.dispute
	}
	c.Marks = append(c.Marks, Mark{Volunteer: r.Volunteer, Lane: r.Lane, Job: r.Job, Shard: r.Shard, Reason: why, At: now})
	key := e.deviceOf(r)
	c.Devices = append(c.Devices, e.devices.catch(key, now))
	if e.devices.population.Quarantined(key.class) {
		return e.pardon(c, key.class, now)
	}
	stake := e.devices.stakes[r.Volunteer]
	if !proved || stake <= 0 {
		return nil
	}
	tx, err := ledger.Slash(now, ledger.Reference{
		Job: r.Job, Shard: uint64(r.Shard), Output: r.Output.String(), Reason: fmt.Sprintf("stake lost over shard %v: %s", s.id, why),
	}, r.Volunteer, stake)
	if err != nil {
		return err
	}
	c.Ledger = append(c.Ledger, tx)
	delete(e.devices.stakes, r.Volunteer)
	e.devices.slashed[key] += stake
	e.connected(r.Volunteer, func(m *Member) { m.credit -= stake })
	return nil
}

// pardon gives back the stakes that were lost over a class of devices which
// turns out to fail for everybody: its driver is broken, its owners did not
// lie. The lane stays closed. The caller holds mu.
func (e *Engine) pardon(c *Commit, class string, now time.Time) error {
	for key, stake := range e.devices.slashed {
		if key.class != class {
			continue
		}
		tx, err := ledger.Restore(now, ledger.Reference{
			Job: c.Job, Shard: uint64(c.Shard), Reason: fmt.Sprintf("stake given back: devices of class %q fail for many, so the driver is to blame", class),
		}, key.volunteer, stake)
		if err != nil {
			return err
		}
		c.Ledger = append(c.Ledger, tx)
		delete(e.devices.slashed, key)
		e.devices.stakes[key.volunteer] += stake
		e.connected(key.volunteer, func(m *Member) { m.credit += stake })
	}
	for _, m := range e.members {
		m.exclude()
	}
	return nil
}

// applyMarks ends the leases of devices that are no longer served, and has
// looked at again what rests on their word. The caller holds mu.
func (e *Engine) applyMarks(marks []Mark) {
	for _, mark := range marks {
		e.connected(mark.Volunteer, func(m *Member) {
			m.marks[mark.Lane]++
			m.exclude()
		})
		e.dropAttempts(func(_ *shard, a *attempt) bool {
			return a.lease.Volunteer == mark.Volunteer && trust.Excluded(a.member.marks[a.lease.Lane])
		}, "this device has returned a wrong result")
		e.log.Warn("device marked", "volunteer", mark.Volunteer.Short(), "lane", mark.Lane,
			"job", mark.Job, "shard", mark.Shard.String(), "reason", mark.Reason)
	}
	caught := map[volunteer.ID]bool{}
	for _, mark := range marks {
		caught[mark.Volunteer] = true
	}
	if len(caught) > 0 {
		e.recheck(caught)
	}
}
