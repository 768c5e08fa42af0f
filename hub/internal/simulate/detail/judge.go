package detail

import (
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// judged adds a result to the facts and judges the shard.
func (s *sim) judged(a *attempt) {
	h := a.shard
	a.dead = true
	a.dev.leases = without(a.dev.leases, a)
	h.attempts = without(h.attempts, a)
	s.offer(a.dev)
	if a.backup {
		s.report.Backups.Used++
	}
	if h.first < 0 {
		h.first = s.now
	}
	s.log(incident.Event{
		Kind: incident.Result, Volunteer: a.dev.who.number, Device: a.dev.index,
		Job: h.job.index, Shard: h.serial, Answer: answer(a.answer),
	})
	s.hear(a)
	if len(h.voices) == 0 {
		s.draw(a)
	}
	h.voices = append(h.voices, a)
	h.facts.Evidence = append(h.facts.Evidence, trust.Evidence{
		Volunteer: a.dev.who.id, Result: digest(a.answer), Risk: a.risk, Alone: a.alone,
	})
	a.dev.who.backing = append(a.dev.who.backing, h)
	s.account().Spend(1)
	s.judge(h)
}

// hear counts a lie. One that several tell together is one.
func (s *sim) hear(a *attempt) {
	if !a.answer.Wrong() {
		return
	}
	p := a.dev.who
	if p.told == 0 {
		p.firstLie = s.now
		s.report.Liars++
	}
	p.told++
	if h := a.shard; !slices.Contains(h.sins, a.answer) {
		h.sins, h.told = append(h.sins, a.answer), append(h.told, a.answer)
		s.report.LiesTold++
	}
}

// judge asks the policy about an open shard, and does what it says.
func (s *sim) judge(h *shard) {
	if h.settled || h.void || h.inquiry {
		return
	}
	for i, a := range h.voices {
		if s.discredited(a) {
			h.facts.Evidence[i].Risk = trust.Worthless
		} else {
			h.facts.Evidence[i].Risk = a.risk
		}
	}
	h.verdict = s.hub.policy.Judge(h.facts)
	if h.facts.Lonely && len(h.voices) > 0 && !h.verdict.Accepted { // also where those who have answered were caught
		h.verdict.Audit = trust.MustAudit
	}
	switch v := h.verdict; {
	case v.Accepted:
		s.settle(h)
	case v.Conflict:
		s.dispute(h)
	case v.Audit == trust.MustAudit, v.Audit == trust.MayAudit && s.hub.auditing < auditQueue:
		s.audit(h)
	default:
		s.openSealed(h)
		s.seek(h)
	}
}

// settle accepts what the verdict accepts.
func (s *sim) settle(h *shard) {
	v := h.verdict
	h.settled = true
	for _, a := range slices.Clone(h.attempts) {
		s.drop(a, true)
	}
	var right, wrong []*attempt
	for i, standing := range v.Standings {
		switch {
		case standing == trust.Confirmed:
			right = append(right, h.voices[i])
		case !h.facts.Evidence[i].Refuted:
			wrong = append(wrong, h.voices[i])
		}
	}
	for i, a := range h.voices {
		s.spent(h, a, i)
	}
	s.log(incident.Event{Kind: incident.Verdict, Job: h.job.index, Shard: h.serial, Answer: answer(undigest(v.Result)), Risk: v.Risk})
	if h.accepted {
		s.account().Worst = max(s.account().Worst, v.Risk)
		s.again(h, undigest(v.Result))
	} else {
		h.accepted, h.answer = true, undigest(v.Result)
		s.reward(h, right)
		s.account().Accept(1, v.Risk, 0)
		s.fate(h)
		s.report.shard.add(s.now - h.leased)
		s.report.verifying += s.now - max(h.first, 0)
		s.progress(h)
	}
	for _, a := range wrong {
		s.capture(a)
	}
}

// fate says what became of the lies about a shard that is accepted for the
// first time.
func (s *sim) fate(h *shard) {
	for _, lie := range h.told {
		if lie == h.answer {
			s.report.WrongAccepted++
		} else {
			s.report.LiesCaught++
		}
	}
	h.told = nil
}

// spent says what the time of a run was good for.
func (s *sim) spent(h *shard, a *attempt, place int) {
	if a.booked {
		return
	}
	a.booked = true
	switch {
	case h.accepted:
		s.report.time.again += a.compute
	case place == 0:
		s.report.time.useful += a.compute
	default:
		s.report.time.replicas += a.compute
	}
}
