package adversary_test

import (
	"testing"

	"github.com/shoal-compute/shoal/testharness/adversary"
)

// Where accomplices are the majority of a shard's replicas their lie is
// believed. Once they are caught over another shard, everything that rests on
// their word is run again, the job goes back to before the lie, and ends with
// the weights of a run without volunteers.
func TestRepair(t *testing.T) {
	s := pick(t, "reckless-ring")
	for seed := range uint64(20) {
		stage := newStage(t)
		x := stage.open(config(t))
		book := adversary.NewBook()
		party := s.Cast(seed, book, lane)
		honest := crowd(seed, 2)
		stage.enter(stage.pipe, party.Cheats...)
		stage.enter(stage.pipe, honest...)
		stage.gather(x.Client, 4)
		id := x.Submit(mlp.with("assurance: replicated, replicas: 2"))
		if j := x.Wait(id); j.State != "done" {
			t.Fatalf("job is %s: %s", j.State, j.Error)
		}
		o := settle(t, x.Client, id, mlp.alone(t), book, party.Cheats)
		t.Log(o)
		blameless(t, x.Client, x.Hub.Addr().String(), honest)
		if o.marks > 0 && (o.left != 0 || !o.equal) {
			t.Error("the ring was caught and lies are left")
		}
		if t.Failed() || o.repaired > 0 && o.repairs > 0 {
			return
		}
		stage.clear()
		x.Stop()
	}
	t.Error("no lie was ever believed and undone: the test proves nothing")
}
