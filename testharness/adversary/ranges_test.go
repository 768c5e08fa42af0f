package adversary_test

import (
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/testharness/adversary"
)

// A result outside the ranges that its program declares is no result: it is
// refused and its device marked, even in a job that believes everybody. It
// must not reach the fold, whose programs are proved for those ranges alone,
// and end the job.
func TestOutOfRangeIsNoResult(t *testing.T) {
	stage := newStage(t)
	x := stage.open(config(t))
	book := adversary.NewBook()
	party := pick(t, "noise").Cast(1, book, lane)
	stage.enter(stage.pipe, party.Cheats...)
	id := x.Submit(mlp.with("replicas: 1"))
	await(t, x, func() bool {
		return slices.ContainsFunc(known(t, x.Client, party.Cheats), func(v client.Volunteer) bool { return v.Marks > 0 })
	})
	stage.enter(stage.pipe, crowd(1, 1)...)
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("job is %s: %s", j.State, j.Error)
	}
	if o := settle(t, x.Client, id, mlp.alone(t), book, party.Cheats); o.left != 0 || o.marks == 0 || !o.equal {
		t.Errorf("noise was believed: %v", o)
	}
}
