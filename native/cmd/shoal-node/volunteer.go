package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
	"github.com/shoal-compute/shoal/webgpu/device/paced"
)

// volunteer computes on the lanes that were picked and, when all of them are
// gone, on the spare ones, under the same identity.
type volunteer struct {
	config    worker.Config // of every worker, but for its devices
	prober    prober
	share     int
	processor *paced.Pace // see pace
	log       *slog.Logger

	mu     sync.Mutex // guards what follows
	worker *worker.Worker
	wish   worker.State
	closes []func() error // of the devices that are open
	unfit  []protocol.Lane
}

// Start, Pause and Finish tell the worker there is, and the next one.
func (v *volunteer) Start()  { v.tell(worker.StateRunning) }
func (v *volunteer) Pause()  { v.tell(worker.StatePaused) }
func (v *volunteer) Finish() { v.tell(worker.StateFinishing) }

func (v *volunteer) tell(s worker.State) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wish = s
	if v.worker != nil {
		obey(v.worker, s)
	}
}

func obey(w *worker.Worker, s worker.State) {
	switch s {
	case worker.StateRunning:
		w.Start()
	case worker.StatePaused:
		w.Pause()
	case worker.StateFinishing:
		w.Finish()
	}
}

// Stats are those of the newest worker.
func (v *volunteer) Stats() worker.Stats {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.worker == nil {
		return worker.Stats{State: worker.StateStopped}
	}
	return v.worker.Stats()
}

// run computes until ctx ends, a finish is asked for, or nothing is left to
// compute with. verdicts say which lanes to begin with.
func (v *volunteer) run(ctx context.Context, verdicts []choose.Verdict) error {
	for {
		err := v.work(ctx, verdicts)
		if !errors.Is(err, worker.ErrNoDevice) {
			return err
		}
		verdicts = slices.DeleteFunc(verdicts, func(d choose.Verdict) bool { return d.Chosen || !d.Fit })
		if !rule(nil).Pick(verdicts) && v.config.Sandbox == nil {
			return err
		}
		v.log.Warn("going on with what is left", "devices", chosen(verdicts), "sandbox", v.config.Sandbox != nil, "err", err)
	}
}

// chosen names the lanes that are.
func chosen(verdicts []choose.Verdict) []string {
	var names []string
	for _, d := range verdicts {
		if d.Chosen {
			names = append(names, d.Lane)
		}
	}
	return names
}

// work is the life of one worker.
func (v *volunteer) work(ctx context.Context, verdicts []choose.Verdict) (err error) {
	defer func() { err = errors.Join(err, v.closeDevices()) }()
	conf := v.config
	var open []lane
	var failed error
	for _, d := range verdicts {
		l, known := findLane(d.Lane)
		if !d.Chosen || !known {
			continue
		}
		dev, err := v.open(ctx, l)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("device %s: %w", l.name, err))
			v.note(protocol.Lane{Lane: d.Lane, Detail: d.Detail, Reason: err.Error()})
			continue
		}
		open, conf.Devices = append(open, l), append(conf.Devices, dev)
	}
	if len(open) == 0 && (conf.Sandbox == nil || failed != nil) {
		return errors.Join(worker.ErrNoDevice, failed)
	}
	conf.Unfit = v.failed()
	conf.Reopen = func(ctx context.Context, i int, _ error) (device.Device, error) { return v.reopen(ctx, open[i]) }
	events := conf.Events
	var w *worker.Worker
	conf.Events = func(e worker.Event) {
		if e.Kind == worker.Dropped {
			d := w.Stats().Devices[e.Device]
			v.note(protocol.Lane{Lane: d.Lane, Detail: d.Detail, Reason: e.Reason})
		}
		events(e)
	}
	if w, err = worker.New(conf); err != nil {
		return err
	}
	v.mu.Lock()
	v.worker = w
	if v.wish != "" {
		obey(w, v.wish)
	}
	v.mu.Unlock()
	return w.Run(ctx)
}

func (v *volunteer) open(ctx context.Context, l lane) (device.Device, error) {
	dev, err := l.open(ctx, v.prober.settings())
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closes = append(v.closes, dev.Close)
	if p := v.pace(l.processor); p != nil {
		return paced.New(dev, p), nil
	}
	return dev, nil
}

// pace is what a lane computes at; nil: as it likes. Where not all processors
// may be used, their lanes take turns: together they would use more.
func (v *volunteer) pace(processor bool) *paced.Pace {
	switch {
	case processor && v.prober.threads > 0:
		return v.processor
	case v.share < 100:
		return paced.NewPace(v.share)
	}
	return nil
}

func (v *volunteer) closeDevices() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var err error
	for _, c := range v.closes {
		err = errors.Join(err, c())
	}
	v.closes = nil
	return err
}

// A driver that was reset takes a moment to come back.
const (
	reopenTries = 3
	reopenPause = 2 * time.Second
)

// reopen opens a lane whose device was lost. It must pass the test again: the
// reset may have been the driver's own fault.
func (v *volunteer) reopen(ctx context.Context, l lane) (device.Device, error) {
	again := v.prober
	again.again = true
	var failed string
	for n := range reopenTries {
		if n > 0 {
			select {
			case <-time.After(reopenPause):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		d := again.try(ctx, l)
		if d.Fit {
			return v.open(ctx, l)
		}
		failed = d.Error
	}
	return nil, errors.New(failed)
}

// note remembers a lane that failed, for the hub to know.
func (v *volunteer) note(l protocol.Lane) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unfit = append(v.unfit, l)
	v.unfit = v.unfit[max(len(v.unfit)-protocol.MaxUnfit, 0):]
}

func (v *volunteer) failed() []protocol.Lane {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.unfit)
}
