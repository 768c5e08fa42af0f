package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Program is what the hub must know of a program: the size of each output in
// bytes, its exact cost in integer operations, and the memory it takes.
type Program = engine.Program

// Identity is what the hub can see of a volunteer's device besides its results.
type Identity = trust.Identity

// Config says what a hub is made of. Start from Default.
type Config struct {
	Listen string // TCP address, as in "localhost:8080"; port 0 takes a free one
	Data   string // directory of everything that must survive
	Name   string // for people

	Kinds  []job.Kind
	Device device.Device                                 // runs what the hub computes itself: a trusted lane
	Parse  func(file []byte) (*job.Spec, error)          // reads a job file, as jobfile.Parse does
	Files  func(context.Context, string) ([]byte, error) // reads a data file named in a job file
	Site   http.Handler                                  // answers every path that is not the API's

	// Inspect examines a program's encoding. The default decodes it; only
	// tests with job kinds of their own have another.
	Inspect func(encoded []byte) (Program, error)

	// Execute computes a shard on this machine, for audits: it is called by one
	// goroutine at a time. The default runs programs on Device and modules in
	// Sandbox; only tests with job kinds of their own have another.
	Execute func(ctx context.Context, s job.Shard, blobs job.Blobs) ([][]byte, error)
	Sandbox sandbox.Host // runs the modules of jobs of kind map; nil: no audits of those
	// Arbiter is a second engine for modules, slow and sure: it is asked where
	// Sandbox contradicts a volunteer, and decides. May be nil.
	Arbiter sandbox.Host

	// Certified names volunteers, by their keys, whose results count like the
	// hub's own: the operator answers for them.
	Certified [][32]byte
	// Related reports whether two devices may err or lie together; neither then
	// vouches for the other. The default goes by address block, driver, and
	// the time at which keys were made.
	Related func(a, b Identity) bool
	Retain  int64 // bytes of every job's shard inputs that are kept, so that audits can run its shards again
	// Mend is how long after its end a job is run again where that is needed,
	// because somebody whose word its results rest on has been proved wrong; 0:
	// never. As long it keeps its checkpoints.
	Mend time.Duration

	// TrustProxy names networks of proxies before this hub: they are believed to
	// say in X-Forwarded-For where a volunteer is. Anybody else is where its
	// connection comes from.
	TrustProxy []netip.Prefix

	CheckpointEvery int           // rounds between a job's checkpoints
	MaxRunning      int           // jobs that run at the same time
	MaxLeases       int           // leases one device of a volunteer may have at the same time
	LeaseTime       time.Duration // a lease lasts at least this long
	BackupAfter     time.Duration // an attempt slower than this may be backed up by an idle volunteer
	MaxConsent      time.Duration // a volunteer is asked again after this
	Ping            time.Duration // between pings; a volunteer silent for two of them is gone
	StatusEvery     time.Duration // between status updates to volunteers
	MaxUpload       int64         // bytes of an uploaded blob

	Log      *slog.Logger
	Now      func() time.Time
	Rand     io.Reader
	Announce func(adminKey string) // told the admin key when it is made, once in a hub's life
}

// Default returns a Config that lacks only Kinds, Device, Parse and Data.
func Default() Config {
	s := scheduler.Default()
	return Config{
		Listen: "localhost:8080",
		Name:   "shoal",
		Files: func(_ context.Context, name string) ([]byte, error) {
			return nil, fmt.Errorf("hub: data file %q: this hub has no data files", name)
		},
		Site:            http.NotFoundHandler(),
		Inspect:         inspect,
		Related:         trust.Related,
		Retain:          1 << 30,
		Mend:            30 * 24 * time.Hour,
		CheckpointEvery: 8,
		MaxRunning:      4,
		MaxLeases:       16,
		LeaseTime:       s.LeaseTime,
		BackupAfter:     s.BackupAfter,
		MaxConsent:      30 * 24 * time.Hour,
		Ping:            4 * time.Second,
		StatusEvery:     time.Second,
		MaxUpload:       1 << 30,
		Log:             slog.New(slog.DiscardHandler),
		Now:             time.Now,
		Rand:            rand.Reader,
		Announce:        func(string) {},
	}
}

// Validate reports every field that cannot be.
func (c Config) Validate() error {
	var errs []error
	need := func(ok bool, field, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("hub: config: %s: %s", field, what))
		}
	}
	need(c.Data != "", "Data", "no directory")
	need(len(c.Kinds) > 0, "Kinds", "no job kinds")
	names := map[string]bool{}
	for _, k := range c.Kinds {
		need(!names[k.Name()], "Kinds", fmt.Sprintf("%q is there twice", k.Name()))
		names[k.Name()] = true
	}
	need(c.Device != nil, "Device", "missing")
	need(c.Parse != nil, "Parse", "missing")
	need(c.Files != nil, "Files", "missing")
	need(c.Site != nil, "Site", "missing")
	need(c.Inspect != nil, "Inspect", "missing")
	need(c.Related != nil, "Related", "missing")
	need(c.Retain >= 0, "Retain", "must not be negative")
	need(c.Mend >= 0, "Mend", "must not be negative")
	need(c.Log != nil, "Log", "missing")
	need(c.Now != nil, "Now", "missing")
	need(c.Rand != nil, "Rand", "missing")
	need(c.Announce != nil, "Announce", "missing")
	need(c.CheckpointEvery > 0, "CheckpointEvery", "must be positive")
	need(c.MaxRunning > 0, "MaxRunning", "must be positive")
	need(c.MaxLeases > 0, "MaxLeases", "must be positive")
	need(c.MaxUpload > 0, "MaxUpload", "must be positive")
	for field, d := range map[string]time.Duration{
		"LeaseTime": c.LeaseTime, "BackupAfter": c.BackupAfter, "MaxConsent": c.MaxConsent, "Ping": c.Ping, "StatusEvery": c.StatusEvery,
	} {
		need(d > 0, field, "must be positive")
	}
	return errors.Join(errs...)
}

// inspect decodes a program and recomputes what it takes.
func inspect(encoded []byte) (Program, error) {
	if job.IsTask(encoded) {
		t, err := job.DecodeTask(encoded)
		return Program{Task: &t, Ops: int64(t.Fuel), PeakBytes: int64(t.Memory) << 16}, err
	}
	p, err := program.Decode(encoded)
	if err != nil {
		return Program{}, err
	}
	cost := p.Cost()
	sizes := make([]int, len(p.Outputs()))
	for i, out := range p.Outputs() {
		sizes[i] = out.Type.Bytes()
	}
	return Program{
		Outputs: sizes, Ops: cost.Ops, PeakBytes: cost.PeakBytes,
		Check: func(outputs [][]byte) error { return device.CheckRanges(p.Outputs(), outputs) },
	}, nil
}
