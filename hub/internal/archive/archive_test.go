package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// books know one job.
type books struct {
	view     engine.View
	receipts []engine.Receipt
	fail     error // after the last receipt
}

func (b *books) Describe(context.Context, string) (engine.View, error) { return b.view, nil }

func (b *books) Artifacts(context.Context, string) ([]engine.Artifact, error) {
	return []engine.Artifact{{Name: "model", Type: "x/y", Size: 3, Hash: job.Sum([]byte("abc"))}}, nil
}

func (b *books) Receipts(_ context.Context, _ string, yield func(engine.Receipt) error) error {
	for _, r := range b.receipts {
		if err := yield(r); err != nil {
			return err
		}
	}
	return b.fail
}

func ended(id string, shards int) *books {
	at := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	b := &books{view: engine.View{
		Job:   engine.Job{ID: id, Name: "tiny", Kind: "train", File: []byte("kind: train"), State: engine.Done, Generation: 2, Created: at, Finished: at.Add(time.Hour)},
		Trust: &engine.TrustView{Assurance: "audited", Epsilon: 1e-6, Weighed: true, Executed: 5, Bound: 1e-7},
	}}
	for i := range shards {
		b.receipts = append(b.receipts, engine.Receipt{
			Acceptance: engine.Acceptance{
				Shard: engine.NewShardID(1, i), Program: job.Sum([]byte("p")), Inputs: []job.Hash{job.Sum([]byte("in"))},
				Ops: 7, Output: job.Sum([]byte("out")), At: at, Path: engine.Audited, Risk: 0.5, Executed: 2,
			},
			Results: []engine.Result{{Lane: "cpu", Token: []byte{1}, Output: job.Sum([]byte("other")), Standing: trust.Refuted, Risk: 0.25, Millis: 3, At: at}},
		})
	}
	return b
}

func open(t *testing.T) (*Archive, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "receipts")
	signer, err := receipt.NewSigner(make([]byte, receipt.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir, signer)
	if err != nil {
		t.Fatal(err)
	}
	return a, dir
}

func head(t *testing.T, a *Archive, id string) receipt.Head {
	t.Helper()
	signed, err := a.Head(id)
	if err != nil {
		t.Fatal(err)
	}
	h, err := receipt.OpenHead(signed)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func seal(t *testing.T, a *Archive, b *books) {
	t.Helper()
	artifacts, err := b.Artifacts(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Seal(t.Context(), b, engine.Ending{Job: b.view.Job, Artifacts: artifacts, Trust: b.view.Trust}); err != nil {
		t.Fatal(err)
	}
}

func TestSeal(t *testing.T) {
	a, dir := open(t)
	b := ended("k3v9", 5)
	seal(t, a, b)
	h := head(t, a, "k3v9")
	if h.Key != a.Key() || h.Job != "k3v9" || h.State != "done" || h.Receipts != 5 || h.Withdrawn != 2 ||
		h.File != receipt.Sum([]byte("kind: train")) || len(h.Artifacts) != 1 || h.Promise == nil || h.Promise.Bound != 1e-7 {
		t.Errorf("head %+v", h)
	}
	for n := range int64(5) {
		p, err := a.Prove("k3v9", n)
		if err != nil {
			t.Fatal(err)
		}
		r, err := receipt.Decode([]byte(p.Line))
		if err != nil || r.Index != int(n) || r.Path != receipt.Audited || r.Executed != 2 || r.Results[0].Standing != receipt.Refuted || r.Results[0].Risk != 0.25 {
			t.Errorf("line %d: %+v, %v", n, r, err)
		}
	}
	if _, err := a.Prove("k3v9", 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a receipt beyond the last: %v", err)
	}
	f, err := a.Receipts("k3v9")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || bytes.Count(text, []byte("\n")) != 5 {
		t.Errorf("%s, %v", text, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v; want two files", files, err)
	}
}

// A record is made once; only a job that ends a second time, because the hub
// was killed while it ended, gets another.
func TestOnce(t *testing.T) {
	a, _ := open(t)
	b := ended("k3v9", 5)
	if err := a.Ensure(t.Context(), b, "k3v9"); err != nil {
		t.Fatal(err)
	}
	first := head(t, a, "k3v9")
	if _, err := a.Prove("k3v9", 0); err != nil {
		t.Fatal(err)
	}
	b.receipts = b.receipts[:3]
	if err := a.Ensure(t.Context(), b, "k3v9"); err != nil {
		t.Fatal(err)
	}
	if h := head(t, a, "k3v9"); h.Root != first.Root {
		t.Errorf("the record has changed: %+v, was %+v", h, first)
	}
	seal(t, a, b)
	if h := head(t, a, "k3v9"); h.Receipts != 3 {
		t.Errorf("sealed again: %+v", h)
	}
	if p, err := a.Prove("k3v9", 0); err != nil || p.Size != 3 {
		t.Errorf("sealed again: %+v, %v", p, err)
	}
}

// A job that comes to another end has another record, which names the first; the
// first is kept as it was. A hub that is killed at any moment in between ends with
// the same.
func TestEditions(t *testing.T) {
	for _, killed := range []string{"", "before", "links", "lines", "head"} {
		t.Run("killed "+killed, func(t *testing.T) {
			a, dir := open(t)
			b := ended("k3v9", 5)
			seal(t, a, b)
			first, lines := read(t, dir, "k3v9.head"), read(t, dir, "k3v9.jsonl")
			b.view.Edition, b.view.Generation = 1, 3
			b.receipts = b.receipts[:4]
			switch killed {
			case "links": // the receipts have their second name, the head does not
				if err := os.Link(filepath.Join(dir, "k3v9.jsonl"), filepath.Join(dir, "k3v9.e0.jsonl")); err != nil {
					t.Fatal(err)
				}
			case "lines":
				seal(t, a, b)
				put(t, dir, "k3v9.head", first)
			case "head":
				seal(t, a, b)
				b.receipts = b.receipts[:3]
			}
			seal(t, a, b)
			h, before := head(t, a, "k3v9"), receipt.Sum(first)
			if h.Edition != 1 || h.Withdrawn != 3 || h.Supersedes == nil || *h.Supersedes != before || h.Receipts != int64(len(b.receipts)) {
				t.Errorf("the second edition: %+v", h)
			}
			if got, err := a.Superseded("k3v9", 0); err != nil || !bytes.Equal(got, first) {
				t.Errorf("the first head: %q, %v", got, err)
			}
			if !bytes.Equal(read(t, dir, "k3v9.e0.jsonl"), lines) {
				t.Error("the first receipts have changed")
			}
			if p, err := a.Prove("k3v9", 0); err != nil || p.Size != h.Receipts {
				t.Errorf("%+v, %v", p, err)
			}

			b.view.Edition = 2
			second := receipt.Sum(read(t, dir, "k3v9.head"))
			seal(t, a, b)
			if h := head(t, a, "k3v9"); h.Edition != 2 || h.Supersedes == nil || *h.Supersedes != second {
				t.Errorf("the third edition: %+v", h)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) != 6 {
				t.Errorf("%v, %v; want three editions", files, err)
			}
			if _, err := a.Superseded("k3v9", 2); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the edition that stands is superseded: %v", err)
			}
		})
	}
}

// A job whose earlier end was never signed says nothing of it, and a head that
// can no longer be read is kept as it is.
func TestOddEditions(t *testing.T) {
	a, dir := open(t)
	b := ended("k3v9", 5)
	b.view.Edition = 1
	seal(t, a, b)
	if h := head(t, a, "k3v9"); h.Edition != 1 || h.Supersedes != nil {
		t.Errorf("head %+v", h)
	}
	rubbish := []byte("rubbish")
	put(t, dir, "k3v9.head", rubbish)
	b.view.Edition = 2
	seal(t, a, b)
	if h := head(t, a, "k3v9"); h.Supersedes == nil || *h.Supersedes != receipt.Sum(rubbish) {
		t.Errorf("head %+v", h)
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// put replaces a file, and does not write to what else has its bytes.
func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What cannot be finished is not there.
func TestUnfinished(t *testing.T) {
	a, dir := open(t)
	b := ended("k3v9", 5)
	b.fail = errors.New("disk")
	if err := a.Ensure(t.Context(), b, "k3v9"); !errors.Is(err, b.fail) {
		t.Fatalf("Ensure = %v", err)
	}
	if _, err := a.Head("k3v9"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a head: %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	b.fail = nil
	if err := a.Ensure(t.Context(), b, "k3v9"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"", "../k3v9", "K", "a/b"} {
		if _, err := a.Head(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Head(%q) = %v", id, err)
		}
	}
}

// Trees are kept for a few jobs; the others are read again.
func TestManyJobs(t *testing.T) {
	a, _ := open(t)
	var ids []string
	for i := range 3 * keptLines {
		id := string(rune('a'+i/10)) + string(rune('0'+i%10))
		seal(t, a, ended(id, 1+i))
		ids = append(ids, id)
	}
	for range 2 {
		for i, id := range ids {
			if p, err := a.Prove(id, int64(i)); err != nil || p.Size != int64(1+i) {
				t.Fatalf("job %s: %+v, %v", id, p, err)
			}
		}
	}
	if len(a.lines) != keptLines || len(a.order) != keptLines {
		t.Errorf("%d trees kept, %d in order, want %d", len(a.lines), len(a.order), keptLines)
	}
}
