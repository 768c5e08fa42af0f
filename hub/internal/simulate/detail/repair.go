package detail

import (
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// capture excludes whoever returned a result that was proved wrong, and has
// done again what nobody else upholds.
func (s *sim) capture(a *attempt) {
	p := a.dev.who
	if p.caught {
		return
	}
	p.caught = true
	r := &s.report
	if p.told == 0 {
		r.HonestExcluded++
	}
	r.LiarsCaught++
	r.Slashed += min(s.hub.stake, p.delivered)
	r.detection += s.now - p.firstLie
	r.slowest = max(r.slowest, s.now-p.firstLie)
	if r.firstCapture == 0 {
		r.firstCapture = s.now
	}
	s.log(incident.Event{Kind: incident.Capture, Volunteer: p.number, Job: a.shard.job.index, Shard: a.shard.serial})
	class := s.hub.classes[a.dev.class]
	s.hub.population.Catch(class, a.dev.verified)
	if p.here {
		s.depart(p)
	}
	s.disconnect(p)
	s.recheck(p)
	s.crowd.caught(p)
	if s.hub.population.Quarantined(class) && !s.hub.quarantined[a.dev.class] {
		s.hub.quarantined[a.dev.class] = true
		r.Quarantined = append(r.Quarantined, class)
	}
}

// recheck goes through all that p has vouched for.
func (s *sim) recheck(p *person) {
	backing := p.backing
	p.backing = nil
	var (
		supports []trust.Support
		open     []*shard
	)
	for i, h := range backing {
		switch {
		case h.void:
		case h.settled:
			supports = append(supports, h.support(i))
		default:
			open = append(open, h)
		}
	}
	repair := s.hub.policy.Terms.Recheck(supports, func(b trust.Supporter) bool { return s.people[b.Volunteer].caught })
	for _, again := range repair.Rerun {
		h := backing[again.Index]
		s.report.Rerun++
		h.settled = false
		if h.job.Width > 0 && h.round == h.job.round && !h.open {
			h.open = true
			h.job.open++
		}
		s.audit(h) // as the engine does: the operator runs it again
	}
	for _, h := range open {
		for i, a := range h.voices {
			if a.dev.who == p {
				h.facts.Evidence[i].Refuted = true
				if a.answer.Wrong() {
					s.catch(h, a.answer)
				}
			}
		}
		s.judge(h)
	}
}

// support is why h was accepted; index is the caller's.
func (h *shard) support(index int) trust.Support {
	t := trust.Support{Round: h.round, Index: index, Audited: h.facts.Truth != nil}
	for i, a := range h.voices {
		if h.verdict.Standings[i] == trust.Confirmed {
			t.By = append(t.By, trust.Supporter{Volunteer: a.dev.who.id, Risk: a.risk})
		}
	}
	return t
}

// again ends the second settlement of a shard.
func (s *sim) again(h *shard, now incident.Answer) {
	before := h.answer
	h.answer = now
	s.fate(h)
	if h.open {
		s.progress(h)
	}
	if before == now {
		return
	}
	s.log(incident.Event{Kind: incident.Repair, Job: h.job.index, Shard: h.serial, Answer: answer(now)})
	if before.Wrong() {
		s.report.LiesRepaired++
	}
	if h.job.Width > 0 && h.round < h.job.round && !h.job.ended {
		s.rollBack(h.job, h.round)
	}
}

// rollBack folds a round again: whatever was computed from what came of it is
// void.
func (s *sim) rollBack(j *work, round int) {
	s.log(incident.Event{Kind: incident.Rollback, Job: j.index, Shard: int64(round)})
	s.report.Rollbacks++
	for _, shards := range j.rounds[round+1:] {
		for _, h := range shards {
			s.void(h)
		}
	}
	j.rounds = j.rounds[:round+1]
	j.round, j.open = round, 0
	for _, h := range j.rounds[round] {
		if !h.settled { // another one of the round is being done again
			h.open = true
			j.open++
		}
	}
	if j.open == 0 {
		s.fold(j)
	}
}

func (s *sim) void(h *shard) {
	h.void, h.open = true, false
	for _, a := range slices.Clone(h.attempts) {
		s.drop(a, true)
	}
	if !h.accepted {
		return
	}
	s.account().Accepted--
	s.report.RolledBack++
	if h.answer.Wrong() {
		s.report.LiesRepaired++
	}
}
