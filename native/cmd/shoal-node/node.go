package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/native/dial"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
	"github.com/shoal-compute/shoal/webgpu/device/paced"
)

// node is `shoal-node run` with its flags.
type node struct {
	data    string
	hub     string
	device  string
	sandbox string
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
	f.StringVar(&n.device, "device", "auto", "what computes: auto, or some of "+laneNames()+", separated by commas")
	f.StringVar(&n.sandbox, "sandbox", env("SHOAL_SANDBOX", "auto"), "run people's WebAssembly modules in a sandbox: on, off, or auto: unless --device names other devices ($SHOAL_SANDBOX)")
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
	case n.sandbox != "auto" && n.sandbox != "on" && n.sandbox != "off":
		return usagef("--sandbox: want auto, on or off, got %q", n.sandbox)
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
	want, err := n.wanted()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.data, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	key, err := loadIdentity(n.data)
	if err != nil {
		return err
	}
	watch := newWatch(s.err, n.logger(s.err))
	p := prober{data: n.data, threads: n.threads}
	verdicts, err := n.choose(ctx, p, want, watch.log)
	if err != nil {
		return err
	}
	box, tested, err := openSandbox(ctx, want)
	if err != nil {
		return err
	}
	if box != nil {
		defer box.Close()
	}
	offered := slices.Concat(verdicts, tested)
	consent, err := n.consent(s, hub.URL(), offered)
	if err != nil {
		return err
	}

	w := &volunteer{
		config: worker.Config{
			Dial:    hub.Dial,
			Blobs:   hub,
			Key:     key,
			Consent: consent,
			Agent:   agent(),
			Events:  watch.event,
			GiveUp:  n.giveUp,
		},
		prober:    p,
		share:     n.share,
		processor: paced.NewPace(n.share),
		log:       watch.log,
	}
	w.offer(box)
	for _, d := range offered {
		if !d.Fit && !d.Absent {
			w.note(protocol.Lane{Lane: d.Lane, Detail: d.Detail, Reason: d.Error})
		}
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
	err = watched(ctx, w, verdicts, watch)
	if errors.Is(err, context.Canceled) {
		err = nil // asked to end, and did
	}
	if n.json {
		err = errors.Join(err, writeJSON(s.out, summarise(w.Stats(), hub.URL(), time.Since(start))))
	}
	return err
}

// choose tries lanes and picks those that compute, as the person wishes.
func (n *node) choose(ctx context.Context, p prober, want wanted, log *slog.Logger) ([]choose.Verdict, error) {
	try, forced := want.lanes, want.forced
	if len(try) == 0 {
		return nil, nil // the sandbox alone
	}
	log.Info("testing devices") // it takes a while the first time
	r := rule(forced)
	isLast := func(l lane) bool { return len(forced) == 0 && slices.Contains(r.Last, l.name) }
	verdicts, err := p.survey(ctx, slices.DeleteFunc(slices.Clone(try), isLast))
	if err != nil {
		return nil, err
	}
	found := r.Pick(verdicts)
	if !found && len(forced) == 0 {
		last, err := p.survey(ctx, slices.DeleteFunc(slices.Clone(try), func(l lane) bool { return !isLast(l) }))
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, last...)
		found = r.Pick(verdicts)
	}
	var failed error
	for _, d := range verdicts {
		attrs := []any{"lane", d.Lane, "gops", math.Round(d.GOPS*100) / 100, "device", d.Detail, "why", d.Why}
		switch {
		case d.Chosen:
			log.Info("device chosen", attrs...)
		case d.Fit || d.Absent && len(forced) == 0:
			log.Debug("device not chosen", attrs...)
		default:
			failed = errors.Join(failed, fmt.Errorf("device %s: %s", d.Lane, d.Error))
			log.Warn("device cannot be used", attrs...)
		}
	}
	if !found {
		return nil, failed
	}
	return verdicts, nil
}

// watched runs w while its progress is shown.
func watched(ctx context.Context, w *volunteer, verdicts []choose.Verdict, watch *watch) error {
	shown, done := context.WithCancel(ctx)
	var showing sync.WaitGroup
	showing.Go(func() { watch.show(shown, w) })
	defer showing.Wait()
	defer done()
	return w.run(ctx, verdicts)
}

func (n *node) logger(out io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if n.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}

func agent() string { return "shoal-node/" + version }
