package adversary_test

import (
	"errors"
	"testing"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/testharness/adversary"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// A hub that is stopped and started again believes nothing it has settled a
// second time: tokens of before are good for what is open, and for nothing else.
func TestReplaysAfterRestart(t *testing.T) {
	for _, a := range assurances {
		t.Run(a.name, func(t *testing.T) {
			s := pick(t, "double-spender")
			c := config(t)
			stage := newStage(t)
			x := stage.open(c)
			book := adversary.NewBook()
			party := s.Cast(1, book, lane)
			honest := crowd(1, 2)
			stage.enter(stage.pipe, party.Cheats...)
			stage.enter(stage.pipe, honest...)
			stage.gather(x.Client, 3)
			id := x.Submit(long.with(a.trust(s)))
			for _, step := range []int{3, 6} {
				pass(t, x, id, step)
				stage.shut()
				x.Stop()
				x = stage.open(c)
			}
			if j := x.Wait(id); j.State != "done" {
				t.Fatalf("job is %s: %s", j.State, j.Error)
			}
			if o := settle(t, x.Client, id, long.alone(t), book, party.Cheats); !o.equal || o.marks != 0 {
				t.Errorf("got %v", o)
			}
			blameless(t, x.Client, x.Hub.Addr().String(), honest)
		})
	}
}

// pass waits until a job has made so many steps.
func pass(t testing.TB, x *cluster.Cluster, id string, step int) {
	t.Helper()
	enough := errors.New("enough")
	err := x.Client.Watch(t.Context(), id, func(e client.Event) error {
		if e.Report != nil && e.Report.Step >= step {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		t.Fatal(err)
	}
}
