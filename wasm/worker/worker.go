package worker

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

const (
	handshakeTime = 30 * time.Second // for the hub to answer hello and consent
	flushTime     = 2 * time.Second  // for the goodbye to leave
	finishTime    = 30 * time.Second // for verdicts to arrive once the last shard is computed
	tickTime      = 10 * time.Second // between looks at what has waited too long
	graceTime     = 10 * time.Minute // a result may wait beyond its lease's deadline
	renewTime     = time.Minute      // before the hub takes the consent for expired
	restTime      = 30 * time.Second // for a device that failed maxFailures times in a row
	steadyTime    = time.Hour        // a device that was reopened must last, to be reopened again
	maxFailures   = 3
	maxPending    = 4096 // results whose second verdict is awaited by name
	maxQueue      = 4096 // messages that wait for the hub to take them
)

// Worker is one volunteer. New makes it, Run lives its life; the other
// methods may be called from any goroutine, before, during and after Run.
type Worker struct {
	cfg Config
	id  [32]byte

	wishes sync.Mutex // guards wish
	wish   State
	poke   chan struct{} // holds one: wish may have changed

	snapshot sync.Mutex // guards stats
	stats    Stats

	// Shared with the lanes:
	blobs   *blobs
	asked   chan *question // nil unless blobs come over the connection
	reports chan report
	quit    chan struct{}

	// Owned by Run:
	lanes       []*lane
	unfit       []protocol.Lane          // of this machine: Config.Unfit, and what has been dropped
	attempts    map[string]*attempt      // by token
	pending     map[string]Event         // by token: results with one verdict that another is to follow
	questions   map[job.Hash][]*question // for blobs, that the hub has not answered
	replays     map[[32]byte]*replay     // disputes about results of ours, by case
	state       State
	link        *link         // nil while there is no connection
	redial      bool          // there is none, and nobody is dialling
	failures    int           // tries to reach the hub since it last consented
	lastFailure error         // of the newest of them
	ahead       time.Duration // hub's clock minus ours
	lastWait    bool          // finishing, with nothing left to compute
	ending      bool          // the loop is in its last round
	err         error         // why
}

// New checks cfg and returns a worker that has not started.
func New(cfg Config) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	w := &Worker{
		cfg:       cfg,
		id:        [32]byte(cfg.Key.Public().(ed25519.PublicKey)),
		wish:      StateRunning,
		poke:      make(chan struct{}, 1),
		reports:   make(chan report),
		quit:      make(chan struct{}),
		attempts:  map[string]*attempt{},
		pending:   map[string]Event{},
		questions: map[job.Hash][]*question{},
		replays:   map[[32]byte]*replay{},
	}
	for _, u := range cfg.Unfit {
		w.unfit = append(w.unfit, protocol.Lane{Lane: protocol.Clip(u.Lane), Detail: protocol.Clip(u.Detail), Reason: protocol.Clip(u.Reason)})
	}
	if cfg.StartPaused {
		w.wish = StatePaused
	}
	w.state = w.wish
	source := cfg.Blobs
	if source == nil {
		over := newOverConn()
		source, w.asked = over, over.asked
	}
	w.blobs = newBlobs(source, cfg.CacheBytes, cfg.Backoff)
	w.stats = Stats{Volunteer: hexID(w.id), State: w.state}
	for i, dev := range cfg.Devices {
		w.add(dev.Caps(), newPrograms(i, dev, w))
	}
	if cfg.Sandbox != nil {
		t := newTasks(cfg.Sandbox, w)
		w.add(t.caps(), t)
	}
	return w, nil
}

func (w *Worker) add(caps device.Caps, c computer) {
	w.lanes = append(w.lanes, newLane(len(w.lanes), caps, c, w))
	w.stats.Devices = append(w.stats.Devices, DeviceStats{Lane: caps.Lane, Detail: caps.Detail, Threads: caps.Threads})
}

// ID returns the volunteer's public key.
func (w *Worker) ID() [32]byte { return w.id }

// Start asks for leases again after Pause.
func (w *Worker) Start() { w.tell(StateRunning) }

// Pause stops computing as soon as the device lets go and hands back what is
// not computed. The connection and sealed results stay.
func (w *Worker) Pause() { w.tell(StatePaused) }

// Finish computes and delivers the shards that have been begun, hands the
// others back and ends Run.
func (w *Worker) Finish() { w.tell(StateFinishing) }

// Stop says goodbye, which hands everything back, and ends Run.
func (w *Worker) Stop() { w.tell(StateStopped) }

// tell leaves a wish for Run. Only the newest counts, but nothing undoes a
// stop.
func (w *Worker) tell(s State) {
	w.wishes.Lock()
	if w.wish != StateStopped {
		w.wish = s
	}
	w.wishes.Unlock()
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// Stats returns a snapshot.
func (w *Worker) Stats() Stats {
	w.snapshot.Lock()
	defer w.snapshot.Unlock()
	s := w.stats
	s.Devices = append([]DeviceStats(nil), s.Devices...)
	return s
}

func (w *Worker) update(f func(s *Stats)) {
	w.snapshot.Lock()
	defer w.snapshot.Unlock()
	f(&w.stats)
}

// local turns a time by the hub's clock, which the handshake compared with
// ours, into one by ours.
func (w *Worker) local(hub time.Time) time.Time { return hub.Add(-w.ahead) }

// Run volunteers until Stop or Finish, which make it return nil, until ctx
// ends, which makes it say goodbye and return ctx's error, or until going on
// makes no sense: the error then wraps ErrUnreachable, ErrConsent, ErrRefused
// or ErrNoDevice, or is that of Config.Conn. Run is called once.
func (w *Worker) Run(ctx context.Context) error {
	var lanes sync.WaitGroup
	lctx, stopLanes := context.WithCancel(ctx)
	defer stopLanes()
	for _, l := range w.lanes {
		lanes.Go(l.fetch)
		lanes.Go(func() { l.compute(lctx) })
	}
	err := w.loop(ctx)
	stopLanes()
	for _, a := range w.attempts {
		a.cancel()
	}
	w.forgetReplays("", func(*replay) bool { return true })
	close(w.quit)
	for _, l := range w.lanes {
		close(l.queue)
	}
	lanes.Wait()
	w.update(func(s *Stats) { s.State, s.Connected = StateStopped, false })
	w.cfg.Events(Event{Kind: Stopped, Reason: reason(err)})
	return err
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// dialled is what became of a dial.
type dialled struct {
	conn protocol.Conn
	err  error
}
