package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Program is what the engine must know of a program. It is recomputed from
// the program's bytes, never believed.
type Program struct {
	Outputs   []int // bytes of each output; not of a task
	Ops       int64 // of one execution; of one input, at most, for a task
	PeakBytes int64

	// Check says why outputs of these sizes cannot be the program's; nil: any
	// bytes may be.
	Check func(outputs [][]byte) error

	// Task is set when the program runs a module: then there is an outcome for
	// every input, and the fuel used is what it costs.
	Task *job.Task
}

// Ending is a job as it is about to end.
type Ending struct {
	Job       Job // State, Reason and Finished are the end's
	Artifacts []Artifact
	Trust     *TrustView
}

// Config is what an Engine is made of. Every field is required, unless said
// otherwise.
type Config struct {
	Store   Store
	Blobs   *blobs.Store
	Signer  *lease.Signer
	Kinds   []job.Kind
	Device  device.Device // folds rounds
	Data    func(ctx context.Context, name string) ([]byte, error)
	Parse   func(file []byte) (*job.Spec, error)
	Inspect func(program []byte) (Program, error)

	// Execute runs a shard here, on devices the operator trusts: an audit. It
	// is called by one goroutine at a time. Nil: this hub cannot audit, and
	// jobs that may need it are refused.
	Execute func(ctx context.Context, s job.Shard, blobs job.Blobs) ([][]byte, error)
	// Confirm runs a shard on another engine than Execute's, where the two may
	// differ by a fault of an engine, or returns nil. It decides. May be nil.
	Confirm func(ctx context.Context, s job.Shard, blobs job.Blobs) ([][]byte, error)
	// Certified volunteers are believed like the hub itself.
	Certified map[volunteer.ID]bool
	// Related reports whether two devices may err or lie together; neither then
	// vouches for the other. trust.Related, but for tests.
	Related func(a, b trust.Identity) bool
	Secret  []byte // lots are drawn with it: nobody may foresee them
	Retain  int64  // bytes of each job's shard inputs kept for audits
	// Mend is how long after its end a job is reopened when somebody whose word it
	// rests on is proved wrong; 0: never.
	Mend time.Duration

	// Seal is told of a job's end before the store is: it writes the signed
	// log of receipts. An error is the hub's, not the job's. May be nil.
	Seal func(ctx context.Context, e Ending) error

	Scheduler       scheduler.Config
	CheckpointEvery int // rounds
	MaxRunning      int // jobs that run at the same time; the others are queued
	MaxLeases       int // leases one device may have at the same time

	Log  *slog.Logger
	Now  func() time.Time
	Rand io.Reader // job IDs and lease nonces
}

// Engine drives jobs. Make one with Open, then call Run once.
type Engine struct {
	config Config
	kinds  map[string]job.Kind
	log    *slog.Logger
	events *broker
	specs  sync.Map // parsed job files by job, *job.Spec

	accounts sync.Map // of ended jobs, Account

	kick chan struct{} // cap 1: something changed, plan again
	wake chan struct{} // cap 1: a job was queued or has ended
	fold chan struct{} // cap 1: one fold at a time; waiting drivers are served in order
	exec chan struct{} // cap 1: one audit at a time
	mend chan struct{} // cap 1: ended jobs may have to be reopened

	hearings hearings
	books    sync.Mutex // held while credit is taken back

	mu      sync.Mutex
	broken  error     // the first failure to write: the hub must stop
	stopped bool      // Run has ended or is ending
	active  []*jobRun // queued and running, oldest first
	members []*Member // connected, in order of arrival
	repute  *reputation.Book
	audits  int                   // waiting or under way
	absent  map[volunteer.ID]bool // who has stayed away from a dispute since the hub started

	// See mend.go.
	captures int                // marks since the hub started
	shelf    map[string]*jobRun // jobs that are done and may be reopened
	lately   []volunteer.ID     // who was caught, where the shelf has not been looked at since
	unsure   []string           // jobs that ended just when somebody was caught
}

// Open loads what the store holds: it holds the blobs of every job and sweeps
// all others.
func Open(ctx context.Context, c Config) (*Engine, error) {
	e := &Engine{
		config: c,
		kinds:  map[string]job.Kind{},
		log:    c.Log,
		events: newBroker(),
		kick:   make(chan struct{}, 1),
		wake:   make(chan struct{}, 1),
		fold:   make(chan struct{}, 1),
		exec:   make(chan struct{}, 1),
		mend:   make(chan struct{}, 1),
		absent: map[volunteer.ID]bool{},
		shelf:  map[string]*jobRun{},
	}
	for _, k := range c.Kinds {
		e.kinds[k.Name()] = k
	}
	pins, err := c.Store.Pins(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range pins {
		c.Blobs.Hold(h)
	}
	if e.repute, err = loadReputation(ctx, c.Store); err != nil {
		return nil, err
	}
	jobs, err := c.Store.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, record := range jobs {
		j := e.newJobRun(record)
		if err := e.holdStored(ctx, j); err != nil {
			return nil, fmt.Errorf("engine: job %s: %w", record.ID, err)
		}
		if !record.State.Ended() {
			e.active = append(e.active, j)
		}
	}
	e.recall()
	swept, err := c.Blobs.Sweep()
	if err != nil {
		return nil, err
	}
	e.log.Info("engine opened", "jobs", len(jobs), "unfinished", len(e.active), "swept_blobs", swept)
	return e, nil
}

// Run drives jobs until ctx ends, then returns nil; or until the store fails,
// then returns why. Everything it started has ended when it returns.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { e.plan(ctx) })
	running.Go(func() { e.mendJobs(ctx) })
	for {
		if !e.startJobs(ctx, &running) {
			break
		}
		select {
		case <-e.wake:
			continue
		case <-ctx.Done():
		}
		break
	}
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	cancel()
	running.Wait()
	e.events.close()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.broken
}

// startJobs starts the oldest queued jobs while there is room. It returns
// false when the engine is broken.
func (e *Engine) startJobs(ctx context.Context, running *sync.WaitGroup) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return false
	}
	room := e.config.MaxRunning
	for _, j := range e.active {
		if j.started {
			room--
		}
	}
	for _, j := range e.active {
		if room <= 0 || ctx.Err() != nil {
			break
		}
		if j.started {
			continue
		}
		room--
		j.started = true
		jobCtx, cancel := context.WithCancelCause(ctx)
		j.cancel = cancel
		if j.cancelled != nil {
			cancel(j.cancelled)
		}
		running.Go(func() {
			defer cancel(nil)
			e.drive(jobCtx, j)
		})
	}
	return true
}

// retire takes an ended job off the list and lets the next one start.
func (e *Engine) retire(j *jobRun) {
	e.accounts.Delete(j.record.ID) // another end may have been summed up before
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active = slices.DeleteFunc(e.active, func(other *jobRun) bool { return other == j })
	e.shelve(j)
	signal(e.wake)
}

// fail records that the store or the disk no longer takes writes. Going on
// would mean acknowledging what is not durable.
func (e *Engine) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken == nil {
		e.broken = err
		signal(e.wake)
	}
}

// Ready reports why the engine does not work, or nil.
func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.broken != nil:
		return errors.New("engine: storage failed")
	case e.stopped:
		return ErrStopping
	}
	return nil
}

// signal wakes the receiver of a channel of capacity 1, if it is not about to
// wake anyway.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// job returns an unfinished job. The caller holds mu.
func (e *Engine) job(id string) *jobRun {
	for _, j := range e.active {
		if j.record.ID == id {
			return j
		}
	}
	return nil
}

// connected calls f for every connection of v. The caller holds mu.
func (e *Engine) connected(v volunteer.ID, f func(*Member)) {
	for _, m := range e.members {
		if m.id == v {
			f(m)
		}
	}
}
