package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	receipts "github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// auditFlags are the flags of `shoal audit`.
type auditFlags struct {
	hub, key, sample, seed, device string
	asJSON                         bool
}

func newAudit(s streams) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "audit JOB|DIR",
		Short: "Check an ended job's signatures, receipts and files, and compute some of its shards again",
		Long: "Check an ended job: the head that its hub has signed, every receipt with the signatures of\n" +
			"its volunteers, every file; and compute a random sample of its shards again, on this machine.\n" +
			"JOB is a job of a hub, DIR a folder that `shoal job fetch` has made; --hub gives a folder the\n" +
			"blobs it lacks.\n\n" +
			"A sample checks shards: that a program gives the output in the receipt. What the hub does\n" +
			"between rounds, folding outputs into the next round's inputs, is checked by --sample 100%,\n" +
			"which replays the whole job where its data is at hand (and by `shoal reproduce --expect`).\n\n" +
			"Exit code 4: something is damaged, or refuted.",
		Args: exactly(1, "a job's ID or a folder"),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, s, args[0]) },
	}
	c.Flags().StringVar(&f.hub, "hub", "", "address of the hub; SHOAL_HUB, else "+defaultHub)
	c.Flags().StringVar(&f.key, "key", "", "the hub's public key, if you know it: another hub's signature is then refused")
	c.Flags().StringVar(&f.sample, "sample", "5%", "shards to compute again: a share, as in 5%, or a number")
	c.Flags().StringVar(&f.seed, "seed", "", "draw the sample by this word; random if left out")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON object on the last line")
	deviceFlag(c, &f.device)
	return c
}

// auditResult is what an audit found, and its --json line.
type auditResult struct {
	*audit.Report
	Sample  string  `json:"sample"`
	Seed    string  `json:"seed"`
	Device  string  `json:"device"`
	Seconds float64 `json:"seconds"`
}

func (f *auditFlags) run(c *cobra.Command, s streams, name string) error {
	sample, err := audit.ParseSample(f.sample)
	if err != nil {
		return usagef(c, "--sample: %v", err)
	}
	if strings.HasPrefix(f.key, "shoal_") {
		return usagef(c, "--key: this is an admin key; an audit needs none, and takes the hub's public key, as in shoal-hub+...")
	}
	if f.key != "" {
		if err := receipts.CheckKey(f.key); err != nil {
			return usagef(c, "--key: %v", err)
		}
	}
	l, err := findLane(c, f.device)
	if err != nil {
		return err
	}
	if l.open == nil {
		return usagef(c, "--device: lane %s is in a browser; an audit runs in this process", l.name)
	}
	if f.seed == "" {
		f.seed = rand.Text()
	}
	source, end, err := f.source(c.Context(), name)
	if err != nil {
		return err
	}
	defer end()
	start := time.Now()
	r, err := f.audit(c.Context(), s, l, audit.Config{Source: source, Key: f.key, Sample: sample, Seed: sha256.Sum256([]byte(f.seed))})
	if err != nil {
		return err
	}
	res := auditResult{Report: r, Sample: f.sample, Seed: f.seed, Device: l.name, Seconds: time.Since(start).Seconds()}
	if f.asJSON {
		err = writeJSON(s.out, res)
	} else {
		err = res.show(s.out)
	}
	if err != nil {
		return err
	}
	return res.verdict()
}

// source is a folder of that name, with the hub behind it if one is named; or
// else a job of the hub.
func (f *auditFlags) source(ctx context.Context, name string) (audit.Source, func(), error) {
	named := f.hub != "" || os.Getenv("SHOAL_HUB") != ""
	cl, err := (&remote{hub: f.hub}).client()
	if err != nil {
		return nil, nil, err
	}
	onHub := &audit.Hub{Client: cl, ID: name}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return onHub, func() {}, findJob(ctx, cl, name)
	case !info.IsDir():
		return nil, nil, &inputError{fmt.Errorf("%s is a file: want a folder that `shoal job fetch` has made, or a job's ID", name)}
	}
	var behind audit.Source
	if named {
		behind = onHub
	}
	folder, err := audit.OpenFolder(name, behind)
	if err != nil {
		return nil, nil, &inputError{err}
	}
	return folder, func() { folder.Close() }, nil
}

// findJob makes sure that the hub has a job of that name, which is no folder
// here: whoever misspelt a folder should not be told of hubs alone.
func findJob(ctx context.Context, cl *client.Client, name string) error {
	if err := client.CheckID(name); err != nil {
		return &inputError{fmt.Errorf("there is no folder %q here, and it is no job's ID", name)}
	}
	_, err := cl.Job(ctx, name)
	var gone *client.UnreachableError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &inputError{fmt.Errorf("there is no folder %q here, and no job %q at %s", name, name, cl.Hub())}
	case errors.As(err, &gone):
		return fmt.Errorf("there is no folder %q here, and whether there is a job %q cannot be asked: %w", name, name, err)
	}
	return err
}

// audit opens the lane and carries the audit out.
func (f *auditFlags) audit(ctx context.Context, s streams, l lane, c audit.Config) (r *audit.Report, err error) {
	d, err := openLane(ctx, l)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	c.Device = d
	c.Parse = func(file []byte) (*job.Spec, job.Kind, error) {
		in, err := parseJob(file, "-", nil)
		if err != nil {
			return nil, nil, err
		}
		return in.spec, in.kind, nil
	}
	c.Executor = func(b job.Blobs) (audit.Executor, error) { return newExecutor(ctx, d, b) }
	c.Progress = auditProgress(s.err)
	return audit.Run(ctx, c)
}

// executor computes shards of every kind: programs on a device, modules in a
// sandbox of its own.
type executor struct {
	*local.Executor
}

func newExecutor(ctx context.Context, d device.Device, b job.Blobs) (executor, error) {
	host, err := wazerobox.New(ctx, wazerobox.Options{})
	if err != nil {
		return executor{}, err
	}
	e := local.NewExecutor(d, b)
	e.Sandbox = host
	return executor{e}, nil
}

// Close implements audit.Executor.
func (e executor) Close() error { return errors.Join(e.Executor.Close(), e.Sandbox.Close()) }

// auditProgress tells what is being done when that changes, and how far it is
// once a second.
func auditProgress(w io.Writer) func(what string, done, of int64) {
	var last string
	var at time.Time
	return func(what string, done, of int64) {
		now := time.Now()
		if what == last && now.Sub(at) < time.Second {
			return
		}
		last, at = what, now
		if of == 0 {
			fmt.Fprintf(w, "%s\n", what)
			return
		}
		fmt.Fprintf(w, "%s %d/%d\n", what, done, of)
	}
}

// show tells people. Names and texts come from whoever made the log: they do
// not get to write to a terminal as they like.
func (r auditResult) show(out io.Writer) error {
	w := new(strings.Builder)
	known := "not known beforehand: compare it with what the hub's operator says, and pin it by --key"
	if r.Pinned {
		known = "as expected"
	}
	fmt.Fprintf(w, "job          %s, %s\nsigned by    %s (%s)\n", r.Job, r.State, r.Key, known)
	if r.Edition > 0 {
		fmt.Fprintf(w, "edition      %s\n", r.edition())
	}
	fmt.Fprintf(w, "receipts     %d with %d signatures, root %s\n", r.Shards, r.Signatures, r.Root)
	var paths []string
	for _, p := range slices.Sorted(maps.Keys(r.Paths)) {
		paths = append(paths, fmt.Sprintf("%s %d", p, r.Paths[p]))
	}
	fmt.Fprintf(w, "accepted as  %s\n", strings.Join(paths, ", "))
	if p := r.Promise; p != nil {
		fmt.Fprintf(w, "promised     %s\n", describeTrust(client.Trust{
			Assurance: p.Assurance, Epsilon: p.Epsilon, Weighed: p.Weighed, Executed: p.Executed, Audited: p.Audited,
			Bound: p.Bound, Expected: p.Expected, Overhead: p.Overhead,
		}))
	}
	fmt.Fprintf(w, "sampled      %d: %d confirmed, %d refuted; %d more drawn, but not held any more\n", r.Sampled, r.Confirmed, r.Refuted, r.Unavailable)
	fmt.Fprintf(w, "first round  %s\nfolding      %s\n", checked(r.Linked), checked(r.Folding))
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note         %s\n", n)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "%s\n", p)
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "and %d problems more\n", r.Omitted)
	}
	_, err := io.WriteString(out, printable(w.String()))
	return err
}

// edition says that this is not the job's first record.
func (r auditResult) edition() string {
	before := "an earlier end, which was never signed"
	if r.Supersedes != nil {
		before = "the head with SHA-256 " + r.Supersedes.String()
	}
	return fmt.Sprintf("%d: the job was done, was reopened, and came to another end; this record supersedes %s", r.Edition, before)
}

// printable replaces what is no character or controls terminals.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func checked(yes bool) string {
	if yes {
		return "as the job file and its data say"
	}
	return "not checked"
}

// verdict is nil only if something was computed again and nothing is wrong.
func (r auditResult) verdict() error {
	if !r.Sound() {
		return &verificationError{printable(fmt.Sprintf("job %s does not hold: %s", r.Job, r.Problems[0]))}
	}
	if r.Unavailable > 0 && r.Sampled == 0 {
		return fmt.Errorf("job %s: no shard could be computed again: their programs or inputs are not held any more", r.Job)
	}
	return nil
}
