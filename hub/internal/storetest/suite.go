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
		{"Audit", testAudit},
		{"Devices", testDevices},
		{"Withdraw", testWithdraw},
		{"Reopen", testReopen},
		{"Reliant", testReliant},
		{"Disputes", testDisputes},
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
	for _, c := range []struct {
		query engine.JobQuery
		want  []engine.Job
	}{
		{engine.JobQuery{Limit: 5}, []engine.Job{a, b}},
		{engine.JobQuery{Limit: 1}, []engine.Job{a}},
		{engine.JobQuery{Limit: 5, Before: "a"}, []engine.Job{b}},
		{engine.JobQuery{Limit: 5, Before: "b"}, nil},
		{engine.JobQuery{Limit: 5, Before: "nobody"}, nil},
		{engine.JobQuery{Limit: 5, State: engine.Queued}, []engine.Job{a, b}},
		{engine.JobQuery{Limit: 5, State: engine.Done}, nil},
	} {
		got, err := s.NewestJobs(ctx, c.query)
		ok(t, err)
		equal(t, fmt.Sprintf("NewestJobs of %+v", c.query), got, c.want)
	}

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
	for name, err := range map[string]error{
		"Job":      job,
		"Withdraw": s.Withdraw(ctx, engine.Withdrawal{Job: "nobody", Generation: 1, At: t0}),
		"SetState": s.SetState(ctx, "nobody", engine.Done, "", t0),
		"Finish":   s.Finish(ctx, "nobody", nil, t0),
		"Reopen":   s.Reopen(ctx, "nobody", "why"),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	none, err := s.Checkpoints(ctx, "j")
	ok(t, err)
	equal(t, "Checkpoints before the first", len(none), 0)
	balance, err := s.Balance(ctx, "nobody")
	ok(t, err)
	equal(t, "Balance of an unused account", balance, ledger.Amount(0))
}

func testRounds(t *testing.T, open Open) {
	s := fresh(t, open)
	loss := 2.5
	first := job.Report{Round: 0, Step: 1, Steps: 9, Loss: &loss}
	second := job.Report{Round: 1, Step: 2, Steps: 9}
	ok(t, s.FinishRound(ctx, "j", second, nil, nil))
	ok(t, s.FinishRound(ctx, "j", first, &engine.Checkpoint{Round: 1, Record: []byte("r1"), Blobs: []job.Hash{{1}, {2}}}, nil))
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
	want := []engine.Checkpoint{{Round: 1, Record: []byte("r1"), Blobs: []job.Hash{{1}, {2}}}, {Round: 2, Record: []byte("r2")}}
	ok(t, s.FinishRound(ctx, "j", second, &want[1], nil))
	got, err = s.Reports(ctx, "j", 1)
	ok(t, err)
	equal(t, "Reports after recording again", got, []job.Report{second})
	list, err := s.Checkpoints(ctx, "j")
	ok(t, err)
	equal(t, "Checkpoints", list, want)
	third := engine.Checkpoint{Round: 3, Record: []byte("r3")}
	ok(t, s.FinishRound(ctx, "j", second, &third, []int{1, 2}))
	list, err = s.Checkpoints(ctx, "j")
	ok(t, err)
	equal(t, "Checkpoints after others were dropped", list, []engine.Checkpoint{third})
}

// result makes a result of v for shard 0 of round 0.
func result(v volunteer.ID, output byte, standing trust.Standing) engine.Result {
	var from trust.Identity // unknown of the first
	if v != ann {
		from = trust.Identity{Block: "203.0.113.0/24", Class: "gpu of " + v.Short(), Build: "x/1", Created: t0.Add(-time.Hour)}
	}
	return engine.Result{
		Identity: from,
		Job:      "j", Shard: engine.NewShardID(0, 0), Volunteer: v, Lane: "cpu", Class: "cpu model " + v.Short(), Output: job.Hash{output},
		Token: []byte{'t', v[0]}, Signature: [64]byte{v[0]}, Millis: 12, At: t0, Standing: standing,
		Risk: 0.25, Alone: v == bob, Check: v == cyd,
	}
}

// settling makes the commit in which v's result settles the shard.
func settling(t *testing.T, v volunteer.ID, paid ...volunteer.ID) engine.Commit {
	t.Helper()
	r := result(v, 'x', trust.Confirmed)
	payees := make([]ledger.Payee, len(paid))
	for i, p := range paid {
		payees[i].Volunteer = p
	}
	tx, err := ledger.Payment(t0, ledger.Reference{Job: "j", Shard: uint64(r.Shard), Output: r.Output.String(), Reason: "why"}, 3*ledger.OpsPerUnit, payees)
	ok(t, err)
	return engine.Commit{
		Job: "j", Shard: r.Shard, Result: &r,
		Accepted: &engine.Acceptance{
			Shard: r.Shard, Program: job.Hash{'p'}, Inputs: []job.Hash{{'i'}, {'k'}}, Ops: 3 * ledger.OpsPerUnit, Output: r.Output, At: t0,
			Path: engine.Agreed, Risk: 0.125, Executed: 2,
		},
		Ledger: []ledger.Transaction{tx},
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
	equal(t, "Transactions", txs, c.Ledger)
}

// A commit that cannot be done as a whole leaves nothing behind.
func testCommitWhole(t *testing.T, open Open) {
	s := fresh(t, open)
	unbalanced := settling(t, ann, ann)
	unbalanced.Ledger[0].Entries[0].Amount--
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
		_, err := s.Commit(ctx, engine.Commit{Job: "j", Shard: r.Shard, Result: &r})
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
		equal(t, "volunteer "+v.Volunteer.Short(), v, engine.Standing{Volunteer: v.Volunteer, Shards: shards, Credit: credit, First: t0, Seen: t0, Marks: marks})
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
	equal(t, "See", st, engine.Standing{Volunteer: ann, Agent: "first/1", First: t0, Seen: t0, Marks: map[string]int{}})
	m := engine.Mark{Volunteer: ann, Lane: "gpu", Job: "j", Shard: 4, Reason: "shape", At: t0}
	for _, shard := range []engine.ShardID{4, 4, 5} { // the same fault counts once
		m.Shard = shard
		_, err := s.Commit(ctx, engine.Commit{Job: "j", Shard: shard, Marks: []engine.Mark{m}})
		ok(t, err)
	}
	st, err = s.See(ctx, ann, "second/2", t0.Add(time.Hour))
	ok(t, err)
	equal(t, "See again", st, engine.Standing{Volunteer: ann, Agent: "second/2", First: t0, Seen: t0.Add(time.Hour), Marks: map[string]int{"gpu": 2}})
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
				commit.Shard, commit.Result.Shard, commit.Accepted.Shard, commit.Ledger[0].Reference.Shard = id, id, id, uint64(id)
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

// An audit settles a shard without a further result, and may take a stake.
func testAudit(t *testing.T, open Open) {
	s := fresh(t, open)
	for _, v := range []volunteer.ID{ann, bob} {
		r := result(v, v[0], trust.Pending)
		_, err := s.Commit(ctx, engine.Commit{Job: "j", Shard: r.Shard, Result: &r})
		ok(t, err)
	}
	earned, err := ledger.Payment(t0, ledger.Reference{Job: "j"}, 5*ledger.OpsPerUnit, []ledger.Payee{{Volunteer: bob, Withheld: 4}})
	ok(t, err)
	slash, err := ledger.Slash(t0, ledger.Reference{Job: "j", Reason: "lied"}, bob, 3)
	ok(t, err)
	c := settling(t, ann, ann)
	c.Result = nil
	c.Accepted.Path, c.Accepted.Risk = engine.Audited, 0
	c.Changes = []engine.Change{{Volunteer: ann, Standing: trust.Confirmed}, {Volunteer: bob, Standing: trust.Refuted}}
	c.Ledger = append(c.Ledger, earned, slash)
	c.Spent = 5
	inserted, err := s.Commit(ctx, c)
	ok(t, err)
	equal(t, "Commit without a result", inserted, true)
	account, err := s.Account(ctx, "j")
	ok(t, err)
	want := engine.Account{Audited: 1, Refuted: 1}
	want.Accepted, want.Executed = 1, 2+5
	equal(t, "Account", account, want)
	stakes, err := s.Stakes(ctx)
	ok(t, err)
	equal(t, "Stakes", stakes, map[volunteer.ID]ledger.Amount{bob: 1})
	list, err := s.Volunteers(ctx, 9)
	ok(t, err)
	equal(t, "stake of the second", list[1].Stake, ledger.Amount(1))
	equal(t, "credit of the second", list[1].Credit, ledger.Amount(1))
	stats, err := s.Stats(ctx)
	ok(t, err)
	equal(t, "credit paid", stats.Credit, int64(8))
	other := settling(t, cyd, cyd)
	other.Shard, other.Result.Shard, other.Accepted.Shard = 1, 1, 1
	_, err = s.Commit(ctx, other)
	ok(t, err)
	account, err = s.Account(ctx, "j")
	ok(t, err)
	equal(t, "worst risk", account.Worst, 0.125)
	changed := *other.Accepted
	changed.Output = job.Hash{'z'}
	ok(t, s.Uphold(ctx, "j", []engine.Acceptance{*other.Accepted, changed, {Shard: 77}}))
	account, err = s.Account(ctx, "j")
	ok(t, err)
	want.Accepted, want.Executed, want.Audited = 2, 5+5, 2
	equal(t, "Account once all is audited", account, want)
}

func testDevices(t *testing.T, open Open) {
	s := fresh(t, open)
	d := engine.DeviceRecord{Volunteer: ann, Class: "cpu x", Record: trust.Record{Verified: 1.5, At: t0}, Results: 3, Verified: 2}
	other := engine.DeviceRecord{Volunteer: bob, Class: "cpu", Record: trust.Record{At: t0}, Results: 1, Caught: true}
	late := d
	late.Results, late.Verified = 2, 1
	for i, devices := range [][]engine.DeviceRecord{{d, other}, {late}} {
		c := settling(t, ann, ann)
		id := engine.NewShardID(0, i)
		c.Shard, c.Result.Shard, c.Accepted.Shard, c.Devices = id, id, id, devices
		_, err := s.Commit(ctx, c)
		ok(t, err)
	}
	got, err := s.Devices(ctx)
	ok(t, err)
	equal(t, "Devices", got, []engine.DeviceRecord{d, other})
}

// What is withdrawn counts no more, can be done again, and stays paid.
func testWithdraw(t *testing.T, open Open) {
	s := fresh(t, open)
	for round := range 3 {
		c := settling(t, ann, ann)
		id := engine.NewShardID(round, 0)
		c.Shard, c.Result.Shard, c.Accepted.Shard = id, id, id
		_, err := s.Commit(ctx, c)
		ok(t, err)
		ok(t, s.FinishRound(ctx, "j", job.Report{Round: round, Step: round + 1}, &engine.Checkpoint{Round: round + 1, Record: []byte{'r'}}, nil))
	}
	for generation := 1; generation < 3; generation++ {
		ok(t, s.Withdraw(ctx, engine.Withdrawal{Job: "j", From: 1, Generation: generation, At: t0}))
		j, err := s.Job(ctx, "j")
		ok(t, err)
		equal(t, "Generation", j.Generation, generation)
		all := engine.NewShardID(9, 0)
		settled, err := s.Acceptances(ctx, "j", 0, all)
		ok(t, err)
		results, err := s.Results(ctx, "j", 0, all)
		ok(t, err)
		equal(t, "verdicts left", len(settled), 1)
		equal(t, "results left", len(results), 1)
		list, err := s.Checkpoints(ctx, "j")
		ok(t, err)
		equal(t, "checkpoints left", len(list), 1)
		equal(t, "the checkpoint's round", list[0].Round, 1)
		reports, err := s.Reports(ctx, "j", 0)
		ok(t, err)
		equal(t, "reports left", len(reports), 1)
		account, err := s.Account(ctx, "j")
		ok(t, err)
		equal(t, "executions, the withdrawn included", account.Executed, int64(2*(2+generation)))
		c := settling(t, ann, ann)
		id := engine.NewShardID(1, 0)
		c.Shard, c.Result.Shard, c.Accepted.Shard = id, id, id
		inserted, err := s.Commit(ctx, c)
		ok(t, err)
		equal(t, "the same volunteer's result again", inserted, true)
	}
	balance, err := s.Balance(ctx, ledger.VolunteerAccount(ann))
	ok(t, err)
	equal(t, "Balance", balance, ledger.Amount(3*5))
}

// A job that is reopened keeps its end until that is given up.
func testReopen(t *testing.T, open Open) {
	s := fresh(t, open)
	if err := s.Reopen(ctx, "j", "why"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("Reopen of a job that is not done: %v, want ErrNotFound", err)
	}
	first, second := []engine.Artifact{{Name: "a", Hash: job.Hash{1}}, {Name: "b", Hash: job.Hash{2}}}, []engine.Artifact{{Name: "b", Hash: job.Hash{3}}}
	want := sampleJob("j")
	check := func(what string, artifacts []engine.Artifact) {
		t.Helper()
		got, err := s.Job(ctx, "j")
		ok(t, err)
		equal(t, what, got, want)
		list, err := s.Artifacts(ctx, "j")
		ok(t, err)
		equal(t, what+": Artifacts", list, artifacts)
	}
	reopen := func() {
		t.Helper()
		ok(t, s.Reopen(ctx, "j", "why"))
		ok(t, s.SetState(ctx, "j", engine.Running, "why", time.Time{}))
		want.State, want.Reason = engine.Running, "why"
	}
	ok(t, s.SetState(ctx, "j", engine.Running, "", time.Time{}))
	ok(t, s.Finish(ctx, "j", first, t0.Add(time.Hour)))
	want.Finished = t0.Add(time.Hour)
	reopen()
	check("reopened", first)

	ok(t, s.SetState(ctx, "j", engine.Done, "", want.Finished))
	want.State, want.Reason = engine.Done, ""
	check("found to be right", first)

	reopen()
	ok(t, s.Withdraw(ctx, engine.Withdrawal{Job: "j", From: 1, Generation: 1, At: t0}))
	want.Generation, want.Edition, want.Finished = 1, 1, time.Time{}
	check("withdrawn", nil)
	ok(t, s.Withdraw(ctx, engine.Withdrawal{Job: "j", From: 0, Generation: 2, At: t0}))
	want.Generation = 2
	check("withdrawn again", nil)
	ok(t, s.Finish(ctx, "j", second, t0.Add(2*time.Hour)))
	want.State, want.Reason, want.Finished = engine.Done, "", t0.Add(2*time.Hour)
	check("done again", second)

	reopen()
	check("reopened again", second)
	ok(t, s.SetState(ctx, "j", engine.Cancelled, "no more", t0.Add(3*time.Hour)))
	want.State, want.Reason, want.Edition, want.Finished = engine.Cancelled, "no more", 2, t0.Add(3*time.Hour)
	check("given up", nil)
}

func testReliant(t *testing.T, open Open) {
	s := fresh(t, open)
	// In order of submission: ended before the time asked for, in time, still
	// running, upheld by an auditor, refuted, and in time again.
	for i, id := range []string{"early", "in time", "running", "upheld", "refuted", "again"} {
		ok(t, s.CreateJob(ctx, sampleJob(id)))
		ok(t, s.SetState(ctx, id, engine.Running, "", time.Time{}))
		c := settling(t, ann, ann)
		c.Job, c.Result.Job, c.Ledger = id, id, nil
		if id == "refuted" {
			c.Result.Standing, c.Accepted.Output = trust.Refuted, job.Hash{'z'}
		}
		_, err := s.Commit(ctx, c)
		ok(t, err)
		if id == "upheld" {
			ok(t, s.Uphold(ctx, id, []engine.Acceptance{*c.Accepted}))
		}
		if id != "running" {
			ok(t, s.Finish(ctx, id, nil, t0.Add(time.Duration(min(i, 1))*time.Hour)))
		}
	}
	for _, c := range []struct {
		volunteers []volunteer.ID
		since      time.Time
		want       []string
	}{
		{[]volunteer.ID{ann}, t0.Add(time.Hour), []string{"in time", "again"}},
		{[]volunteer.ID{bob, ann, cyd}, t0, []string{"early", "in time", "again"}},
		{[]volunteer.ID{ann}, t0.Add(time.Hour + time.Millisecond), nil},
		{[]volunteer.ID{bob}, t0, nil},
		{nil, t0, nil},
	} {
		got, err := s.Reliant(ctx, c.volunteers, c.since)
		ok(t, err)
		equal(t, fmt.Sprintf("Reliant(%d volunteers, %v)", len(c.volunteers), c.since.Sub(t0)), got, c.want)
	}
}

func testDisputes(t *testing.T, open Open) {
	s := fresh(t, open)
	d := engine.Dispute{
		Job: "j", Shard: 3, A: ann, B: bob, Op: 7, Name: "matmul", Rounds: 4, Bytes: 999,
		Faults: [2]engine.Fault{{}, {Text: "another output", Absent: true}}, Evidence: job.Hash{'e'}, At: t0,
	}
	e := d
	e.Shard, e.Op = 1, -1
	ok(t, s.Dispute(ctx, d))
	ok(t, s.Dispute(ctx, e))
	got, err := s.Disputes(ctx, "j")
	ok(t, err)
	equal(t, "Disputes", got, []engine.Dispute{d, e})
	got, err = s.Disputes(ctx, "nobody")
	ok(t, err)
	equal(t, "Disputes of no job", len(got), 0)
}
