package adversary_test

import (
	"testing"

	"github.com/shoal-compute/shoal/testharness/adversary"
)

// A liar who waits until the hub believes him alone: no epsilon is promised
// against him. Either a check finds one of his lies, then what rests on his
// word is run again, the job goes back, and the weights are right; or none
// does, then his lies are left and he has no mark. Which of the two it is, is
// drawn by lots that nobody can foresee; here it goes on until both the check
// and the repair have been seen.
func TestBelievedLiar(t *testing.T) {
	if raceDetector {
		t.Skip("some thousand shards: too slow")
	}
	for seed := range uint64(12) {
		stage := newStage(t)
		x := stage.open(config(t))
		book := adversary.NewBook()
		party := adversary.Sleeper(860).Cast(seed, book, lane)
		honest := crowd(seed, 2)
		stage.enter(stage.pipe, party.Cheats...)
		stage.enter(stage.pipe, honest...)
		stage.gather(x.Client, 3)
		id := x.Submit(veteran.with("epsilon: 0.1"))
		if j := x.Wait(id); j.State != "done" {
			t.Fatalf("job is %s: %s", j.State, j.Error)
		}
		o := settle(t, x.Client, id, veteran.alone(t), book, party.Cheats)
		t.Log(o)
		if o.marks > 0 && o.left > 0 {
			t.Error("a lie is left although he was caught")
		}
		if o.marks == 0 && o.left < o.judged {
			t.Error("a lie was refuted, or taken back, and he has no mark")
		}
		if o.left == 0 && !o.equal {
			t.Error("the weights are not those of a run without volunteers")
		}
		if o.trust.Bound > 0.1 {
			t.Errorf("a bound of %v, want at most 0.1", o.trust.Bound)
		}
		blameless(t, x.Client, x.Hub.Addr().String(), honest)
		if t.Failed() || o.repaired > 0 && o.repairs > 0 {
			return
		}
		stage.clear()
		x.Stop()
	}
	t.Error("he was never believed and then caught: the test proves nothing")
}
