package detail

import (
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// A dispute: both replay with trace and bisect. The simulator takes the time
// and the executions of that; package dispute shows that the truth comes out.
const (
	traces  = 2  // executions
	bisects = 12 // rounds of question and answer, enough for programs of 4096 ops
)

// dispute finds out which of two results is wrong.
func (s *sim) dispute(h *shard) {
	h.inquiry = true
	s.report.Disputes++
	s.account().Spend(traces)
	var delay, replay time.Duration
	for i, a := range h.voices {
		if !h.facts.Evidence[i].Refuted {
			delay = max(delay, 2*bisects*a.dev.who.latency)
			replay = max(replay, a.compute)
		}
	}
	s.agenda.Add(s.now+delay+replay, event{kind: disputed, shard: h})
}

// disputed ends a dispute: whoever is wrong is caught.
func (s *sim) disputed(h *shard) {
	h.inquiry = false
	if h.void || h.settled {
		return
	}
	var wrong []*attempt
	for i, a := range h.voices {
		if a.answer.Wrong() && !h.facts.Evidence[i].Refuted {
			wrong = append(wrong, a)
			h.facts.Evidence[i].Refuted = true
			s.catch(h, a.answer)
		}
	}
	for _, a := range wrong {
		s.capture(a)
	}
	s.judge(h)
}

// catch counts a lie that was found before it was believed.
func (s *sim) catch(h *shard, lie incident.Answer) {
	for i, l := range h.told {
		if l == lie {
			h.told = append(h.told[:i], h.told[i+1:]...)
			s.report.LiesCaught++
			return
		}
	}
}

// auditQueue is the engine's: how many audits may wait before shards that more
// replicas would settle as well are left to the replicas.
const auditQueue = 8

// audit hands a shard to an auditor of the operator.
func (s *sim) audit(h *shard) {
	h.inquiry = true
	h.asked = s.now
	s.hub.auditing++
	if s.hub.auditors == 0 {
		s.hub.audits = append(s.hub.audits, h)
		return
	}
	s.hub.auditors--
	s.examine(h)
}

func (s *sim) examine(h *shard) {
	s.report.Audits++
	s.report.auditWait += s.now - h.asked
	took := time.Duration(float64(h.ops) / float64(s.hub.header.Hub.AuditSpeed) * float64(time.Second))
	s.agenda.Add(s.now+took, event{kind: audited, shard: h})
}

// audited ends an audit: the truth is known.
func (s *sim) audited(h *shard) {
	s.account().Spend(1)
	s.hub.auditing--
	if len(s.hub.audits) > 0 {
		next := s.hub.audits[0]
		s.hub.audits = s.hub.audits[1:]
		s.examine(next)
	} else {
		s.hub.auditors++
	}
	h.inquiry = false
	if h.void {
		return
	}
	truth := digest(incident.Right)
	h.facts.Truth = &truth
	s.judge(h)
}
