package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/protocol"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(hubDirVariable); dir != "" {
		os.Exit(hubProcess(dir))
	}
	goleak.VerifyTestMain(m)
}

// crowd joins n honest volunteers.
func crowd(x *Cluster, n int) {
	for i := range n {
		x.Join(NewVolunteer(fmt.Sprint("honest ", i)))
	}
}

// heard returns a channel that is closed when v first gets a message that is so.
// It must be called before v joins.
func heard(v *Volunteer, so func(protocol.Message) bool) <-chan struct{} {
	c := make(chan struct{})
	tell := sync.OnceFunc(func() { close(c) })
	saw := v.Saw
	v.Saw = func(m protocol.Message) {
		if so(m) {
			tell()
		}
		if saw != nil {
			saw(m)
		}
	}
	return c
}

func isLease(m protocol.Message) bool { return m.Type() == protocol.TypeLease }

func isRefusal(code protocol.Code) func(protocol.Message) bool {
	return func(m protocol.Message) bool {
		e, refused := m.(protocol.Error)
		return refused && e.Code == code
	}
}

// waitFor waits until c is closed, which says that something has happened.
func waitFor(t *testing.T, c <-chan struct{}, something string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(Patience):
		t.Fatalf("not in %v: %s", Patience, something)
	}
}

// heldUntil has v do nothing about its leases, nor ask for more of them, until c
// is closed. It must be called before v joins.
func heldUntil(x *Cluster, v *Volunteer, c <-chan struct{}) {
	saw := v.Saw
	v.Saw = func(m protocol.Message) {
		if saw != nil {
			saw(m)
		}
		if isLease(m) {
			select {
			case <-c:
			case <-x.ctx.Done():
			}
		}
	}
}

func TestHonest(t *testing.T) {
	for _, c := range []struct{ volunteers, replicas int }{{1, 1}, {3, 1}, {2, 2}, {3, 2}, {4, 3}} {
		t.Run(fmt.Sprintf("%d volunteers, %d replicas", c.volunteers, c.replicas), func(t *testing.T) {
			t.Parallel()
			config := Config(t.TempDir())
			config.Retain = 0
			x := Start(t, config)
			crowd(x, c.volunteers)
			id := x.Submit(ChainFile("honest", 12, 3, c.replicas))
			x.Done(id, "honest", 12, 3, c.replicas)
			x.Stop()
			if n := blobFiles(t, config.Data); n != 2 {
				t.Errorf("%d blobs are kept, want 2: the program and the artifact", n)
			}
		})
	}
}

// blobFiles counts the blobs in a hub's data directory.
func blobFiles(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "blobs", "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// lie flips a bit of the last output.
func lie(outputs [][]byte) [][]byte {
	outputs[len(outputs)-1][0] ^= 1
	return outputs
}

func TestMisconduct(t *testing.T) {
	always := func(int) bool { return true }
	for name, c := range map[string]struct {
		conduct Conduct
		check   func(t *testing.T, bad *Volunteer)
	}{
		"lies": {
			Conduct{Answer: func(_ int, honest [][]byte) [][]byte { return lie(honest) }},
			func(t *testing.T, bad *Volunteer) {
				if bad.Credit() != 0 {
					t.Errorf("a liar was paid %d", bad.Credit())
				}
			},
		},
		"lies now and then": {
			Conduct{Answer: func(n int, honest [][]byte) [][]byte {
				if n%5 == 4 {
					return lie(honest)
				}
				return honest
			}}, nil,
		},
		"wrong shape": {
			Conduct{Answer: func(_ int, honest [][]byte) [][]byte { return honest[:1] }},
			func(t *testing.T, bad *Volunteer) {
				if bad.Credit() != 0 {
					t.Errorf("paid %d for nothing", bad.Credit())
				}
			},
		},
		"wrong size": {
			Conduct{Answer: func(_ int, honest [][]byte) [][]byte { return [][]byte{honest[0], honest[1][:2]} }}, nil,
		},
		"breaks its seal": {
			Conduct{Reveal: func(sealed [][]byte) [][]byte { return lie(sealed) }},
			func(t *testing.T, bad *Volunteer) {
				if bad.Verdicts(protocol.StatusAccepted) != 0 {
					t.Error("a broken seal was accepted")
				}
			},
		},
		"vanishes":             {Conduct{Vanish: func(n int) bool { return n%2 == 0 }}, nil},
		"is always mute":       {Conduct{Mute: always}, nil},
		"hides what it sealed": {Conduct{Hide: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := Start(t, Config(t.TempDir()))
			bad := NewVolunteer("bad")
			bad.Conduct = c.conduct
			leave := x.Join(bad)
			crowd(x, 2)
			id := x.Submit(ChainFile(name, 8, 3, 2))
			x.Done(id, name, 8, 3, 2)
			leave()
			if c.check != nil {
				c.check(t, bad)
			}
		})
	}
}

// A device that was proved wrong is marked, gets nothing more, and is known
// again after a restart.
func TestMarkedDeviceIsExcluded(t *testing.T) {
	config := Config(t.TempDir())
	config.BackupAfter = time.Hour // a lie is compared, however late it comes
	x := Start(t, config)
	bad := NewVolunteer("bad")
	bad.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
	leased := heard(bad, isLease)
	x.Join(bad)
	id := x.Submit(ChainFile("first", 10, 3, 2))
	waitFor(t, leased, "the liar gets a lease")
	crowd(x, 2)
	x.Done(id, "first", 10, 3, 2)
	x.Stop()
	before := bad.Leases()

	x = Start(t, config)
	denied := heard(bad, isRefusal(protocol.CodeDenied))
	x.Join(bad)
	other := NewVolunteer("bad")
	other.Lane = "wasm" // another device of the same person is not to blame
	leased = heard(other, isLease)
	x.Join(other)
	id = x.Submit(ChainFile("second", 10, 3, 2))
	waitFor(t, denied, "the marked device is told so")
	waitFor(t, leased, "another device of the same volunteer gets a lease")
	crowd(x, 2)
	x.Done(id, "second", 10, 3, 2)
	if n := bad.Leases(); n != before {
		t.Errorf("a marked device got %d more leases", n-before)
	}
}

// A job goes on where it was after a stop in good order; receipts and ledger
// are whole.
func TestRestart(t *testing.T) {
	config := Config(t.TempDir())
	x := Start(t, config)
	id := x.Submit(ChainFile("restart", 40, 2, 2))
	for range 3 {
		crowd(x, 2)
		waitStep(t, x, id, 5)
		x.Stop()
		x = Start(t, config)
	}
	crowd(x, 2)
	x.Done(id, "restart", 40, 2, 2)
}

// waitStep waits until the job has made more steps than it had.
func waitStep(t *testing.T, x *Cluster, id string, steps int) {
	t.Helper()
	j, err := x.Client.Job(x.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	enough := fmt.Errorf("enough")
	err = x.Client.Watch(x.ctx, id, func(ev client.Event) error {
		if ev.Report != nil && ev.Report.Step >= j.Step+steps {
			return enough
		}
		return nil
	})
	if err != nil && err != enough {
		t.Fatal(err)
	}
}

func TestManyJobs(t *testing.T) {
	config := Config(t.TempDir())
	config.MaxRunning = 2
	x := Start(t, config)
	crowd(x, 3)
	var ids []string
	for i := range 5 {
		ids = append(ids, x.Submit(ChainFile(fmt.Sprint("job ", i%3), 6, 2, 2))) // some are the same chain
	}
	for _, id := range ids {
		x.Wait(id) // all of them: the ledger holds still
	}
	for i, id := range ids {
		x.Done(id, fmt.Sprint("job ", i%3), 6, 2, 2)
	}
}

func TestCancel(t *testing.T) {
	config := Config(t.TempDir())
	config.MaxRunning = 1
	x := Start(t, config)
	running, queued := x.Submit(ChainFile("a", 1000, 1, 1)), x.Submit(ChainFile("b", 1000, 1, 1))
	for _, id := range []string{queued, running} { // nobody computes: both wait
		if err := x.Client.Cancel(x.ctx, id); err != nil {
			t.Fatal(err)
		}
		if j := x.Wait(id); j.State != "cancelled" || j.Error == "" {
			t.Errorf("job is %s (%s), want cancelled with a reason", j.State, j.Error)
		}
	}
	if err := x.Client.Cancel(x.ctx, running); err == nil {
		t.Error("an ended job was cancelled again")
	}
	crowd(x, 1)
	id := x.Submit(ChainFile("c", 3, 1, 1))
	x.Done(id, "c", 3, 1, 1)
}

func TestLimits(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	crowd(x, 2)
	credits := x.Submit([]byte(`{"name": "poor", "rounds": 10, "shards": 2, "replica": 2, "credits": 50}`)) // 12 a round
	if j := x.Wait(credits); j.State != "failed" || !strings.HasPrefix(j.Error, "limits.credits:") || j.Step != 4 || j.Cost != 48 {
		t.Errorf("job is %s after %d steps and %d credits: %s; want it to fail by limits.credits after 4", j.State, j.Step, j.Cost, j.Error)
	}
	deadline := x.Submit([]byte(`{"name": "late", "rounds": 100000, "shards": 1, "deadline": "300ms"}`))
	if j := x.Wait(deadline); j.State != "failed" || !strings.HasPrefix(j.Error, "limits.deadline:") {
		t.Errorf("job is %s: %s; want it to fail by limits.deadline", j.State, j.Error)
	}
}

// A tab that is closed in the middle of a shard costs the round far less than
// a second: the shard is leased again at once, not by its deadline.
func TestVanishedShardIsLeasedAgain(t *testing.T) {
	config := Config(t.TempDir())
	config.BackupAfter = time.Hour // only the lost connection can help
	config.LeaseTime = time.Hour
	x := Start(t, config)
	gone := NewVolunteer("gone")
	gone.Conduct.Mute = func(int) bool { return true }
	leased := heard(gone, isLease)
	leave := x.Join(gone)
	id := x.Submit(ChainFile("vanished", 3, 1, 1))
	waitFor(t, leased, "the volunteer gets a lease")
	crowd(x, 1)
	leave()
	start := time.Now()
	x.Done(id, "vanished", 3, 1, 1)
	t.Logf("done %v after the volunteer vanished", time.Since(start))
}
