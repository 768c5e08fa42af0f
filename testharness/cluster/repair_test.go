package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// traitor is a volunteer that the operator vouches for, so that its word is
// enough from the first shard on. It lies so many times and then gives itself
// away: with outputs that no chain can have.
func traitor(c *hub.Config, name string, lies int) (*Volunteer, <-chan struct{}) {
	v := NewVolunteer(name)
	c.Certified = append(c.Certified, v.ID())
	v.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
		if n < lies {
			return lie(honest)
		}
		return [][]byte{{1}}
	}
	return v, heard(v, isRefusal(protocol.CodeBadResult))
}

// stuck is an auditor that has no answer before the hub, or the job, ends. It
// tells when it is first asked.
func stuck() (execute func(context.Context, job.Shard, job.Blobs) ([][]byte, error), asked <-chan struct{}) {
	c := make(chan struct{})
	tell := sync.OnceFunc(func() { close(c) })
	return func(ctx context.Context, _ job.Shard, _ job.Blobs) ([][]byte, error) {
		tell()
		<-ctx.Done()
		return nil, ctx.Err()
	}, c
}

const weighed = `"epsilon": "0.000001"`

// Whoever is proved wrong in whatever way, all that rests on its word is run
// again: also when no checkpoint is old enough, when nothing was kept to run
// shards again with, and when the hub stops between the proof and the repair.
func TestTraitorIsRepaired(t *testing.T) {
	const rounds, shards = 40, 2
	for _, tc := range []struct {
		name   string
		lies   int
		retain int64
		stop   bool
	}{
		{"before any checkpoint", 5, 1 << 20, false},
		{"after several checkpoints", 50, 1 << 20, false},
		{"with nothing kept", 50, 0, false},
		{"after a restart", 50, 1 << 20, true},
		{"after a restart with nothing kept", 5, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			config.Retain = tc.retain
			v, caught := traitor(&config, "traitor", tc.lies)
			first := config
			var asked <-chan struct{}
			if tc.stop {
				first.Execute, asked = stuck()
			}
			x := Start(t, first)
			x.Join(v)
			id := x.Submit(assured("betrayed", rounds, shards, weighed))
			waitFor(t, caught, "the traitor gives itself away")
			if tc.stop {
				waitFor(t, asked, "a shard is run again")
				x.Stop()
				x = Start(t, config)
			}
			crowd(x, 2)
			x.Done(id, "betrayed", rounds, shards, 0)
			checkMarks(t, x, v)
			if j, err := x.Client.Job(t.Context(), id); err != nil || j.Repairs == 0 {
				t.Errorf("the job went back %d times, %v", j.Repairs, err)
			}
		})
	}
}

// Where a lie is found by running a shard again, everybody who told it is
// caught, and not only the one whose capture led there.
func TestAccomplices(t *testing.T) {
	const rounds, shards, lies = 30, 2, 12
	config := trusting(t)
	config.BackupAfter = time.Hour // a lie is judged, however late it comes
	x := Start(t, config)
	var ring []*Volunteer
	var leased [2]<-chan struct{}
	caught := make(chan struct{}) // one of them: an audit of the pair may come first
	tell := sync.OnceFunc(func() { close(caught) })
	for i := range 2 {
		v := NewVolunteer(fmt.Sprint("ring ", i))
		v.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
			switch {
			case n < lies:
				return lie(honest)
			case i == 0:
				return [][]byte{{1}}
			}
			return honest
		}
		v.Saw = func(m protocol.Message) {
			if v, told := m.(protocol.Verdict); m.Type() == protocol.TypeError || told && v.Status == protocol.StatusRejected {
				tell()
			}
		}
		ring, leased[i] = append(ring, v), heard(v, isLease)
	}
	for i, v := range ring { // neither is judged before the other is at work
		heldUntil(x, v, leased[1-i])
		x.Join(v)
	}
	id := x.Submit(assured("ring", rounds, shards, `"assurance": "replicated", "replica": 2`))
	waitFor(t, caught, "one of them is caught")
	crowd(x, 2)
	x.Done(id, "ring", rounds, shards, 0)
	checkMarks(t, x, ring...)
}

// Two who are caught one after the other, with the first repair under way.
func TestTwoCaptures(t *testing.T) {
	const rounds, shards = 40, 4
	config := trusting(t)
	one, caughtOne := traitor(&config, "one", 30)
	two, caughtTwo := traitor(&config, "two", 30)
	x := Start(t, config)
	x.Join(one)
	x.Join(two)
	id := x.Submit(assured("twice", rounds, shards, weighed))
	waitFor(t, caughtOne, "the first gives itself away")
	waitFor(t, caughtTwo, "the second does, before others leave it nothing to do")
	crowd(x, 2)
	x.Done(id, "twice", rounds, shards, 0)
	checkMarks(t, x, one, two)
}

// What a certified volunteer says is believed, but never held against others:
// idle strangers get no canary of it.
func TestNoCanaryOfWhatIsOnlyBelieved(t *testing.T) {
	config := trusting(t)
	config.BackupAfter = time.Hour
	v := NewVolunteer("faulty node")
	config.Certified = append(config.Certified, v.ID())
	v.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
	x := Start(t, config)
	x.Join(v)
	id := x.Submit(assured("faulty", 60, 1, weighed))
	waitStep(t, x, id, 10)
	crowd(x, 4)
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("job is %s: %s", j.State, j.Error)
	}
	list, err := x.Client.Volunteers(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Marks > 0 && p.ID != fmt.Sprintf("%x", v.ID()) {
			t.Errorf("honest volunteer %.8s has %d marks", p.ID, p.Marks)
		}
	}
}

// A job that is cancelled, or whose time is up, while the hub audits for it ends
// at once, and so does a hub that is stopped.
func TestEndsWhileAuditing(t *testing.T) {
	audited := func(more string) []byte { return assured("audited", 3, 1, `"assurance": "full"`+more) }
	for name, end := range map[string]func(t *testing.T, x *Cluster, asked <-chan struct{}){
		"cancelled": func(t *testing.T, x *Cluster, asked <-chan struct{}) {
			id := x.Submit(audited(""))
			waitFor(t, asked, "the auditor is asked")
			if err := x.Client.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if j := x.Wait(id); j.State != "cancelled" {
				t.Errorf("job is %s: %s", j.State, j.Error)
			}
		},
		"deadline": func(t *testing.T, x *Cluster, asked <-chan struct{}) {
			for after := time.Second; ; after *= 2 {
				id := x.Submit(audited(fmt.Sprintf(`, "deadline": %q`, after)))
				if j := x.Wait(id); j.State != "failed" || !strings.HasPrefix(j.Error, "limits.deadline:") {
					t.Fatalf("job is %s: %s", j.State, j.Error)
				}
				select {
				case <-asked:
					return
				default: // too soon: not even the auditor was asked
				}
			}
		},
		"hub stopped": func(t *testing.T, x *Cluster, asked <-chan struct{}) {
			x.Submit(audited(""))
			waitFor(t, asked, "the auditor is asked")
			x.Stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			var asked <-chan struct{}
			config.Execute, asked = stuck()
			x := Start(t, config)
			crowd(x, 1)
			end(t, x, asked)
			if name == "hub stopped" {
				return
			}
			// Another job is not held up by what the first has left.
			id := x.Submit(ChainFile("next", 3, 1, 1))
			x.Done(id, "next", 3, 1, 1)
		})
	}
}

// A job whose time runs out while the hub is down fails when it is up again, and
// takes nothing with it.
func TestDeadlinePassesWhileStopped(t *testing.T) {
	config := trusting(t)
	x := Start(t, config)
	id := x.Submit(assured("late", 3, 1, weighed+`, "deadline": "1h"`))
	x.Stop()
	config.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	x = Start(t, config)
	if j := x.Wait(id); j.State != "failed" || !strings.Contains(j.Error, "limits.deadline") {
		t.Errorf("job is %s: %s", j.State, j.Error)
	}
	crowd(x, 1)
	x.Done(x.Submit(ChainFile("next", 3, 1, 1)), "next", 3, 1, 1)
}

// A hub that cannot audit what has to be audited fails the job with the reason.
func TestAuditorFails(t *testing.T) {
	config := trusting(t)
	config.Execute = func(context.Context, job.Shard, job.Blobs) ([][]byte, error) { return nil, errors.New("out of order") }
	x := Start(t, config)
	crowd(x, 1)
	j := x.Wait(x.Submit(assured("unaudited", 3, 1, `"assurance": "full"`)))
	if j.State != "failed" || !strings.Contains(j.Error, "audit of shard 0/0: out of order") {
		t.Errorf("job is %s: %s", j.State, j.Error)
	}
	// Replicas need no auditor: two that differ are settled by a third.
	liar := NewVolunteer("liar")
	liar.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
	x.Join(liar)
	x.Join(NewVolunteer("another"))
	id := x.Submit(ChainFile("replicated", 5, 2, 2))
	x.Done(id, "replicated", 5, 2, 2)
}

// A job never costs more than its limit. Where that does not reach for a second
// volunteer the hub decides.
func TestCreditsUnderAssurance(t *testing.T) {
	const rounds, shards, each = 10, 2, (ChainOps + 999_999) / 1_000_000
	for _, tc := range []struct {
		trust   string
		credits int
		state   string
	}{
		{weighed, rounds * shards * each, "done"},
		{weighed, rounds*shards*each + 7, "done"},
		{weighed, rounds*shards*each - 1, "failed"},
		{`"assurance": "full"`, rounds * shards * each, "done"},
		{`"assurance": "replicated", "replica": 2`, 2 * rounds * shards * each, "done"},
		{`"assurance": "replicated", "replica": 2`, 2*rounds*shards*each - 1, "done"},
		{`"assurance": "replicated", "replica": 2`, rounds*shards*each - 1, "failed"},
	} {
		t.Run(fmt.Sprint(tc.trust, tc.credits), func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			x := Start(t, config)
			crowd(x, 4)
			id := x.Submit(assured("limited", rounds, shards, fmt.Sprintf(`%s, "credits": %d`, tc.trust, tc.credits)))
			j := x.Wait(id)
			if j.State != tc.state || j.Cost > int64(tc.credits) {
				t.Errorf("job is %s at a cost of %d, limit %d: %s", j.State, j.Cost, tc.credits, j.Error)
			}
			if tc.state == "failed" && !strings.Contains(j.Error, "limits.credits") {
				t.Errorf("failed because of %q", j.Error)
			}
		})
	}
}

// Whoever has sealed a result and waits for a second volunteer, which leaves, is
// asked for it all the same.
func TestCompanyLeaves(t *testing.T) {
	config := trusting(t)
	config.BackupAfter = time.Hour
	x := Start(t, config)
	silent := NewVolunteer("silent")
	silent.Conduct.Mute = func(int) bool { return true }
	leased := heard(silent, isLease)
	leave := x.Join(silent)
	id := x.Submit(assured("left", 4, 1, weighed))
	waitFor(t, leased, "the silent one gets a lease")
	crowd(x, 1)
	leave()
	x.Done(id, "left", 4, 1, 1)
}
