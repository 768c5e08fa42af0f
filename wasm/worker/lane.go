package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

const maxOutputs = protocol.MaxFrame - 4<<10 // bytes of outputs that fit a Result

// computer is what a lane computes with: a device that runs programs, or a
// sandbox that runs modules.
type computer interface {
	// prepare checks everything that s claims, and brings here what it needs,
	// before any of it runs. It is called on fetch's goroutine; all else is
	// called on compute's.
	prepare(ctx context.Context, s job.Shard) (work, error)
	// reopen goes on after what computes was lost for cause.
	reopen(ctx context.Context, cause error) error
	// shrink makes room where there is none: less is kept from now on.
	shrink()
	// empty drops everything that is kept.
	empty()
}

// work computes a prepared shard, and says how many operations it took.
type work func(ctx context.Context) (outputs [][]byte, ops int64, err error)

// lane is one computer and its two goroutines.
type lane struct {
	index    int
	caps     device.Caps
	computer computer
	yield    func()
	queue    chan *attempt // Run -> fetch
	ready    chan prepared // fetch -> compute; unbuffered: one is prepared while one is computed
	reports  chan<- report
	quit     <-chan struct{} // nobody listens to reports any more

	reopened time.Time // owned by compute: when the device was last replaced

	// Owned by Run:
	held      int       // attempts in hand
	wanted    int       // leases asked for and not received yet
	failures  int       // in a row
	restUntil time.Time // asks for nothing before, after too many failures
	away      bool      // its device is lost and not replaced yet, or not any more
	dropped   bool
}

func newLane(index int, caps device.Caps, c computer, w *Worker) *lane {
	return &lane{
		index:    index,
		caps:     caps,
		computer: c,
		yield:    w.cfg.Yield,
		queue:    make(chan *attempt, maxInHand),
		ready:    make(chan prepared),
		reports:  w.reports,
		quit:     w.quit,
	}
}

func (l *lane) report(r report) {
	select {
	case l.reports <- r:
	case <-l.quit:
	}
}

// fetch prepares attempts in the order of their leases.
func (l *lane) fetch() {
	defer close(l.ready)
	for a := range l.queue {
		p, err := l.prepare(a)
		if err != nil {
			l.report(report{attempt: a, err: err})
			continue
		}
		select {
		case l.ready <- p:
		case <-a.ctx.Done():
			l.report(report{attempt: a, err: a.ctx.Err()})
		}
	}
}

func (l *lane) prepare(a *attempt) (prepared, error) {
	if time.Now().After(a.deadline) {
		return prepared{}, fmt.Errorf("worker: the lease had expired before its turn came")
	}
	shard, err := job.DecodeShard(a.lease.Payload)
	if err != nil {
		return prepared{}, err
	}
	if a.replay != nil {
		c, ok := l.computer.(replayer)
		if !ok {
			return prepared{}, fmt.Errorf("worker: %s leaves no traces", l.caps.Lane)
		}
		work, err := c.replay(a.ctx, shard, a.replay)
		return prepared{attempt: a, work: work}, err
	}
	work, err := l.computer.prepare(a.ctx, shard)
	return prepared{attempt: a, work: work}, err
}

// compute runs what has been prepared, one after the other, until ctx ends or
// its device is gone for good; then it refuses the rest.
func (l *lane) compute(ctx context.Context) {
	defer l.computer.empty()
	for p := range l.ready {
		l.yield()
		l.report(report{attempt: p.attempt, started: true})
		r := run(p)
		l.report(r)
		switch {
		case errors.Is(r.err, device.ErrLost):
			if err := l.replace(ctx, r.err); err != nil {
				l.report(report{lane: l, turn: Dropped, err: err})
				l.refuse(err)
				return
			}
		case errors.Is(r.err, device.ErrMemory):
			l.computer.shrink()
		}
	}
}

func run(p prepared) report {
	r := report{attempt: p.attempt}
	if r.err = p.attempt.ctx.Err(); r.err != nil {
		return r
	}
	start := time.Now()
	outputs, ops, err := p.work(p.attempt.ctx)
	r.took = time.Since(start)
	if err != nil {
		r.err = err
		return r
	}
	r.ops = ops
	r.outputs = job.EncodeOutputs(outputs)
	r.sum = sha256.Sum256(r.outputs)
	return r
}

func (l *lane) refuse(err error) {
	for p := range l.ready {
		l.report(report{attempt: p.attempt, err: err})
	}
}

// replace opens the lane again after its device was lost, but not twice in
// quick succession: a driver that fails at once fails again.
func (l *lane) replace(ctx context.Context, cause error) error {
	l.report(report{lane: l, turn: Lost, err: cause})
	l.computer.empty()
	if !l.reopened.IsZero() && time.Since(l.reopened) < steadyTime {
		return fmt.Errorf("worker: lost again soon after it was reopened: %w", cause)
	}
	if err := l.computer.reopen(ctx, cause); err != nil {
		return err
	}
	l.reopened = time.Now()
	l.report(report{lane: l, turn: Reopened})
	return nil
}
