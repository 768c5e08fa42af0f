package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/examples"
	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/train"
)

// demo is `shoal demo` with its flags.
type demo struct {
	asJSON  bool
	steps   int
	browser string
	tabs    []string
	listen  string
	dir     string
	keep    bool
	verbose bool
}

func newDemo(s streams) *cobra.Command {
	var d demo
	c := &cobra.Command{
		Use:   "demo",
		Short: "Hub, native, headless WebAssembly and browser volunteer train one model",
		Long: "Start a hub, a native volunteer, a WebAssembly volunteer under wazero and a real\n" +
			"browser tab, and let them train the byte language model of examples/kjv-nano.yaml.\n" +
			"Every shard is computed twice by different volunteers and compared.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if d.browser != "auto" && d.browser != "on" && d.browser != "off" {
				return usagef(c, "--browser: want auto, on or off, got %q", d.browser)
			}
			for _, t := range d.tabs {
				if t != "webgpu" && t != "webgl" && t != "wasm" {
					return usagef(c, "--tabs: want some of webgpu, webgl and wasm, got %q", t)
				}
			}
			if len(d.tabs) > 0 && c.Flags().Changed("browser") {
				return usagef(c, "--tabs and --browser: choose one")
			}
			if d.steps < 1 {
				return usagef(c, "--steps: must be at least 1, got %d", d.steps)
			}
			return d.run(c.Context(), s)
		},
	}
	c.Flags().BoolVar(&d.asJSON, "json", false, "print one JSON object on the last line")
	c.Flags().IntVar(&d.steps, "steps", 30, "training steps")
	c.Flags().StringVar(&d.browser, "browser", "auto", "drive a real browser tab: auto (if there is one), on or off")
	c.Flags().StringSliceVar(&d.tabs, "tabs", nil, "open a tab, each in a browser of its own, for each of these: webgpu, webgl, wasm; a GPU that a processor plays will do")
	c.Flags().StringVar(&d.listen, "listen", "127.0.0.1:0", "address of the hub; port 0 takes a free one")
	c.Flags().StringVar(&d.dir, "data", "", "directory of the hub; a temporary one if left out")
	c.Flags().BoolVar(&d.keep, "keep", false, "go on serving when the job is done, until interrupted")
	c.Flags().BoolVarP(&d.verbose, "verbose", "v", false, "log what the hub and the volunteers do")
	return c
}

// demoResult is the demo's outcome, and its --json line.
type demoResult struct {
	Job              string         `json:"job"`
	Steps            int            `json:"steps"`
	LossFirst        float64        `json:"loss_first"`
	LossLast         float64        `json:"loss_last"`
	ValLast          *float64       `json:"val_last,omitempty"`
	Shards           int            `json:"shards"`
	ReplicasCompared int            `json:"replicas_compared"` // results that were compared with another of their shard
	Mismatches       int            `json:"mismatches"`        // of them, those that differed
	Volunteers       map[string]int `json:"volunteers"`        // that had results confirmed, by kind
	ShardsBy         map[string]int `json:"shards_by"`         // results confirmed, by kind of volunteer
	WeightsSHA256    string         `json:"weights_sha256"`
	Seconds          float64        `json:"seconds"`
}

func (d *demo) run(ctx context.Context, s streams) (err error) {
	start := time.Now()
	level := slog.LevelWarn
	if d.verbose {
		level = slog.LevelDebug
	}
	log := newLogger(s.err, level)
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "shoal-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	}
	cfg, err := hubConfig(ctx, d.listen, d.dir, log)
	if err != nil {
		return err
	}
	defer cfg.Device.Close()
	defer cfg.Sandbox.Close()
	defer cfg.Arbiter.Close()
	cfg.Name = "shoal demo"
	var key string
	cfg.Announce = func(k string) { key = k }
	h, err := hub.New(cfg)
	if err != nil {
		return err
	}
	if key == "" {
		return errors.Join(&inputError{fmt.Errorf("--data: %s belongs to a hub already; the demo needs one of its own", d.dir)}, h.Close())
	}

	// Whatever ends the demo, everything it started ends before it returns:
	// volunteers first, the hub last.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	hubCtx, stopHub := context.WithCancel(context.WithoutCancel(ctx))
	var serving, volunteering sync.WaitGroup
	var served error
	serving.Go(func() {
		if served = h.Run(hubCtx); served != nil {
			stop(served)
		}
	})
	defer func() {
		stop(nil)
		volunteering.Wait()
		stopHub()
		serving.Wait()
		err = errors.Join(err, served)
	}()

	url := hubURL(h.Addr())
	fmt.Fprintf(s.err, "hub          %s\n", url)
	volunteers, err := d.volunteers(s.err, url, log)
	if err != nil {
		return err
	}
	for _, v := range volunteers {
		volunteering.Go(func() {
			if err := v.run(ctx); ctx.Err() == nil {
				stop(fmt.Errorf("%s volunteer: %w", v.name, err))
			}
		})
	}
	res, err := d.train(ctx, s, url, key, volunteers)
	if err != nil {
		// What went wrong elsewhere explains it better than a cancelled wait.
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			err = cause
		}
		return err
	}
	res.Seconds = time.Since(start).Seconds()
	if err := d.show(s, res); err != nil {
		return err
	}
	if err := d.verdict(res, volunteers); err != nil || !d.keep {
		return err
	}
	fmt.Fprintf(s.err, "serving on %s until interrupted; to submit jobs, use SHOAL_KEY=%s\n", url, key)
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// volunteers makes the demo's volunteers.
func (d *demo) volunteers(out io.Writer, url string, log *slog.Logger) ([]demoVolunteer, error) {
	native, err := nativeVolunteer(url, log)
	if err != nil {
		return nil, err
	}
	guest := io.Discard
	if d.verbose {
		guest = out
	}
	wazero, err := wazeroVolunteer(url, guest)
	if err != nil {
		return nil, err
	}
	all := []demoVolunteer{native, wazero}
	if len(d.tabs) > 0 {
		for _, lane := range d.tabs {
			tab, err := browserVolunteer(url, lane)
			if err != nil {
				return nil, fmt.Errorf("--tabs %s: %w", lane, err)
			}
			all = append(all, tab)
		}
		return all, nil
	}
	if d.browser == "off" {
		return all, nil
	}
	tab, err := browserVolunteer(url, "")
	switch {
	case err == nil:
		all = append(all, tab)
	case d.browser == "on":
		return nil, fmt.Errorf("--browser on: %w", err)
	default:
		fmt.Fprintf(out, "browser      none: %v\n", err)
	}
	return all, nil
}

// train waits for the volunteers, submits the job, shows its progress and
// collects what came of it.
func (d *demo) train(ctx context.Context, s streams, url, key string, volunteers []demoVolunteer) (*demoResult, error) {
	cl, err := client.New(url, key, nil)
	if err != nil {
		return nil, err
	}
	if err := cl.WaitReady(ctx); err != nil {
		return nil, err
	}
	if err := awaitVolunteers(ctx, s.err, cl, len(volunteers)); err != nil {
		return nil, err
	}
	file, err := kjvNano(ctx, cl, fmt.Sprintf("train.steps=%d", d.steps), "trust.replicas=2")
	if err != nil {
		return nil, err
	}
	id, err := cl.Submit(ctx, file)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.err, "job          %s, %d steps, every shard by two volunteers\n", id, d.steps)
	if err := d.watch(ctx, s, cl, id); err != nil {
		return nil, err
	}
	res := &demoResult{Job: id}
	if err := res.readReport(ctx, cl); err != nil {
		return nil, err
	}
	return res, res.readReceipts(ctx, cl, volunteers)
}

// stallTime is how long nothing at all may happen to the job: the slowest
// shard on the slowest machine takes less.
const stallTime = 3 * time.Minute

// watch shows the job's progress until it is done, and gives up when there is
// none: the demo must end by itself.
func (d *demo) watch(ctx context.Context, s streams, cl *client.Client, id string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTime, func() { cancel(fmt.Errorf("job %s has made no progress for %v", id, stallTime)) })
	defer stalled.Stop()
	report := progress(s.err)
	err := cl.Watch(ctx, id, func(e client.Event) error {
		stalled.Reset(stallTime)
		if e.Report != nil {
			report(*e.Report)
		}
		if e.State == "failed" || e.State == "cancelled" {
			return fmt.Errorf("job %s is %s: %s", id, e.State, e.Error)
		}
		return nil
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// volunteerTime is how long the slowest volunteer may take to start: a browser
// that tests a GPU which a processor plays.
const volunteerTime = 4 * time.Minute

// awaitVolunteers returns once n volunteers are connected.
func awaitVolunteers(ctx context.Context, out io.Writer, cl *client.Client, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, volunteerTime, fmt.Errorf("not all %d volunteers have connected within %v", n, volunteerTime))
	defer cancel()
	shown := -1
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		stats, err := cl.Stats(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if stats.Volunteers != shown && ctx.Err() == nil {
			shown = stats.Volunteers
			fmt.Fprintf(out, "volunteers   %d of %d\n", shown, n)
		}
		if shown >= n {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// kjvNano is examples/kjv-nano.yaml with the fields in set, its data uploaded.
// The number of replicas does not change what the steps compute: `shoal
// reproduce` gives the same weights.
func kjvNano(ctx context.Context, cl *client.Client, set ...string) ([]byte, error) {
	text, err := examples.JobFile(examples.KJVNano)
	if err != nil {
		return nil, err
	}
	spec, err := jobfile.Parse(text, set...)
	if err != nil {
		return nil, err
	}
	corpus, err := examples.Data(spec.Data.File)
	if err != nil {
		return nil, err
	}
	h, err := cl.PutBlob(ctx, corpus)
	if err != nil {
		return nil, err
	}
	spec.Data.File, spec.Data.Blob = "", "sha256:"+h.String()
	return jobfile.Encode(spec)
}

// readReport takes the losses and the weights' hash from the job's report.
func (r *demoResult) readReport(ctx context.Context, cl *client.Client) error {
	files, err := cl.Artifacts(ctx, r.Job)
	if err != nil {
		return err
	}
	for _, a := range files {
		if a.Name != train.FileReport {
			continue
		}
		var raw bytes.Buffer
		if err := cl.Fetch(ctx, r.Job, a, &raw); err != nil {
			return err
		}
		var s train.Summary
		if err := json.Unmarshal(raw.Bytes(), &s); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		r.Steps, r.LossFirst, r.LossLast, r.ValLast, r.WeightsSHA256 = s.Steps, s.LossFirst, s.LossLast, s.ValLast, s.WeightsSHA256
		return nil
	}
	return fmt.Errorf("job %s has no %s", r.Job, train.FileReport)
}

// receipt is what the demo reads of a receipt.
type receipt struct {
	Results []struct {
		Volunteer string `json:"volunteer"`
		Lane      string `json:"lane"`
		Verdict   string `json:"verdict"`
	} `json:"results"`
}

// readReceipts counts who computed what. Receipts are as long as the job, so
// they are read line by line.
func (r *demoResult) readReceipts(ctx context.Context, cl *client.Client, volunteers []demoVolunteer) error {
	kinds := map[string]string{} // by public key, and of tabs by lane
	r.Volunteers, r.ShardsBy = map[string]int{}, map[string]int{}
	if !slices.ContainsFunc(volunteers, func(v demoVolunteer) bool { return v.lane != "" }) {
		r.Volunteers["browser"], r.ShardsBy["browser"] = 0, 0 // scripts read it, whether there is one or not
	}
	for _, v := range volunteers {
		r.Volunteers[v.name], r.ShardsBy[v.name] = 0, 0
		switch {
		case v.id != "":
			kinds[v.id] = v.name
		case v.lane != "":
			kinds[v.lane] = v.name
		}
	}
	seen := map[string]bool{}
	read, write := io.Pipe()
	go func() { write.CloseWithError(cl.Receipts(ctx, r.Job, write)) }()
	lines := bufio.NewScanner(read)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line receipt
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			read.CloseWithError(err)
			return fmt.Errorf("receipts: %w", err)
		}
		r.Shards++
		for _, res := range line.Results {
			if len(line.Results) > 1 {
				r.ReplicasCompared++
			}
			switch res.Verdict {
			case "confirmed":
				kind := cmp.Or(kinds[res.Volunteer], kinds[res.Lane], "browser")
				if !seen[res.Volunteer] {
					seen[res.Volunteer] = true
					r.Volunteers[kind]++
				}
				r.ShardsBy[kind]++
			case "refuted":
				r.Mismatches++
			}
		}
	}
	return lines.Err()
}

func (d *demo) show(s streams, r *demoResult) error {
	fmt.Fprintf(s.err, "loss         %.4f -> %.4f nats per byte", r.LossFirst, r.LossLast)
	if r.ValLast != nil {
		fmt.Fprintf(s.err, ", held out %.4f", *r.ValLast)
	}
	fmt.Fprintln(s.err)
	fmt.Fprintf(s.err, "shards       %d, %d results compared, %d mismatches\n", r.Shards, r.ReplicasCompared, r.Mismatches)
	var by []string
	for _, name := range slices.Sorted(maps.Keys(r.ShardsBy)) {
		by = append(by, fmt.Sprintf("%s %d", name, r.ShardsBy[name]))
	}
	fmt.Fprintf(s.err, "computed by  %s\n", strings.Join(by, ", "))
	fmt.Fprintf(s.err, "the same     shoal reproduce examples/%s --set train.steps=%d --expect %s\n", examples.KJVNano, r.Steps, r.WeightsSHA256)
	if d.asJSON {
		return writeJSON(s.out, r)
	}
	_, err := fmt.Fprintf(s.out, "weights_sha256 %s\n", r.WeightsSHA256)
	return err
}

// verdict fails the demo where it did not show what it should.
func (d *demo) verdict(r *demoResult, volunteers []demoVolunteer) error {
	if r.Mismatches > 0 {
		return &verificationError{fmt.Sprintf("%d results differed from the others of their shard", r.Mismatches)}
	}
	for _, v := range volunteers {
		if r.Volunteers[v.name] == 0 {
			return fmt.Errorf("the %s volunteer had no result confirmed", v.name)
		}
	}
	return nil
}
