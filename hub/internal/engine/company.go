package engine

import "time"

// A shard that one volunteer's word does not settle needs others, who are no kin
// of those that have it. Where there are none, or the job could not pay them, it
// is lonely, and an auditor decides.

// lookForCompany finds shards that wait for a further volunteer where none is
// connected that may be one, or that the job could pay: then an auditor decides
// instead. It returns when the first whom a shard counts on may be gone. The
// caller holds mu.
func (e *Engine) lookForCompany(now time.Time) (until time.Time) {
	for _, j := range e.active {
		if j.round == nil || j.terms == nil {
			continue
		}
		room := j.room()
		for _, s := range j.round.open {
			if s.inquiry {
				continue
			}
			lonely, price := s.waits(), s.priceOfCompany()
			if s.lonely { // it has no claim to that yet
				room -= price
			}
			if lonely && room >= 0 && e.findCompany(s, now) {
				lonely = false
				until = earlier(until, s.company.consent)
			}
			if lonely {
				room += price
			}
			if lonely == s.lonely {
				continue
			}
			s.lonely = lonely
			if lonely && !j.solitary { // once: it may change as often as somebody comes or goes
				j.solitary = true
				e.log.Info("nobody unrelated is here to check results: the hub audits them itself", "job", j.record.ID, "volunteers", len(e.members))
			}
			e.reweigh(j, s)
			s.openSealed(now, e.config.Scheduler)
			e.inquire(j, s)
		}
	}
	return until
}

// waits reports whether the shard needs somebody besides those who hold it.
func (s *shard) waits() bool {
	switch {
	case len(s.results) > 0:
		return s.lonely || s.need() > len(s.attempts)
	case len(s.attempts) > 0:
		return s.wanted() > len(s.attempts)
	}
	return false
}

// findCompany notes somebody who could vouch for the shard, and reports whether
// there is anybody. The caller holds mu.
func (e *Engine) findCompany(s *shard, now time.Time) bool {
	if s.company != nil && e.may(s, s.company, now) {
		return true
	}
	s.company = nil
	for _, m := range e.members {
		if e.may(s, m, now) {
			s.company = m
			return true
		}
	}
	return false
}

// may reports whether m could vouch for the shard, sooner or later. The caller
// holds mu.
func (e *Engine) may(s *shard, m *Member, now time.Time) bool {
	if m.deaf || !m.consent.After(now) || s.delivered(m.id) || s.by(m.id) != nil || s.away[m.id].After(now) {
		return false
	}
	for i, d := range m.devices {
		working := m.want[i] > 0 || m.load[i] > 0
		if working && !m.excluded[i] && d.fits(s.program) {
			return !e.kin(s, m)
		}
	}
	return false
}

// kin reports whether m looks related to somebody who holds the shard, or has
// delivered it: neither may vouch for the other. The caller holds mu.
func (e *Engine) kin(s *shard, m *Member) bool {
	for _, id := range m.identities {
		for _, a := range s.attempts {
			if a.member.id != m.id && e.config.Related(id, a.member.identities[a.device]) {
				return true
			}
		}
		for v, other := range s.holders {
			if v != m.id && e.config.Related(id, other) {
				return true
			}
		}
	}
	return false
}

// bars reports whether m may not join those who hold the shard. The caller
// holds mu.
func (e *Engine) bars(o openShard, m *Member) bool {
	s := o.shard
	return len(s.attempts)+len(s.results) > 0 && e.kin(s, m)
}

// allows reports whether m may still be given the shard as a backup, after what
// the same plan has handed out before. The caller holds mu.
func (e *Engine) allows(o openShard, m *Member) bool {
	if e.kin(o.shard, m) || !o.job.affords(o.shard) {
		signal(e.kick)
		return false
	}
	return true
}
