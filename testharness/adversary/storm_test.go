package adversary_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/testharness/adversary"
)

// stormRuns is how many runs TestStorm makes, unless SHOAL_STORM says so.
const stormRuns = 1000

// crews is how many of them go on at a time: most of a run is waiting for
// somebody who does not answer.
const crews = 6

// Seeded runs of a tiny job in which honest volunteers lose their connections
// and fall asleep beside cheats drawn at random: every job ends with the right
// weights, and nothing is ever held against anybody honest.
func TestStorm(t *testing.T) {
	runs := stormRuns
	if text := os.Getenv("SHOAL_STORM"); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SHOAL_STORM: %v", err)
		}
	} else if testing.Short() || raceDetector {
		runs = 30
	}
	seeds := make(chan uint64)
	var total tally
	var working sync.WaitGroup
	for range crews {
		working.Go(func() {
			for seed := range seeds {
				t.Run(fmt.Sprint(seed), func(t *testing.T) { storm(t, seed, &total) })
			}
		})
	}
	for seed := range runs {
		seeds <- uint64(seed)
	}
	close(seeds)
	working.Wait()
	t.Logf("%d runs: %+v", runs, total.sums)
	if total.sums.told == 0 || total.sums.marks == 0 {
		t.Error("nobody lied, or nobody was marked: the storm proves nothing")
	}
}

// tally adds up what happened in all runs.
type tally struct {
	mu   sync.Mutex // guards sums
	sums struct{ told, caught, repaired, left, marks int }
}

func (a *tally) add(o outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sums.told += o.told
	a.sums.caught += o.caught
	a.sums.repaired += o.repaired
	a.sums.left += o.left
	a.sums.marks += o.marks
}

// storm is one run.
func storm(t *testing.T, seed uint64, total *tally) {
	rng := rand.New(rand.NewPCG(seed, 4))
	strategies := adversary.All()
	book := adversary.NewBook()
	var cheats, dupes []adversary.Player
	names, steady := "", true
	for range rng.IntN(3) {
		s := strategies[rng.IntN(len(strategies))]
		party := s.Cast(rng.Uint64(), book, lane)
		cheats, dupes = append(cheats, party.Cheats...), append(dupes, party.Dupes...)
		names, steady = names+" "+s.Name, steady && s.Steady
	}
	// Whatever cheats say, more say otherwise; or else an auditor does.
	majority := max(2, len(cheats)+1)
	ask := []struct {
		trust  string
		honest int
		sure   bool
	}{
		{fmt.Sprintf("replicas: %d", majority), majority, true},
		{fmt.Sprintf("assurance: replicated, replicas: %d", majority), majority, true},
		{fmt.Sprintf("epsilon: %.6f", epsilon), 2, steady},
		{"assurance: full", 2, true},
	}[rng.IntN(4)]
	honest := make([]adversary.Player, ask.honest)
	troubles := make([]adversary.Trouble, len(honest))
	for i := range honest {
		troubles[i] = trouble(rng)
		honest[i] = adversary.NewHonest(seed, i, lane(), troubles[i])
	}
	t.Logf("%s; honest volunteers %v beside%s", ask.trust, troubles, names)

	c := config(t)
	c.BackupAfter = 10 * time.Millisecond
	stage := newStage(t)
	x := stage.open(c)
	stage.enter(stage.pipe, cheats...)
	stage.enter(stage.pipe, dupes...)
	stage.enter(stage.pipe, honest...)
	id := x.Submit(grain.with(ask.trust))
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("job is %s: %s", j.State, j.Error)
	}
	o := settle(t, x.Client, id, grain.alone(t), book, cheats)
	total.add(o)
	if !o.equal && o.left == 0 || ask.sure && o.left > 0 {
		t.Errorf("the weights are not those of a run without volunteers, or lies are left: %v", o)
	}
	addr := x.Hub.Addr().String()
	blameless(t, x.Client, addr, honest)
	blameless(t, x.Client, addr, dupes)
}

// trouble is what befalls one honest volunteer: about half of them nothing.
func trouble(rng *rand.Rand) (t adversary.Trouble) {
	switch rng.IntN(4) {
	case 0:
		t.HangUp = 5 + rng.IntN(20)
	case 1:
		t.Nap, t.Every = time.Duration(1+rng.IntN(40))*time.Millisecond, 1+rng.IntN(4)
	}
	return t
}
