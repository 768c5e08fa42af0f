// Package storetest holds every implementation of engine.Store to its
// contract. A backend's test file has a factory and one call of Run.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// Open opens the store that name stands for; the same name opened again,
// after Close, is the same store with what was written to it.
type Open func(t *testing.T, name string) engine.Store

// Run runs the suite. Each test uses stores of its own.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, open Open)
	}{
		{"Jobs", testJobs},
		{"NotFound", testNotFound},
		{"Rounds", testRounds},
		{"CommitOnce", testCommitOnce},
		{"CommitWhole", testCommitWhole},
		{"Settle", testSettle},
		{"Volunteers", testVolunteers},
		{"Pins", testPins},
		{"Conservation", testConservation},
		{"FailureStaysAlone", testFailureStaysAlone},
		{"Closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open)
		})
	}
}

var (
	ctx = context.Background()
	t0  = time.UnixMilli(1_790_000_000_000)
	ann = volunteer.ID{'a'}
	bob = volunteer.ID{'b'}
	cyd = volunteer.ID{'c'}
)

// fresh opens a new store with one job, "j".
func fresh(t *testing.T, open Open) engine.Store {
	t.Helper()
	s := open(t, t.Name())
	t.Cleanup(func() { ok(t, s.Close()) })
	ok(t, s.CreateJob(ctx, sampleJob("j")))
	return s
}

func sampleJob(id string) engine.Job {
	return engine.Job{
		ID: id, Name: "name of " + id, Kind: "train", File: []byte("kind: train\n"),
		Plan: job.Plan{Rounds: 3, Ops: 1 << 40}, State: engine.Queued, Created: t0,
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %+v, want %+v", what, got, want)
	}
}

func testJobs(t *testing.T, open Open) {
	s := open(t, t.Name())
	a, b := sampleJob("a"), sampleJob("b")
	ok(t, s.CreateJob(ctx, b)) // order is by submission, not by name
	ok(t, s.CreateJob(ctx, a))
	if err := s.CreateJob(ctx, a); err == nil {
		t.Error("the same job was created twice")
	}
	got, err := s.Jobs(ctx)
	ok(t, err)
	equal(t, "Jobs", got, []engine.Job{b, a})

	ok(t, s.SetState(ctx, "a", engine.Running, "", time.Time{}))
	ok(t, s.SetState(ctx, "b", engine.Failed, "why", t0.Add(time.Second)))
	ok(t, s.Close())
	s = open(t, t.Name())
	defer func() { ok(t, s.Close()) }()
	a.State = engine.Running
	b.State, b.Reason, b.Finished = engine.Failed, "why", t0.Add(time.Second)
	for _, want := range []engine.Job{a, b} {
		got, err := s.Job(ctx, want.ID)
		ok(t, err)
		equal(t, "Job after reopening", got, want)
	}

	files := []engine.Artifact{{Name: "a.txt", Type: "text/plain", Size: 3, Hash: job.Hash{1}}, {Name: "b", Type: "x/y", Hash: job.Hash{2}}}
	ok(t, s.Finish(ctx, "a", files, t0.Add(time.Minute)))
	a.State, a.Finished = engine.Done, t0.Add(time.Minute)
	j, err := s.Job(ctx, "a")
	ok(t, err)
	equal(t, "finished Job", j, a)
	list, err := s.Artifacts(ctx, "a")
	ok(t, err)
	equal(t, "Artifacts", list, files)
}

func testNotFound(t *testing.T, open Open) {
	s := fresh(t, open)
	_, job := s.Job(ctx, "nobody")
	_, checkpoint := s.Checkpoint(ctx, "j")
	_, foreign := s.Checkpoint(ctx, "nobody")
	for name, err := range map[string]error{
		"Job": job, "Checkpoint before the first": checkpoint, "Checkpoint of no job": foreign,
		"SetState": s.SetState(ctx, "nobody", engine.Done, "", t0),
		"Finish":   s.Finish(ctx, "nobody", nil, t0),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	balance, err := s.Balance(ctx, "nobody")
	ok(t, err)
	equal(t, "Balance of an unused account", balance, ledger.Amount(0))
}

func testRounds(t *testing.T, open Open) {
	s := fresh(t, open)
	loss := 2.5
	first := job.Report{Round: 0, Step: 1, Steps: 9, Loss: &loss}
	second := job.Report{Round: 1, Step: 2, Steps: 9}
	ok(t, s.FinishRound(ctx, "j", second, nil))
	ok(t, s.FinishRound(ctx, "j", first, &engine.Checkpoint{Round: 1, Record: []byte("r1"), Blobs: []job.Hash{{1}, {2}}}))
	got, err := s.Reports(ctx, "j", 0)
	ok(t, err)
	equal(t, "Reports", got, []job.Report{first, second})
	got, err = s.Reports(ctx, "j", 1)
	ok(t, err)
	equal(t, "Reports from 1", got, []job.Report{second})

	last, err := s.Latest(ctx, "j")
	ok(t, err)
	equal(t, "Latest", last, job.Report{Round: 1, Step: 2, Steps: 9, Loss: &loss})
	last, err = s.Latest(ctx, "nobody")
	ok(t, err)
	equal(t, "Latest of no job", last, job.Report{})

	second.Step = 3
	want := engine.Checkpoint{Round: 2, Record: []byte("r2")}
	ok(t, s.FinishRound(ctx, "j", second, &want))
	got, err = s.Reports(ctx, "j", 1)
	ok(t, err)
	equal(t, "Reports after recording again", got, []job.Report{second})
	c, err := s.Checkpoint(ctx, "j")
	ok(t, err)
	equal(t, "Checkpoint", c, want)
}

// result makes a result of v for shard 0 of round 0.
func result(v volunteer.ID, output byte, standing trust.Standing) engine.Result {
	return engine.Result{
		Job: "j", Shard: engine.NewShardID(0, 0), Volunteer: v, Lane: "cpu", Output: job.Hash{output},
		Token: []byte{'t', v[0]}, Signature: [64]byte{v[0]}, Millis: 12, At: t0, Standing: standing,
	}
}

// settling makes the commit in which v's result settles the shard.
func settling(t *testing.T, v volunteer.ID, paid ...volunteer.ID) engine.Commit {
	t.Helper()
	r := result(v, 'x', trust.Confirmed)
	tx, err := ledger.Payment(t0, ledger.Reference{Job: "j", Shard: uint64(r.Shard), Output: r.Output.String(), Reason: "why"}, 3*ledger.OpsPerUnit, paid)
	ok(t, err)
	return engine.Commit{
		Result:   r,
		Accepted: &engine.Acceptance{Shard: r.Shard, Program: job.Hash{'p'}, Inputs: []job.Hash{{'i'}, {'k'}}, Ops: 3 * ledger.OpsPerUnit, Output: r.Output, At: t0},
		Payment:  &tx,
	}
}

func testCommitOnce(t *testing.T, open Open) {
	s := fresh(t, open)
	c := settling(t, ann, ann)
	for i, want := range []bool{true, false, false} {
		got, err := s.Commit(ctx, c)
		ok(t, err)
		equal(t, fmt.Sprintf("Commit %d", i), got, want)
	}
	balance, err := s.Balance(ctx, ledger.VolunteerAccount(ann))
	ok(t, err)
	equal(t, "Balance", balance, ledger.Amount(3))
	txs, err := s.Transactions(ctx, ledger.VolunteerAccount(ann), 10)
	ok(t, err)
	equal(t, "Transactions", txs, []ledger.Transaction{*c.Payment})
}

// A commit that cannot be done as a whole leaves nothing behind.
func testCommitWhole(t *testing.T, open Open) {
	s := fresh(t, open)
	unbalanced := settling(t, ann, ann)
	unbalanced.Payment.Entries[0].Amount--
	foreign := settling(t, bob, bob)
	foreign.Changes = []engine.Change{{Volunteer: cyd, Standing: trust.Refuted}} // has no result
	nowhere := settling(t, cyd, cyd)
	nowhere.Result.Job = "nobody"
	for name, c := range map[string]engine.Commit{"unbalanced": unbalanced, "foreign change": foreign, "no such job": nowhere} {
		if inserted, err := s.Commit(ctx, c); err == nil || inserted {
			t.Errorf("%s: Commit = %v, %v; want an error", name, inserted, err)
		}
	}
	results, err := s.Results(ctx, "j", 0, engine.NewShardID(9, 0))
	ok(t, err)
	accepted, err := s.Acceptances(ctx, "j", 0, engine.NewShardID(9, 0))
	ok(t, err)
	stats, err := s.Stats(ctx)
	ok(t, err)
	equal(t, "Results", len(results), 0)
	equal(t, "Acceptances", len(accepted), 0)
	equal(t, "Stats", stats, engine.Stats{Jobs: 1})
}

// Two volunteers disagree, a third settles: everything follows.
func testSettle(t *testing.T, open Open) {
	s := fresh(t, open)
	for _, r := range []engine.Result{result(cyd, 'x', trust.Pending), result(bob, 'y', trust.Pending)} {
		_, err := s.Commit(ctx, engine.Commit{Result: r})
		ok(t, err)
	}
	c := settling(t, ann, cyd, ann)
	c.Changes = []engine.Change{{Volunteer: cyd, Standing: trust.Confirmed}, {Volunteer: bob, Standing: trust.Refuted}}
	c.Marks = []engine.Mark{{Volunteer: bob, Lane: "cpu", Job: "j", Shard: c.Result.Shard, Reason: "lied", At: t0}}
	_, err := s.Commit(ctx, c)
	ok(t, err)

	results, err := s.Results(ctx, "j", 0, 1)
	ok(t, err)
	equal(t, "Results", results, []engine.Result{result(cyd, 'x', trust.Confirmed), result(bob, 'y', trust.Refuted), result(ann, 'x', trust.Confirmed)})
	results, err = s.Results(ctx, "j", 1, engine.NewShardID(9, 0))
	ok(t, err)
	equal(t, "Results of other shards", len(results), 0)
	accepted, err := s.Acceptances(ctx, "j", 0, 1)
	ok(t, err)
	equal(t, "Acceptances", accepted, []engine.Acceptance{*c.Accepted})

	stats, err := s.Stats(ctx)
	ok(t, err)
	equal(t, "Stats", stats, engine.Stats{Jobs: 1, Shards: 1, Results: 3, Refuted: 1, Ops: 3 * ledger.OpsPerUnit, Credit: 6, Volunteers: 3})
	list, err := s.Volunteers(ctx, 10)
	ok(t, err)
	for _, v := range list {
		shards, credit, marks := int64(1), ledger.Amount(3), map[string]int{}
		if v.Volunteer == bob {
			shards, credit, marks = 0, 0, map[string]int{"cpu": 1}
		}
		equal(t, "volunteer "+v.Volunteer.Short(), v, engine.Standing{Volunteer: v.Volunteer, Shards: shards, Credit: credit, Seen: t0, Marks: marks})
	}
	equal(t, "last of Volunteers", list[2].Volunteer, bob)
	balance, err := s.Balance(ctx, ledger.JobAccount("j"))
	ok(t, err)
	equal(t, "the job's balance", balance, ledger.Amount(-6))
}

func testVolunteers(t *testing.T, open Open) {
	s := fresh(t, open)
	st, err := s.See(ctx, ann, "first/1", t0)
	ok(t, err)
	equal(t, "See", st, engine.Standing{Volunteer: ann, Agent: "first/1", Seen: t0, Marks: map[string]int{}})
	m := engine.Mark{Volunteer: ann, Lane: "gpu", Job: "j", Shard: 4, Reason: "shape", At: t0}
	ok(t, s.Mark(ctx, m))
	ok(t, s.Mark(ctx, m)) // the same fault counts once
	m.Shard++
	ok(t, s.Mark(ctx, m))
	st, err = s.See(ctx, ann, "second/2", t0.Add(time.Hour))
	ok(t, err)
	equal(t, "See again", st, engine.Standing{Volunteer: ann, Agent: "second/2", Seen: t0.Add(time.Hour), Marks: map[string]int{"gpu": 2}})
	_, err = s.See(ctx, bob, "b", t0)
	ok(t, err)
	list, err := s.Volunteers(ctx, 1)
	ok(t, err)
	equal(t, "Volunteers(1)", len(list), 1)
}

func testPins(t *testing.T, open Open) {
	s := fresh(t, open)
	for range 2 {
		ok(t, s.Pin(ctx, job.Hash{7}, 5, t0))
	}
	pins, err := s.Pins(ctx)
	ok(t, err)
	equal(t, "Pins", pins, []job.Hash{{7}})
}

// Many callers commit at once, each result twice: every result is paid
// exactly once, and balances are the sums of the entries.
func testConservation(t *testing.T, open Open) {
	s := fresh(t, open)
	const callers, each = 8, 25
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			v := volunteer.ID{byte(c + 1)}
			for i := range 2 * each {
				commit := settling(t, v, v)
				id := engine.NewShardID(i/2, c)
				commit.Result.Shard, commit.Accepted.Shard, commit.Payment.Reference.Shard = id, id, uint64(id)
				if inserted, err := s.Commit(ctx, commit); err != nil || inserted != (i%2 == 0) {
					t.Errorf("Commit %d of caller %d = %v, %v", i, c, inserted, err)
				}
			}
		})
	}
	wg.Wait()
	total := ledger.Amount(0)
	for c := range callers {
		account := ledger.VolunteerAccount(volunteer.ID{byte(c + 1)})
		balance, err := s.Balance(ctx, account)
		ok(t, err)
		equal(t, "Balance", balance, ledger.Amount(3*each))
		txs, err := s.Transactions(ctx, account, 2*each)
		ok(t, err)
		sum := ledger.Balances{}
		for _, tx := range txs {
			ok(t, sum.Apply(tx))
		}
		equal(t, "sum of the entries", sum[account], balance)
		total += balance
	}
	balance, err := s.Balance(ctx, ledger.JobAccount("j"))
	ok(t, err)
	equal(t, "the job's balance", balance, -total)
}

// A write that fails does not take down those it shares a transaction with.
func testFailureStaysAlone(t *testing.T, open Open) {
	s := fresh(t, open)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i%2 == 0 {
				if err := s.SetState(ctx, "nobody", engine.Failed, "", t0); !errors.Is(err, engine.ErrNotFound) {
					t.Errorf("SetState of no job: %v", err)
				}
				return
			}
			if err := s.Pin(ctx, job.Hash{byte(i)}, 1, t0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	pins, err := s.Pins(ctx)
	ok(t, err)
	equal(t, "pins", len(pins), 32)
}

func testClosed(t *testing.T, open Open) {
	s := open(t, t.Name())
	ok(t, s.Close())
	ok(t, s.Close())
	if err := s.Pin(ctx, job.Hash{1}, 1, t0); err == nil {
		t.Error("a closed store took a write")
	}
}
