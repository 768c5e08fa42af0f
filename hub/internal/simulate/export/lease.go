package export

import (
	"encoding/binary"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// Lease is what a result's token says of when it was handed out.
type Lease struct {
	Deadline time.Time // zero: not known
	Sealed   bool      // the result was sealed first, and waited for others
}

// A token begins with its version and whether the result is sealed; volunteer,
// nonce and shard follow, and then the deadline in milliseconds. Package
// receipt reads the same bytes and has no use for these two.
const deadlineAt = 2 + 32 + 16 + 8

// leaseOf reads a token; one that makes no sense says nothing.
func leaseOf(token []byte) Lease {
	if _, err := receipt.ParseToken(token); err != nil {
		return Lease{}
	}
	return Lease{
		Deadline: time.UnixMilli(int64(binary.BigEndian.Uint64(token[deadlineAt:]))),
		Sealed:   token[1] == 1,
	}
}

// compute is how long the run took: what is below a millisecond counts as half
// of one, and nobody has computed since before the job.
func (r Result) compute(created time.Time) time.Duration {
	most := max(r.At.Sub(created), 0)
	if r.Millis > uint64(most.Milliseconds()) {
		return most
	}
	return max(time.Duration(r.Millis)*time.Millisecond, time.Millisecond/2)
}

// granted is when the lease was handed out, as far as can be told. Most leases
// last the same time. Those of slow devices last longer, and are taken to have
// been handed out when computing began.
func (r Result) granted(created time.Time) (at time.Time, known bool) {
	latest := r.At.Add(-r.compute(created))
	if r.Lease.Deadline.IsZero() {
		return latest, false
	}
	at = r.Lease.Deadline.Add(-scheduler.Default().LeaseTime)
	if at.After(latest) || at.Before(created.Add(-time.Second)) {
		return latest, false
	}
	return at, true
}
