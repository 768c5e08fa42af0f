package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/native/dial"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/paced"
)

// node is `shoal-node run` with its flags.
type node struct {
	data    string
	hub     string
	device  string
	threads int
	share   int
	giveUp  int
	json    bool
	yes     bool
	verbose bool
}

func (n *node) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&n.hub, "hub", env("SHOAL_HUB", ""), "the hub's address, as in https://reef.example ($SHOAL_HUB)")
	f.StringVar(&n.device, "device", "auto", "what computes: auto, "+laneNames())
	f.IntVar(&n.threads, "threads", 0, "processors to use at most; 0: all")
	f.IntVar(&n.share, "share", 100, "percent of the time to compute at most")
	f.IntVar(&n.giveUp, "give-up", 0, "exit with code 3 after this many tries in a row to reach the hub; 0: keep trying")
	f.BoolVar(&n.json, "json", false, "print a summary as one JSON object at the end")
	f.BoolVar(&n.yes, "yes", false, "agree to what will run without being asked, for unattended use")
	f.BoolVarP(&n.verbose, "verbose", "v", false, "log every shard")
}

func (n *node) check() error {
	switch {
	case n.hub == "":
		return usagef("--hub: which hub? Give its address, as in --hub https://reef.example")
	case n.threads < 0:
		return usagef("--threads: must not be negative")
	case n.share < 1 || n.share > 100:
		return usagef("--share: must be between 1 and 100")
	case n.giveUp < 0:
		return usagef("--give-up: must not be negative")
	}
	return nil
}

// run volunteers until ctx ends or a finish is asked for.
func (n *node) run(ctx context.Context, s streams) error {
	if err := n.check(); err != nil {
		return err
	}
	hub, err := dial.New(n.hub, dial.Options{Agent: agent()})
	if err != nil {
		return usagef("--hub: %v", err)
	}
	defer hub.Close()
	dev, err := openDevice(n.device, n.threads)
	if err != nil {
		return err
	}
	if n.share < 100 {
		dev = paced.New(dev, n.share)
	}
	defer dev.Close()
	if err := os.MkdirAll(n.data, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	key, err := loadIdentity(n.data)
	if err != nil {
		return err
	}
	consent, err := n.consent(s, hub.URL(), dev.Caps())
	if err != nil {
		return err
	}

	watch := newWatch(s.err, n.logger(s.err))
	w, err := worker.New(worker.Config{
		Dial:    hub.Dial,
		Devices: []device.Device{dev},
		Blobs:   hub,
		Key:     key,
		Consent: consent,
		Agent:   agent(),
		Events:  watch.event,
		GiveUp:  n.giveUp,
	})
	if err != nil {
		return err
	}
	control, err := listen(n.data, w)
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return err
	case err != nil: // such as a folder whose name is too long for a socket
		watch.log.Warn("the node cannot be controlled from outside", "err", err)
	default:
		defer control.Close()
	}

	start := time.Now()
	err = watched(ctx, w, watch)
	if errors.Is(err, context.Canceled) {
		err = nil // asked to end, and did
	}
	if n.json {
		err = errors.Join(err, writeJSON(s.out, summarise(w.Stats(), hub.URL(), time.Since(start))))
	}
	return err
}

// watched runs w while its progress is shown.
func watched(ctx context.Context, w *worker.Worker, watch *watch) error {
	shown, done := context.WithCancel(ctx)
	var showing sync.WaitGroup
	showing.Go(func() { watch.show(shown, w) })
	defer showing.Wait()
	defer done()
	return w.Run(ctx)
}

func (n *node) logger(out io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if n.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}

func agent() string { return "shoal-node/" + version }
