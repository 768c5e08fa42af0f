package engine

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// mender is an engine that knows no more than it takes to mend, at a time that
// the test sets.
func mender(t *testing.T, mend time.Duration) (e *Engine, now *time.Time) {
	t.Helper()
	store, err := blobs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now = new(time.Time)
	*now = time.Unix(1_790_000_000, 0)
	log := slog.New(slog.DiscardHandler)
	return &Engine{
		config: Config{Blobs: store, Mend: mend, Now: func() time.Time { return *now }, Log: log},
		log:    log, repute: reputation.New(nil, nil), mend: make(chan struct{}, 1), wake: make(chan struct{}, 1), shelf: map[string]*jobRun{},
	}, now
}

// Whatever is lost of a job's checkpoints, it begins at the last that is whole,
// and the others go.
func TestFindCheckpoint(t *testing.T) {
	e, _ := mender(t, 0)
	j := e.newJobRun(Job{ID: "j"})
	j.terms = &trust.Terms{}
	put := func(text string) job.Hash {
		h, err := j.holder.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	a, b, gone := put("a"), put("b"), job.Hash{7}
	list := []Checkpoint{{Round: 8, Blobs: []job.Hash{a}}, {Round: 16, Blobs: []job.Hash{a, gone}}, {Round: 24, Blobs: []job.Hash{b}}, {Round: 32, Blobs: []job.Hash{gone}}}
	if c := e.findCheckpoint(j, list); c.Round != 24 || len(j.checkpoints) != 2 {
		t.Errorf("it begins at round %d and keeps %v", c.Round, j.checkpoints)
	}
	if drop := j.thin(nil); drop != nil {
		t.Errorf("without a new checkpoint %v go", drop)
	}
	if drop := j.thin(&Checkpoint{Round: 32}); !slices.Equal(drop, []int{16, 32}) {
		t.Errorf("with a new checkpoint %v go", drop)
	}
	if drop := j.thin(&Checkpoint{Round: 40}); len(drop) > 0 {
		t.Errorf("they go twice: %v", drop)
	}
	if c := e.findCheckpoint(j, list[3:]); c.Round != 0 || c.Record != nil {
		t.Errorf("with nothing left it begins at %+v", c)
	}
}

// A job that is done keeps its checkpoints, but for the last, until its time is
// over, and its files for good.
func TestExpire(t *testing.T) {
	const mend = time.Hour
	e, now := mender(t, mend)
	j := e.newJobRun(Job{ID: "j", State: Done, Finished: *now})
	j.spec, j.terms = &job.Spec{}, &trust.Terms{}
	hashes := map[string]job.Hash{}
	for _, text := range []string{"first", "middle", "last", "file", "output"} {
		h, err := j.holder.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		hashes[text] = h
	}
	j.checkpoints = []Checkpoint{{Round: 8, Blobs: []job.Hash{hashes["first"]}}, {Round: 16, Blobs: []job.Hash{hashes["middle"]}}, {Round: 24, Blobs: []job.Hash{hashes["last"]}}}
	j.rest([]Artifact{{Name: "file", Hash: hashes["file"]}})
	here := func(want ...string) {
		t.Helper()
		for text, h := range hashes {
			if e.config.Blobs.Has(h) != slices.Contains(want, text) {
				t.Errorf("%s is here: %v, want %v", text, e.config.Blobs.Has(h), want)
			}
		}
	}
	if !e.mendable(j) {
		t.Fatal("it cannot be reopened")
	}
	e.release(j, j.mendingBlobs())
	e.shelve(j)
	*now = now.Add(mend)
	e.expire()
	here("first", "middle", "file")
	if !e.mendable(j) || e.shelf["j"] == nil {
		t.Error("it can no longer be reopened at the end of its time")
	}
	*now = now.Add(time.Millisecond)
	e.expire()
	here("file")
	if e.mendable(j) || len(e.shelf) > 0 {
		t.Error("it can be reopened after its time")
	}
}

// Which jobs are kept at hand, and which of them are looked at once more because
// somebody was caught while they ended.
func TestShelve(t *testing.T) {
	e, now := mender(t, time.Hour)
	e.captures = 3
	for _, c := range []struct {
		id       string
		state    State
		terms    *trust.Terms
		captures int
	}{
		{"done", Done, &trust.Terms{}, 3}, {"unsure", Done, &trust.Terms{}, 2},
		{"counted", Done, nil, 0}, {"cancelled", Cancelled, &trust.Terms{}, 2}, {"stopped", Running, &trust.Terms{}, 2},
	} {
		j := e.newJobRun(Job{ID: c.id, State: c.state, Finished: *now})
		j.terms, j.captures = c.terms, c.captures
		e.shelve(j)
	}
	if len(e.shelf) != 2 || e.shelf["done"] == nil || !slices.Equal(e.unsure, []string{"unsure"}) || len(e.mend) != 1 {
		t.Errorf("on the shelf: %v, unsure: %v", e.shelf, e.unsure)
	}
	e, _ = mender(t, 0)
	e.suspect(volunteer.ID{1})
	if len(e.lately) > 0 || len(e.mend) > 0 {
		t.Error("somebody is suspected where nothing is mended")
	}
}
