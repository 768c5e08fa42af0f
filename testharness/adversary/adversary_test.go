package adversary_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/testharness/adversary"
)

var reportFile = flag.String("report", "", "write the table of TestStrategies to this `file`")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// assurance is one way of asking for the truth, as the trust section of a job
// file.
type assurance struct {
	name  string
	trust func(s adversary.Strategy) string
	// sure is set where no lie may be left, whoever tells it. Elsewhere that is
	// promised against steady strategies only.
	sure bool
	// disputes is set where results are compared, so that whoever differs is
	// asked about it; elsewhere an auditor may be quicker.
	disputes bool
}

// epsilon is what audited jobs ask for.
const epsilon = 1e-6

// assurances are all there are. Replicas have an honest majority for every
// shard: there are more of them than volunteers who would say the same lie.
var assurances = []assurance{
	{"replicas", func(s adversary.Strategy) string { return fmt.Sprintf("replicas: %d", replicas(s)) }, true, true},
	{"replicated", func(s adversary.Strategy) string {
		return fmt.Sprintf("assurance: replicated, replicas: %d", replicas(s))
	}, true, true},
	{"audited", func(adversary.Strategy) string { return fmt.Sprintf("epsilon: %.6f", epsilon) }, false, false},
	{"full", func(adversary.Strategy) string { return "assurance: full" }, true, false},
}

func replicas(s adversary.Strategy) int { return max(2, s.Accomplices+1) }

// Whoever cheats, and however a job asks for the truth: it ends, with the
// weights of a run without volunteers; nobody who kept the rules is blamed; who
// gave proof against itself is marked.
func TestStrategies(t *testing.T) {
	var table report
	for i, a := range assurances {
		t.Run(a.name, func(t *testing.T) {
			for k, s := range adversary.All() {
				if raceDetector && k%len(assurances) != i {
					continue // each faces one: it is the hub's goroutines that are looked at
				}
				t.Run(s.Name, func(t *testing.T) { table.add(face(t, mlp, s, a, false)) })
			}
		})
	}
	if *reportFile != "" {
		if err := os.WriteFile(*reportFile, []byte(table.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// The same with another network, whose rounds cannot be told from one another
// by their shards' outputs alone, and over real WebSockets.
func TestOverWebSockets(t *testing.T) {
	if raceDetector {
		t.Skip("the same goroutines as in TestStrategies, many times slower")
	}
	for _, name := range []string{"always", "sleeper", "ring", "challenge-liar", "seal-breaker", "double-spender", "flooder", "forger"} {
		for _, a := range assurances {
			t.Run(name+" "+a.name, func(t *testing.T) { face(t, decoder, pick(t, name), a, true) })
		}
	}
}

// tries is how many runs a strategy gets to do what it is about: a liar in wait
// is not always dealt the shard it waits for.
const tries = 24

// face has one job computed by honest volunteers and one party of cheats, and
// again while the cheats did not get to cheat.
func face(t *testing.T, study study, s adversary.Strategy, a assurance, sockets bool) (o outcome) {
	if !a.disputes && (s.Act == adversary.Challenged || s.Act == adversary.Opened) || a.name == "full" && s.Name == "ring" {
		// Nobody may ask anything of it; and where every result is audited a shard
		// has one volunteer, unless that is late: no company to lie in.
		o, _ = faceOnce(t, study, s, a, sockets, 1)
		return o
	}
	for seed := range uint64(tries) {
		var acted bool
		if o, acted = faceOnce(t, study, s, a, sockets, seed); acted || t.Failed() {
			return o
		}
	}
	t.Errorf("in %d runs nobody ever %s and met the fate of that: the test proves nothing", tries, s.Act)
	return o
}

func faceOnce(t *testing.T, study study, s adversary.Strategy, a assurance, sockets bool, seed uint64) (outcome, bool) {
	stage := newStage(t)
	x := stage.open(config(t))
	dial := stage.pipe
	if sockets {
		dial = stage.socket
	}
	book := adversary.NewBook()
	party := s.Cast(seed, book, lane)
	honest := crowd(seed, replicas(s))
	stage.enter(dial, party.Cheats...)
	stage.enter(dial, party.Dupes...)
	stage.enter(dial, honest...)
	stage.gather(x.Client, len(honest)+len(party.Dupes)) // cheats may be on their way out already
	id := x.Submit(study.with(a.trust(s)))
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("job is %s: %s", j.State, j.Error)
	}
	o := settle(t, x.Client, id, study.alone(t), book, party.Cheats)
	o.strategy, o.assurance = s.Name, a.name
	t.Log(o)
	if !o.equal && o.left == 0 {
		t.Error("no lie is left, and the weights are not those of a run without volunteers")
	}
	if (!o.equal || o.left > 0) && (a.sure || s.Steady) {
		t.Error("lies are left")
	}
	if a.name == "audited" && o.trust.Bound > epsilon {
		t.Errorf("a bound of %v, want at most %v", o.trust.Bound, epsilon)
	}
	acted := book.Acts(s.Act) > 0
	if s.Fate == adversary.Marked {
		if o.marks == 0 && o.caught > 0 {
			t.Error("no mark")
		}
		// What comes when its shard is settled is looked at by nobody: a run
		// without a mark proves nothing, and one of them all must have one.
		acted = acted && o.marks > 0
	}
	if s.Fate == adversary.Tolerated && o.marks != 0 {
		t.Errorf("%d marks, and nothing that proves anything", o.marks)
	}
	addr := x.Hub.Addr().String()
	blameless(t, x.Client, addr, honest)
	blameless(t, x.Client, addr, party.Dupes)
	return o, acted
}

func pick(t testing.TB, name string) adversary.Strategy {
	t.Helper()
	for _, s := range adversary.All() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no strategy %q", name)
	return adversary.Strategy{}
}
