package worker

import (
	"context"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// phase is where an attempt stands; doc.go has the diagram.
type phase int

const (
	fetching phase = iota
	computing
	sealed
	delivered
)

// attempt is one lease in this worker's hands. Run's goroutine owns it; the
// lane that works on it only reads lease and ctx.
type attempt struct {
	lease    protocol.Lease
	lane     *lane
	ctx      context.Context // ends when the attempt is not wanted any more
	cancel   context.CancelFunc
	deadline time.Time // by our clock
	phase    phase
	retry    bool    // the hub could not take it just now
	replay   *replay // set where this is no lease but a question about one

	// Once computed:
	outputs []byte // job.EncodeOutputs
	sum     [32]byte
	took    time.Duration
}

func (a *attempt) event(k Kind) Event {
	return Event{Kind: k, Job: a.lease.Job, Shard: a.lease.Shard, Device: a.lane.index}
}

// inHand reports whether the attempt still occupies its device.
func (a *attempt) inHand() bool { return a.phase <= computing }

// prepared is an attempt whose shard has been checked and whose bytes are
// here.
type prepared struct {
	attempt *attempt
	work    work
}

// report is what a lane tells Run: about an attempt, or, where that is nil,
// about its device.
type report struct {
	attempt *attempt
	started bool  // computing begins; no other field is set
	err     error // why it could not be computed; why the device is lost or dropped
	outputs []byte
	sum     [32]byte
	took    time.Duration
	ops     int64

	lane *lane // whose device it is
	turn Kind  // Lost, Reopened or Dropped
}
