// Package trust decides what to believe: evidence in, verdict out.
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

// Evidence is one volunteer's claim about a shard.
type Evidence struct {
	Volunteer volunteer.ID
	Result    job.Hash // of its encoded outputs
}

// Standing is what became of one piece of evidence.
type Standing int

// The standings of evidence. Confirmed and Refuted are final.
const (
	Pending   Standing = iota // more evidence is needed
	Confirmed                 // it agrees with the accepted result
	Refuted                   // it does not
)

// Verdict is what the evidence on one shard proves so far.
type Verdict struct {
	Accepted  bool
	Result    job.Hash   // the accepted result, when Accepted
	Standings []Standing // one for each piece of evidence, in its order
	// Wanted is how many replicas, evidence included, it takes at least to
	// reach acceptance: what is to be leased in all.
	Wanted int
}

// Policy judges the evidence on one shard. Evidence is in the order of its
// arrival, at most one piece per volunteer, and only ever grows; a policy must
// not change its mind: once a prefix of the evidence is accepted, so is every
// longer one, with the same result.
type Policy interface {
	Judge(evidence []Evidence) Verdict
}

// Replicas accepts a result once this many volunteers returned it. Every
// mismatch asks for further replicas, just enough that the best supported
// result could still win. The first result to gather enough support wins, and
// evidence for any other is refuted.
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
func (n Replicas) Judge(evidence []Evidence) Verdict {
	v := Verdict{Standings: make([]Standing, len(evidence))}
	support := map[job.Hash]int{}
	best := 0
	for _, e := range evidence {
		support[e.Result]++
		best = max(best, support[e.Result])
		if best >= int(n) {
			v.Accepted, v.Result = true, e.Result
			break
		}
	}
	if !v.Accepted {
		v.Wanted = len(evidence) + int(n) - best
		return v
	}
	v.Wanted = len(evidence)
	for i, e := range evidence {
		v.Standings[i] = Refuted
		if e.Result == v.Result {
			v.Standings[i] = Confirmed
		}
	}
	return v
}

// MarksToExclude is how many marks end a device's leases. Arithmetic is exact,
// so an honest device is never wrong: one proven mistake is a broken or a
// lying device.
const MarksToExclude = 1

// Excluded reports whether a device with this many marks gets no more leases.
func Excluded(marks int) bool { return marks >= MarksToExclude }
