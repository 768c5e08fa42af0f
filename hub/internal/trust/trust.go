// Package trust decides what to believe: facts in, verdict out.
//
// Every result is an exact integer function of its shard, so two honest
// volunteers return the same bytes and results are compared by their hashes
// alone. The package is pure. It refuses to know how results travel, where
// they are kept, and what they are worth.
package trust

import (
	"fmt"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// MaxReplicas bounds the policy: beyond it more agreement proves nothing more.
const MaxReplicas = 16

// Evidence is one volunteer's claim about a shard. Risk and Alone are noted
// when its lease is handed out and never computed again: a shard is judged by
// what was believed then.
type Evidence struct {
	Volunteer volunteer.ID
	Result    job.Hash // of its encoded outputs
	Risk      float64  // of the claim being wrong, for all that was known
	Alone     bool     // the device is believed without a second one
	Refuted   bool     // proved wrong since: it counts neither for nor against anything
}

// Facts are what is known of one shard.
type Facts struct {
	Evidence []Evidence // in the order of its arrival, at most one piece per volunteer
	Truth    *job.Hash  // an auditor's answer
	Draws    Draws
	Lonely   bool // nobody is here who could vouch for, or against, what there is
}

// Draws are the lots that a shard has drawn.
type Draws struct {
	Check bool // another volunteer checks what one alone is believed
	Audit bool // an auditor does
	Pairs bool // an auditor does where volunteers agree
}

// Standing is what became of one piece of evidence.
type Standing int

// The standings of evidence. Confirmed and Refuted are final, unless the shard
// itself is withdrawn.
const (
	Pending   Standing = iota // more evidence is needed
	Confirmed                 // it agrees with the accepted result
	Refuted                   // it does not
)

// Verdict is what the facts about one shard prove so far.
type Verdict struct {
	Accepted  bool
	Result    job.Hash   // the accepted result, when Accepted
	Risk      float64    // of its being wrong; 1 where the policy does not say
	Standings []Standing // one for each piece of evidence, in its order
	// Wanted is how many replicas, evidence included, it takes at least to
	// reach acceptance: what is to be leased in all.
	Wanted int
	// Conflict: at least two results differ and none is refuted yet. A dispute
	// or an audit can tell which is wrong.
	Conflict bool
	Audit    Call
}

// Call says whether an auditor is called.
type Call int

// The calls.
const (
	NoAudit  Call = iota
	MayAudit      // an audit would settle the shard, and so would more replicas
	MustAudit
)

// Policy judges one shard.
type Policy interface{ Judge(f Facts) Verdict }

// Replicas accepts a result once this many volunteers returned it. Every
// mismatch asks for further replicas, just enough that the best supported
// result could still win. The first result to gather enough support wins, and
// evidence for any other is refuted. It weighs nobody, so it knows no risk.
type Replicas int

// NewReplicas returns the policy for `replicas: n` in a job file; 0 means 1.
func NewReplicas(n int) (Replicas, error) {
	if n == 0 {
		n = 1
	}
	if n < 1 || n > MaxReplicas {
		return 0, fmt.Errorf("trust.replicas: %d, want 1 to %d", n, MaxReplicas)
	}
	return Replicas(n), nil
}

// Judge implements Policy.
func (n Replicas) Judge(f Facts) Verdict {
	if f.Truth != nil {
		return known(f, *f.Truth)
	}
	v := Verdict{Standings: standings(f), Risk: 1}
	support := map[job.Hash]int{}
	best := 0
	for _, e := range f.Evidence {
		if e.Refuted {
			continue
		}
		support[e.Result]++
		best = max(best, support[e.Result])
		if best >= int(n) {
			return accepted(f, e.Result, 1)
		}
	}
	v.Conflict = len(support) > 1
	v.Wanted = len(f.Evidence) + int(n) - best
	return v
}

// known is the verdict once an auditor has answered.
func known(f Facts, truth job.Hash) Verdict {
	v := accepted(f, truth, AuditorRisk)
	for i, e := range f.Evidence {
		if e.Result == truth {
			v.Standings[i] = Confirmed
		}
	}
	return v
}

// accepted is the verdict that accepts a result: who claims another is refuted.
func accepted(f Facts, result job.Hash, risk float64) Verdict {
	v := Verdict{Accepted: true, Result: result, Risk: risk, Standings: standings(f), Wanted: len(f.Evidence)}
	for i, e := range f.Evidence {
		if e.Result != result {
			v.Standings[i] = Refuted
		} else if !e.Refuted {
			v.Standings[i] = Confirmed
		}
	}
	return v
}

// standings are those of a shard that is not settled.
func standings(f Facts) []Standing {
	list := make([]Standing, len(f.Evidence))
	for i, e := range f.Evidence {
		if e.Refuted {
			list[i] = Refuted
		}
	}
	return list
}

// MarksToExclude is how many marks end a device's leases. Arithmetic is exact,
// so an honest device is never wrong: one proven mistake is a broken or a
// lying device.
const MarksToExclude = 1

// Excluded reports whether a device with this many marks gets no more leases.
func Excluded(marks int) bool { return marks >= MarksToExclude }
