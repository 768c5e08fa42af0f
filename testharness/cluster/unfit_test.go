package cluster

import (
	"testing"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// What a volunteer says of its failed lanes is shown, and nothing hangs on it.
func TestUnfitLanesAreShown(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	p := join(t, x, "ann")
	lanes := []protocol.Lane{{Lane: "vulkan", Detail: "Card 1, driver 2", Reason: "selftest: wrong answers: shift/0"}}
	p.send(protocol.Unfit{Lanes: lanes})
	p.send(protocol.GetBlob{})
	expect[protocol.Error](p)
	known, err := x.Client.Volunteers(t.Context(), 10)
	if err != nil || len(known) != 1 || len(known[0].Unfit) != 1 || known[0].Unfit[0] != client.Unfit(lanes[0]) {
		t.Errorf("got %+v, %v", known, err)
	}
	for range 7 {
		p.send(protocol.Unfit{Lanes: lanes})
	}
	p.send(protocol.Unfit{Lanes: lanes})
	p.refused(protocol.CodeUnexpected, nil)
	p.send(protocol.Want{Count: 1}) // it is a volunteer like any other
	id := x.Submit(ChainFile("unfit", 1, 1, 1))
	l := expect[protocol.Lease](p)
	p.send(p.result(l, p.outputs(l)))
	expect[protocol.Verdict](p)
	x.Done(id, "unfit", 1, 1, 1)
}
