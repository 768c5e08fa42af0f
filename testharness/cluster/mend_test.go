package cluster

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	receipts "github.com/shoal-compute/shoal/hub/receipt"
)

// sleeper is a volunteer whose word is enough, as the operator vouches for it:
// no lot decides when it is believed. It lies about so many shards, is honest from
// then on, and gives itself away once it is exposed.
type sleeper struct {
	*Volunteer
	exposed atomic.Bool
	caught  <-chan struct{}
}

func newSleeper(c *hub.Config, lies int) *sleeper {
	s := &sleeper{Volunteer: NewVolunteer("sleeper")}
	c.Certified = append(c.Certified, s.ID())
	s.caught = heard(s.Volunteer, isRefusal(protocol.CodeBadResult))
	s.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
		switch {
		case s.exposed.Load():
			return [][]byte{{1}}
		case n < lies:
			return lie(honest)
		}
		return honest
	}
	return s
}

// believed has a job done by s alone, and returns its ID and its signed head.
func believed(t *testing.T, x *Cluster, s *sleeper, file []byte) (id string, head []byte) {
	t.Helper()
	x.Join(s.Volunteer)
	id = x.Submit(file)
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("job is %s: %s", j.State, j.Error)
	}
	head, err := x.Client.Head(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return id, head
}

// expose has s caught over another job, which is then done by others.
func expose(t *testing.T, x *Cluster, s *sleeper) {
	t.Helper()
	s.exposed.Store(true)
	id := x.Submit(assured("another", 3, 1, weighed))
	waitFor(t, s.caught, "the sleeper gives itself away")
	crowd(x, 2)
	x.Wait(id)
}

// until waits for a job to be something.
func until(t *testing.T, x *Cluster, id string, is func(client.Job) bool) client.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	for {
		j, err := x.Client.Job(ctx, id)
		if err != nil {
			t.Fatalf("%v; the job is %+v", err, j)
		}
		if is(j) {
			return j
		}
	}
}

func doneAnew(j client.Job) bool { return j.Repairs > 0 && j.State == "done" }

// superseded demands that the record of a job that came to another end names the
// first, and that this is still shown.
func superseded(t *testing.T, x *Cluster, id string, first []byte) receipts.Head {
	t.Helper()
	signed, err := x.Client.Head(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	h, err := receipts.OpenHead(signed)
	if err != nil {
		t.Fatal(err)
	}
	if h.Edition != 1 || h.Supersedes == nil || *h.Supersedes != receipts.Sum(first) {
		t.Errorf("edition %d supersedes %v, want edition 1 to supersede %v", h.Edition, h.Supersedes, receipts.Sum(first))
	}
	if old, err := x.Client.Superseded(t.Context(), id, 0); err != nil || !bytes.Equal(old, first) {
		t.Errorf("the first head is %q, %v; want %q", old, err, first)
	}
	return h
}

// A job that has ended on a lie is reopened when the liar is caught over another
// job, and comes to the end it would have had without him: whatever of it is kept,
// and wherever the hub is stopped in between.
func TestEndedJobIsMended(t *testing.T) {
	const rounds, shards = 24, 2
	for _, tc := range []struct {
		name   string
		lies   int
		retain int64
		stop   string
		trust  string
	}{
		{"early lies", 5, 1 << 20, "", weighed},
		{"many lies", 30, 1 << 20, "", weighed},
		{"with nothing kept", 30, 0, "", weighed},
		{"stopped before it is reopened", 30, 1 << 20, "before", weighed},
		{"stopped before it is reopened, with nothing kept", 30, 0, "before", weighed},
		{"stopped while it is reopened", 30, 1 << 20, "meanwhile", weighed},
		{"at a deadline long past", 30, 1 << 20, "later", weighed + `, "deadline": "2h"`},
		{"at its limit", 30, 1 << 20, "", weighed + fmt.Sprintf(`, "credits": %d`, rounds*shards*((ChainOps+999_999)/1_000_000))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			config.Retain = tc.retain
			s := newSleeper(&config, tc.lies)
			first := config
			var asked <-chan struct{}
			switch tc.stop {
			case "before":
				first.Mend = 0 // nor are its checkpoints kept
			case "meanwhile", "later":
				first.Execute, asked = stuck()
			}
			x := Start(t, first)
			id, head := believed(t, x, s, assured("mended", rounds, shards, tc.trust))
			if CheckChain(t.Context(), x.Client, id, "mended", rounds, shards) == nil {
				t.Fatal("no lie was believed: the test proves nothing")
			}
			if tc.stop == "" {
				expose(t, x, s)
			} else {
				s.exposed.Store(true)
				x.Submit(assured("another", 3, 1, weighed))
				waitFor(t, s.caught, "the sleeper gives itself away")
				if asked != nil {
					waitFor(t, asked, "a shard is run again")
				}
				x.Stop()
				if tc.stop == "later" {
					config.Now = func() time.Time { return time.Now().Add(3 * time.Hour) }
				}
				x = Start(t, config)
				crowd(x, 2)
			}
			j := until(t, x, id, doneAnew)
			x.Done(id, "mended", rounds, shards, 0)
			checkMarks(t, x, s.Volunteer)
			h := superseded(t, x, id, head)
			old, err := receipts.OpenHead(head)
			if err != nil {
				t.Fatal(err)
			}
			if !h.Done() || h.Withdrawn != j.Repairs || !h.Ended.After(old.Ended) || j.Finished == nil || !j.Finished.Equal(h.Ended) || j.Error != "" {
				t.Errorf("head %+v of job %+v", h, j)
			}
		})
	}
}

// Where everything turns out right, the job is done as it was: with the same
// record, at the same time.
func TestEndedJobIsUpheld(t *testing.T) {
	const rounds, shards = 20, 2
	config := trusting(t)
	s := newSleeper(&config, 0)
	x := Start(t, config)
	id, head := believed(t, x, s, assured("upheld", rounds, shards, weighed))
	before := until(t, x, id, func(client.Job) bool { return true })
	expose(t, x, s)
	j := until(t, x, id, func(j client.Job) bool { return j.State == "done" && j.Trust.Audited == rounds*shards })
	x.Done(id, "upheld", rounds, shards, 1)
	if j.Repairs != 0 || j.Finished == nil || !j.Finished.Equal(*before.Finished) || j.Cost != before.Cost || j.Trust.Bound != 0 {
		t.Errorf("the job was %+v and is %+v", before, j)
	}
	if got, err := x.Client.Head(t.Context(), id); err != nil || !bytes.Equal(got, head) {
		t.Errorf("the record is %q, %v; want %q", got, err, head)
	}
	if old, err := x.Client.Superseded(t.Context(), id, 0); err == nil {
		t.Errorf("a head is superseded: %q", old)
	}
}

// While it is open whether a job is still done it shows no files and no record.
// It can be cancelled, and says then what has become of it.
func TestReopenedJobIsCancelled(t *testing.T) {
	config := trusting(t)
	s := newSleeper(&config, 10)
	var asked <-chan struct{}
	config.Execute, asked = stuck()
	x := Start(t, config)
	id, head := believed(t, x, s, assured("cancelled", 20, 2, weighed))
	s.exposed.Store(true)
	x.Submit(assured("another", 3, 1, weighed))
	waitFor(t, s.caught, "the sleeper gives itself away")
	waitFor(t, asked, "a shard is run again")
	j := until(t, x, id, func(j client.Job) bool { return j.State == "running" })
	if !strings.Contains(j.Error, "reopened") || j.Finished != nil {
		t.Errorf("a reopened job is %+v", j)
	}
	if files, err := x.Client.Artifacts(t.Context(), id); err != nil || len(files) != 0 {
		t.Errorf("a reopened job has files: %+v, %v", files, err)
	}
	if _, err := x.Client.Head(t.Context(), id); err == nil {
		t.Error("a reopened job shows a record")
	}
	if err := x.Client.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if j := x.Wait(id); j.State != "cancelled" || !strings.Contains(j.Error, "reopened") {
		t.Errorf("job is %s: %s", j.State, j.Error)
	}
	if files, err := x.Client.Artifacts(t.Context(), id); err != nil || len(files) != 0 {
		t.Errorf("a cancelled job has files: %+v, %v", files, err)
	}
	if h := superseded(t, x, id, head); h.State != "cancelled" || h.Promise == nil || h.Receipts != 40 {
		t.Errorf("head %+v", h)
	}
}

// gate is a chain whose files are made only once it is open.
type gate struct {
	Chain
	asked func()
	open  <-chan struct{}
}

type gatedRun struct {
	job.Run
	gate gate
}

func (g gate) Start(ctx context.Context, spec *job.Spec, env job.Env, checkpoint []byte) (job.Run, error) {
	r, err := g.Chain.Start(ctx, spec, env, checkpoint)
	return gatedRun{r, g}, err
}

func (r gatedRun) Artifacts(ctx context.Context) ([]job.Artifact, error) {
	r.gate.asked()
	<-r.gate.open
	return r.Run.Artifacts(ctx)
}

// Somebody is caught while a job makes its files, and it has made them before the
// repair has found anything: the job does not end on them.
func TestCaughtWhileItEnds(t *testing.T) {
	const rounds, shards = 12, 2
	config := trusting(t)
	s := newSleeper(&config, 10)
	asked, open := make(chan struct{}), make(chan struct{})
	config.Kinds = []job.Kind{gate{asked: sync.OnceFunc(func() { close(asked) }), open: open}}
	var audits atomic.Int64
	auditing := make(chan struct{})
	config.Execute = func(ctx context.Context, s job.Shard, blobs job.Blobs) ([][]byte, error) {
		if audits.Add(1) > 1 {
			return ExecuteChain(ctx, s, blobs)
		}
		close(auditing)
		<-ctx.Done() // the job ends before this does
		return nil, ctx.Err()
	}
	x := Start(t, config)
	x.Join(s.Volunteer)
	id := x.Submit(assured("ending", rounds, shards, weighed))
	waitFor(t, asked, "the job makes its files")
	s.exposed.Store(true)
	x.Submit(assured("another", 3, 1, weighed))
	waitFor(t, s.caught, "the sleeper gives itself away")
	waitFor(t, auditing, "a shard is run again")
	close(open)
	crowd(x, 2)
	x.Done(id, "ending", rounds, shards, 0)
	signed, err := x.Client.Head(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := receipts.OpenHead(signed); err != nil || h.Edition != 0 || h.Withdrawn == 0 {
		t.Errorf("head %+v, %v", h, err)
	}
}

// After its time a job is left alone, and its checkpoints go.
func TestMendingEnds(t *testing.T) {
	for name, change := range map[string]func(c *hub.Config){
		"never": func(c *hub.Config) { c.Mend = 0 },
		"later": func(c *hub.Config) {
			c.Mend = time.Hour
			c.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			config.Retain = 0
			s := newSleeper(&config, 10)
			x := Start(t, config)
			id, head := believed(t, x, s, assured("left", 40, 2, weighed))
			states := chainStates(t, x, id)
			if states == 0 {
				t.Error("a job that may be reopened keeps no checkpoint")
			}
			x.Stop()
			change(&config)
			x = Start(t, config)
			if n := chainStates(t, x, id); n != 0 {
				t.Errorf("%d of %d checkpoints are kept for nothing", n, states)
			}
			x.Join(s.Volunteer)
			expose(t, x, s)
			// The hub has had a whole job's time to reopen this one.
			j := until(t, x, id, func(client.Job) bool { return true })
			if got, err := x.Client.Head(t.Context(), id); err != nil || j.State != "done" || j.Repairs != 0 || !bytes.Equal(got, head) {
				t.Errorf("job is %+v, its record %q, %v", j, got, err)
			}
		})
	}
}

// chainStates counts the states before a round of a job that the hub still has:
// with nothing kept for audits, those of checkpoints.
func chainStates(t *testing.T, x *Cluster, id string) (n int) {
	t.Helper()
	for _, h := range inputsOf(t, x, id) {
		if _, err := x.Client.Blob(t.Context(), h); err == nil {
			n++
		}
	}
	return n
}

// inputsOf lists the states that the rounds of a chain began with, but for the
// first, which is no checkpoint's.
func inputsOf(t *testing.T, x *Cluster, id string) []job.Hash {
	t.Helper()
	var text bytes.Buffer
	if err := x.Client.Receipts(t.Context(), id, &text); err != nil {
		t.Fatal(err)
	}
	var list []job.Hash
	for line := range bytes.Lines(text.Bytes()) {
		r, err := receipts.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		if r.Index == 0 && r.Round > 0 {
			list = append(list, job.Hash(r.Inputs[0]))
		}
	}
	return list
}
