package detail

import (
	"encoding/binary"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

// shard is one shard, open or settled.
type shard struct {
	job    *work
	serial int64 // among all shards of its job
	round  int
	ops    int64
	made   time.Duration

	attempts []*attempt  // live
	facts    trust.Facts // what the policy judges
	voices   []*attempt  // whose results those are, in the same order
	verdict  trust.Verdict

	leased  time.Duration // first; -1: never
	first   time.Duration // result; -1: none yet
	asked   time.Duration // for an audit
	queued  bool          // in the hub's queue
	late    bool          // in the hub's list of those that may be backed up
	inquiry bool          // a dispute or an audit is under way: no further replica is needed
	open    bool          // its round waits for it
	settled bool
	void    bool // its round was rolled back

	accepted bool // ever
	answer   incident.Answer
	told     []incident.Answer // lies that are neither believed nor caught so far
	sins     []incident.Answer // all lies told about it
	pact     pact              // of a ring, on this shard
}

// pact is what a ring has agreed on.
type pact int

const (
	undecided pact = iota
	honest
	lying
)

// wanted is the engine's: how many results it takes. The verdict does not know
// yet who was given a shard that nobody has delivered.
func (h *shard) wanted() int {
	w := h.verdict.Wanted
	if w == 1 && len(h.voices) == 0 && len(h.attempts) > 0 && !h.attempts[0].alone {
		w = 2
	}
	return w
}

// need is the engine's: how many more results h waits for, live attempts
// included.
func (h *shard) need() int {
	if h.settled || h.void || h.inquiry {
		return 0
	}
	n := max(h.wanted()-len(h.voices), 0)
	if h.facts.Lonely { // those at work are all there will be
		n = min(n, len(h.attempts))
	}
	return n
}

// draw draws the lots of a shard when its first result is there.
func (s *sim) draw(a *attempt) {
	h, terms := a.shard, s.hub.policy.Terms
	number := uint64(h.job.index)<<56 | uint64(h.serial)
	lot := func(secret [32]byte, rate float64) bool {
		return trust.Lot(secret, a.dev.who.id, number, int64(rate*trust.Million))
	}
	h.facts.Draws = trust.Draws{
		Check: a.alone && lot(s.hub.lots.check, a.check),
		Audit: lot(s.hub.lots.audit, terms.Auditors),
		Pairs: lot(s.hub.lots.pairs, terms.PairAudits),
	}
}

// digest is the hash of what an answer stands for.
func digest(a incident.Answer) (h job.Hash) {
	binary.LittleEndian.PutUint64(h[:], uint64(a))
	h[31] = 1 // the zero hash is nothing
	return h
}

func undigest(h job.Hash) incident.Answer {
	return incident.Answer(binary.LittleEndian.Uint64(h[:]))
}
