package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	sandboxpaced "github.com/shoal-compute/shoal/wasm/sandbox/paced"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/paced"
)

// life is one volunteer from start to stop: it picks lanes, lets a worker use
// them and, when that has none left, goes on with the next ones under the same
// identity. It has one goroutine, run.
type life struct {
	b         *bridge
	order     *order
	cancel    context.CancelFunc
	ended     chan error   // holds one: what run returned
	processor *paced.Pace  // of all lanes that the processor computes
	sandbox   sandbox.Host // nil: modules are not run

	mu      sync.Mutex // guards what follows
	worker  *worker.Worker
	wish    worker.State
	devices []device.Device // open, those that replaced lost ones included
	unfit   []protocol.Lane // that failed, for the hub to know; the newest
}

// begin starts a life.
func begin(ctx context.Context, b *bridge, o *order) *life {
	ctx, cancel := context.WithCancel(ctx)
	l := &life{
		b: b, order: o, cancel: cancel, ended: make(chan error, 1), wish: worker.StateRunning,
		processor: paced.NewPace(o.share),
	}
	go func() {
		defer cancel()
		err := l.run(ctx)
		if errors.Is(err, context.Canceled) {
			err = nil // stopped before there was a worker
		}
		l.ended <- err
	}()
	return l
}

// tell passes on what the page wishes. Before there is a worker a pause is
// kept for it, and there is nothing to finish.
func (l *life) tell(s worker.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wish = s
	w := l.worker
	switch {
	case w == nil && (s == worker.StateStopped || s == worker.StateFinishing):
		l.cancel()
	case w == nil:
	case s == worker.StateRunning:
		w.Start()
	case s == worker.StatePaused:
		w.Pause()
	case s == worker.StateFinishing:
		w.Finish()
	case s == worker.StateStopped:
		w.Stop()
	}
}

func (l *life) current() *worker.Worker {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worker
}

// run volunteers with one pick of lanes after the other until the page has
// enough, or nothing is left to compute with.
func (l *life) run(ctx context.Context) error {
	l.openSandbox()
	defer l.closeSandbox()
	spare := l.b.wanted(l.order)
	for {
		picked, rest, err := l.pick(ctx, spare)
		if err != nil {
			return err
		}
		err = l.work(ctx, picked)
		l.closeDevices()
		if !errors.Is(err, worker.ErrNoDevice) || len(rest) == 0 && l.sandbox == nil {
			return err
		}
		spare = rest
	}
}

// work is the life of one worker.
func (l *life) work(ctx context.Context, lanes []*Lane) error {
	o, b := l.order, l.b
	memory := cmp.Or(o.settings.Memory, defaultMemory)
	l.mu.Lock()
	devices := slices.Clone(l.devices)
	l.mu.Unlock()
	for i := range devices {
		devices[i] = l.pace(lanes[i], devices[i])
	}
	var w *worker.Worker
	w, err := worker.New(worker.Config{
		Dial:         func(ctx context.Context) (protocol.Conn, error) { return Dial(ctx, o.hub) },
		Devices:      devices,
		Sandbox:      l.sandbox,
		Reopen:       func(ctx context.Context, i int, _ error) (device.Device, error) { return l.reopen(ctx, lanes[i]) },
		Unfit:        l.failed(),
		Blobs:        Blobs{Hub: o.hub, Max: memory},
		Key:          o.key,
		Consent:      o.consent,
		Agent:        b.opts.Agent,
		Events:       func(e worker.Event) { l.event(w, e) },
		Yield:        b.yielder.Yield,
		InHand:       o.inHand,
		MaxMemory:    memory,
		CacheBytes:   memory / 16,
		WaitingBytes: memory / 4,
	})
	if err != nil {
		return err
	}
	l.employ(w)
	defer l.employ(nil)
	b.state(w)
	return w.Run(ctx)
}

// defaultMemory is what one program may need where the page does not say.
const defaultMemory = 256 << 20

// employ makes w the worker that the page speaks to.
func (l *life) employ(w *worker.Worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.worker = w
	if w != nil && l.wish == worker.StatePaused {
		w.Pause()
	}
}

// note remembers a lane that failed.
func (l *life) note(lane protocol.Lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unfit = append(l.unfit, lane)
	l.unfit = l.unfit[max(len(l.unfit)-protocol.MaxUnfit, 0):]
}

func (l *life) failed() []protocol.Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.unfit)
}

func (l *life) event(w *worker.Worker, e worker.Event) {
	if e.Kind == worker.Dropped {
		d := w.Stats().Devices[e.Device]
		l.note(protocol.Lane{Lane: d.Lane, Detail: d.Detail, Reason: e.Reason})
	}
	l.b.event(w, e)
}

// pace keeps a lane to its share. What the processor computes takes turns, also
// where all of the time was agreed to: it was one core's.
func (l *life) pace(lane *Lane, d device.Device) device.Device {
	switch {
	case lane.Group == GroupProcessor:
		return paced.New(d, l.processor)
	case l.order.share < 100:
		return paced.New(d, paced.NewPace(l.order.share))
	}
	return d
}

// openSandbox opens what runs people's modules, if the person agreed to that.
func (l *life) openSandbox() {
	if !l.order.sandbox || l.b.opts.Sandbox == nil {
		return
	}
	host, err := l.b.opts.Sandbox()
	if err != nil {
		l.note(protocol.Lane{Lane: worker.LaneSandbox, Detail: Name(), Reason: err.Error()})
		return
	}
	l.sandbox = sandboxpaced.New(host, l.processor)
}

func (l *life) closeSandbox() {
	if l.sandbox != nil {
		l.sandbox.Close()
	}
}

// A browser whose GPU process has died takes a moment to start another.
const (
	reopenTries = 4
	reopenPause = time.Second
)

// reopen opens a lane whose device was lost. It must pass the test again: the
// reset may have been the driver's fault.
func (l *life) reopen(ctx context.Context, lane *Lane) (device.Device, error) {
	var last error
	for n := range reopenTries {
		if n > 0 {
			if err := pause(ctx, reopenPause); err != nil {
				return nil, err
			}
		}
		dev, v := l.try(ctx, lane, false)
		if dev != nil {
			l.keepOpen(dev)
			return l.pace(lane, dev), nil
		}
		last = fmt.Errorf("browser: %s", v.Error)
	}
	return nil, last
}

func (l *life) keepOpen(d device.Device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices = append(l.devices, d)
}

func (l *life) closeDevices() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.devices {
		d.Close()
	}
	l.devices = nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
