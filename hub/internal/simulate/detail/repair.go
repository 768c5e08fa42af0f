package detail

import (
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// capture punishes whoever returned a result that was proved wrong, and has
// done again what nobody else upholds.
func (s *sim) capture(a *attempt) {
	p := a.dev.who
	if s.hub.memory.book.Caught(a.dev.known()) {
		return
	}
	if !p.caught {
		p.caught = true
		s.count(p)
	}
	s.log(incident.Event{Kind: incident.Capture, Volunteer: p.number, Job: a.shard.job.index, Shard: a.shard.serial})
	s.punish(a.dev)
	s.recheck(p)
	s.crowd.caught(p)
}

// count counts somebody who is caught for the first time.
func (s *sim) count(p *person) {
	r := &s.report
	if p.told == 0 {
		r.HonestExcluded++
	}
	r.LiarsCaught++
	r.detection += s.now - p.firstLie
	r.slowest = max(r.slowest, s.now-p.firstLie)
	if r.firstCapture == 0 {
		r.firstCapture = s.now
	}
}

// recheck goes through all that p has vouched for and that does not count any
// more.
func (s *sim) recheck(p *person) {
	backing := p.backing
	p.backing = nil
	var (
		supports []trust.Support
		open     []*shard
	)
	for i, h := range backing {
		of := slices.IndexFunc(h.voices, func(a *attempt) bool { return a.dev.who == p })
		switch {
		case h.void:
		case !s.discredited(h.voices[of]): // with a device that is not to blame
			p.backing = append(p.backing, h)
		case h.settled:
			supports = append(supports, h.support(i))
		default:
			open = append(open, h)
		}
	}
	repair := s.hub.policy.Terms.Recheck(supports, func(b trust.Supporter) bool {
		return s.hub.memory.book.Discredited(reputation.Device{Volunteer: b.Volunteer, Class: b.Class})
	})
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
		s.judge(h)
	}
}

// support is why h was accepted; index is the caller's.
func (h *shard) support(index int) trust.Support {
	t := trust.Support{Round: h.round, Index: index, Audited: h.facts.Truth != nil}
	for i, a := range h.voices {
		if h.verdict.Standings[i] == trust.Confirmed {
			t.By = append(t.By, trust.Supporter{Volunteer: a.dev.who.id, Class: a.dev.class, Risk: a.risk})
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
