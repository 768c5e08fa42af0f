package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// trusting is a hub's configuration for jobs that say how they are verified.
// Everybody here came in the same minute with the same software, so who is
// related is said by the test: nobody.
func trusting(t *testing.T) hub.Config {
	c := Config(t.TempDir())
	c.Execute = ExecuteChain
	c.Related = func(hub.Identity, hub.Identity) bool { return false }
	return c
}

func assured(name string, rounds, shards int, trust string) []byte {
	return fmt.Appendf(nil, `{"name": %q, "rounds": %d, "shards": %d, %s}`, name, rounds, shards, trust)
}

// Under every assurance a job ends with its one state, whoever is there.
func TestAssurance(t *testing.T) {
	for _, trust := range []string{
		`"epsilon": "0.000001"`, `"assurance": "full"`, `"assurance": "replicated", "replica": 2`,
		`"assurance": "replicated", "replica": 3, "epsilon": "0.001"`,
	} {
		for _, volunteers := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%s, %d volunteers", trust, volunteers), func(t *testing.T) {
				t.Parallel()
				x := Start(t, trusting(t))
				crowd(x, volunteers)
				id := x.Submit(assured("assured", 12, 3, trust))
				x.Done(id, "assured", 12, 3, 1)
			})
		}
	}
}

// Somebody who lies from the start is caught under every assurance, and costs
// the job nothing.
func TestAssuranceAgainstALiar(t *testing.T) {
	for _, trust := range []string{`"epsilon": "0.000001"`, `"assurance": "full"`, `"assurance": "replicated", "replica": 2`} {
		t.Run(trust, func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			config.BackupAfter = time.Hour // a lie is judged, however late it comes
			x := Start(t, config)
			liar, first := NewVolunteer("liar"), NewVolunteer("honest 0")
			liar.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
			alone, together := heard(liar, isLease), heard(first, isLease)
			heldUntil(x, liar, together)
			x.Join(liar)
			id := x.Submit(assured("lied to", 12, 3, trust))
			waitFor(t, alone, "the liar gets a lease")
			x.Join(first)
			waitFor(t, together, "an honest volunteer gets one of what the liar leaves")
			x.Join(NewVolunteer("honest 1"))
			x.Done(id, "lied to", 12, 3, 0)
			checkMarks(t, x, liar)
		})
	}
}

// Two who look related never vouch for one another: with nobody else there the
// hub's own lane decides, and a pair that lies alike gains nothing.
func TestRelatedLiars(t *testing.T) {
	config := trusting(t)
	config.Related = func(hub.Identity, hub.Identity) bool { return true }
	x := Start(t, config)
	for i := range 3 {
		liar := NewVolunteer(fmt.Sprint("ring ", i))
		liar.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
		x.Join(liar)
	}
	crowd(x, 1)
	id := x.Submit(assured("ring", 10, 2, `"epsilon": "0.01"`))
	x.Done(id, "ring", 10, 2, 0)
}

// A volunteer earns trust by honest work and then lies. Once one lie is seen,
// what rests on its word is run again, and the job goes back to before the
// first that was wrong: the end is the same as if it had never lied.
//
// Nothing finds every lie that is believed alone, so a sleeper who is never
// caught, or with its first lie, is tried again, and every one who is must have
// changed nothing.
func TestSleeperIsRepaired(t *testing.T) {
	// It sleeps until it has staked, with some to spare, what makes its word enough:
	// 824 shards. Three in four are then believed and caught.
	const rounds, shards, asleep, tries = 500, 4, 950, 12
	for range tries {
		x := Start(t, trusting(t))
		crowd(x, 2)
		sleeper := NewVolunteer("sleeper")
		lies := 0
		sleeper.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
			if n < asleep || n%2 == 0 {
				return honest
			}
			lies++
			return lie(honest)
		}
		sleeper.Want = 4
		x.Join(sleeper)
		id := x.Submit(assured("sleeper", rounds, shards, `"epsilon": "0.1"`))
		if j := x.Wait(id); j.Repairs == 0 || !marked(t, x, sleeper) {
			x.Stop()
			continue
		}
		x.Done(id, "sleeper", rounds, shards, 0)
		checkMarks(t, x, sleeper)
		x.Stop()
		t.Logf("%d lies were told", lies)
		return
	}
	t.Errorf("none of %d sleepers was believed and then caught", tries)
}

// marked reports whether v is.
func marked(t *testing.T, x *Cluster, v *Volunteer) bool {
	t.Helper()
	list, err := x.Client.Volunteers(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(other client.Volunteer) bool {
		return other.Marks > 0 && other.ID == fmt.Sprintf("%x", v.ID())
	})
}

// What a liar had earned is taken as its stake, and the books balance.
func TestStakeIsSlashed(t *testing.T) {
	config := trusting(t)
	config.BackupAfter = time.Hour // a lie is judged, however late it comes
	x := Start(t, config)
	liar := NewVolunteer("turncoat")
	liar.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
		if n < 30 {
			return honest
		}
		return lie(honest)
	}
	leases := 0
	lies := heard(liar, func(m protocol.Message) bool {
		if isLease(m) {
			leases++
		}
		return leases > 30
	})
	x.Join(liar)
	id := x.Submit(assured("stake", 60, 4, `"epsilon": "0.000001"`))
	waitFor(t, lies, "the turncoat gets the first lease to lie about")
	honest := []*Volunteer{NewVolunteer("honest 0"), NewVolunteer("honest 1")}
	for _, v := range honest {
		x.Join(v)
	}
	x.Done(id, "stake", 60, 4, 0)
	stats, err := x.Client.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Slashed == 0 {
		t.Error("nothing was slashed")
	}
	list, err := x.Client.Volunteers(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	kept := int64(0)
	for _, v := range list {
		// A right result that was on its way when the liar was caught is paid.
		if v.Marks > 0 && v.Stake >= 30 {
			t.Errorf("the turncoat still has a stake of %d", v.Stake)
		}
		for _, h := range honest {
			if v.ID != fmt.Sprintf("%x", h.ID()) {
				continue
			}
			if kept = max(kept, v.Stake); v.Marks > 0 || v.Credit+v.Stake < h.Credit() {
				t.Errorf("honest volunteer %.8s was paid %d and has %d, a stake of %d and %d marks", v.ID, h.Credit(), v.Credit, v.Stake, v.Marks)
			}
		}
	}
	if kept < 30 { // of some 600 credits for the two
		t.Errorf("the larger of the honest ones' stakes is %d", kept)
	}
}

// A hub that is stopped and started again, liars and all, goes on where it
// was: nothing accepted is forgotten, nothing is believed twice.
func TestRestartUnderAssurance(t *testing.T) {
	for _, trust := range []string{`"epsilon": "0.000001"`, `"assurance": "full"`, `"assurance": "replicated", "replica": 2`} {
		t.Run(trust, func(t *testing.T) {
			t.Parallel()
			config := trusting(t)
			x := Start(t, config)
			id := x.Submit(assured("restart", 40, 2, trust))
			for i := range 3 {
				crowd(x, 3)
				liar := NewVolunteer(fmt.Sprint("liar ", i))
				liar.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
					if n%4 > 0 {
						return honest
					}
					return lie(honest)
				}
				x.Join(liar)
				waitStep(t, x, id, 5)
				x.Stop()
				x = Start(t, config)
			}
			crowd(x, 3)
			x.Done(id, "restart", 40, 2, 0)
		})
	}
}

// Devices of which little is known and which have nothing to do are given
// shards whose answer is known. They earn nothing by it, and a lie is seen.
//
// Of sixty rounds more than thirty have one. Where a machine lets somebody do all
// the work while the others wait for their turn, it is tried again.
func TestCanaries(t *testing.T) {
	const tries = 4
	for range tries {
		config := trusting(t)
		config.BackupAfter = time.Hour // nothing else makes a result surplus
		x := Start(t, config)
		var all []*Volunteer
		for i := range 5 {
			v := NewVolunteer(fmt.Sprint("canary ", i))
			all = append(all, v)
			here := heard(v, func(m protocol.Message) bool { return m.Type() == protocol.TypeConsented })
			x.Join(v)
			waitFor(t, here, "a volunteer is admitted")
		}
		id := x.Submit(assured("canaries", 60, 3, `"epsilon": "0.000001"`))
		x.Done(id, "canaries", 60, 3, 0)
		checkMarks(t, x)
		x.Stop() // and nobody is still to hear a verdict
		n := 0
		for _, v := range all {
			n += v.Verdicts(protocol.StatusSurplus)
		}
		if t.Logf("%d canaries", n); n > 0 {
			return
		}
	}
	t.Errorf("no canary was issued in %d jobs", tries)
}

// checkMarks asserts that exactly these volunteers are marked.
func checkMarks(t *testing.T, x *Cluster, liars ...*Volunteer) {
	t.Helper()
	list, err := x.Client.Volunteers(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		lied := slices.ContainsFunc(liars, func(l *Volunteer) bool { return fmt.Sprintf("%x", l.ID()) == v.ID })
		if lied != (v.Marks > 0) {
			t.Errorf("volunteer %.8s has %d marks, lied: %t", v.ID, v.Marks, lied)
		}
	}
}
