package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
)

// guestLimit is where the collector stops letting garbage lie. A guest's memory
// is a slice of the host's heap, and a new one whenever it grows: with the
// usual target of twice what lives, the old ones and what compiling the guest
// left behind would take as much again as the guest itself.
const guestLimit = 150 << 20

// errMeasured ends a run that has been measured.
var errMeasured = errors.New("measured")

// newBenchVolunteer is what `bench memory` runs as a process of its own: the
// WebAssembly volunteer under wazero and nothing else, until it is interrupted.
func newBenchVolunteer(s streams) *cobra.Command {
	return &cobra.Command{
		Use:    "volunteer HUB",
		Short:  "Volunteer under wazero until interrupted",
		Hidden: true,
		Args:   exactly(1, "the address of a hub"),
		RunE: func(c *cobra.Command, args []string) error {
			debug.SetMemoryLimit(guestLimit)
			v, err := wazeroVolunteer(args[0], s.err)
			if err != nil {
				return err
			}
			if err := v.run(c.Context()); c.Context().Err() == nil {
				return err
			}
			return nil
		},
	}
}

// wazeroMemory returns the memory of a wazero volunteer that has trained so
// many steps alone.
func wazeroMemory(ctx context.Context, s streams, h *hubProcess, steps int) (_ memory, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	p, err := startProcess("wazero", nil, stop, "bench", "volunteer", h.url)
	if err != nil {
		return memory{}, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	if err := trainOn(ctx, s, h, steps); err != nil {
		return memory{}, errors.Join(err, context.Cause(ctx))
	}
	return p.memory()
}

// tabMemory returns the most memory that a browser tab's renderer process had
// while it trained so many steps alone.
func tabMemory(ctx context.Context, s streams, h *hubProcess, steps int) (memory, error) {
	tab, stop, err := openBrowser(ctx, h.url)
	if err != nil {
		return memory{}, err
	}
	defer stop()
	if err := agree(tab); err != nil {
		return memory{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var training sync.WaitGroup
	defer func() {
		cancel()
		training.Wait()
	}()
	trained := make(chan error, 1)
	training.Go(func() { trained <- trainOn(ctx, s, h, steps) })
	return watchTab(ctx, tab, trained)
}

// watchTab reads the tab's memory again and again until trained says how that
// ended.
func watchTab(ctx, tab context.Context, trained <-chan error) (memory, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var most memory
	for {
		m, err := rendererMemory(tab)
		if err != nil {
			return memory{}, err
		}
		most.resident = max(most.resident, m.resident)
		most.peak = max(most.peak, m.peak)
		most.private = max(most.private, m.private)
		most.proportional = max(most.proportional, m.proportional)
		select {
		case <-tick.C:
		case err := <-trained:
			return most, err
		case <-ctx.Done():
			return memory{}, context.Cause(ctx)
		}
	}
}

// rendererMemory returns the memory of the tab's renderer process, which runs
// the page, its worker thread and the WebAssembly. A browser may keep a second
// renderer in reserve; the tab's is the greatest.
func rendererMemory(tab context.Context) (memory, error) {
	info, err := cdp.Call(tab, chromedp.FromContext(tab).Browser, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		return memory{}, err
	}
	var most memory
	for _, p := range info.ProcessInfo {
		if p.Type != "renderer" {
			continue
		}
		m, err := memoryOf(int(p.ID))
		if err != nil {
			continue // one in reserve may end at any time
		}
		if m.proportional > most.proportional {
			most = m
		}
	}
	if most.proportional == 0 {
		return memory{}, errors.New("the browser shows no renderer process")
	}
	return most, nil
}

// trainOn submits kjv-nano, waits until the hub's volunteers have trained so
// many steps of it, and ends it.
func trainOn(ctx context.Context, s streams, h *hubProcess, steps int) error {
	cl, err := client.New(h.url, h.key, nil)
	if err != nil {
		return err
	}
	if err := awaitVolunteers(ctx, s.err, cl, 1); err != nil {
		return err
	}
	file, err := kjvNano(ctx, cl, "train.steps=600", "trust.replicas=1")
	if err != nil {
		return err
	}
	id, err := cl.Submit(ctx, file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTime, func() { cancel(fmt.Errorf("no progress for %v", stallTime)) })
	defer stalled.Stop()
	report := progress(s.err)
	err = cl.Watch(ctx, id, func(e client.Event) error {
		stalled.Reset(stallTime)
		if e.Report != nil {
			report(*e.Report)
			if e.Report.Step >= steps {
				return errMeasured
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errMeasured):
		return nil
	case err == nil:
		return fmt.Errorf("job %s has ended before step %d", id, steps)
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	}
	return err
}
