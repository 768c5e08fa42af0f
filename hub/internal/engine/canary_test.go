package engine

import (
	"errors"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

// A canary answers to slips as any other lease does: nobody can tell it by them,
// and nobody is blamed for them.
func TestCanarySlips(t *testing.T) {
	h := newHall(t, job.Trust{Epsilon: "0.000001"}, 1, 2)
	for _, s := range h.job.round.shards {
		s.verdict.Accepted, s.receipt.Path = true, Audited
		h.job.round.settle(s)
	}
	h.plans(t)
	m := h.members[0]
	if len(m.canaries) != 1 || m.load[0] != 1 {
		t.Fatalf("%d canaries and a load of %v, want one", len(m.canaries), m.load)
	}
	c := m.canaries[0]
	d := Delivery{Lease: c.lease, Token: c.token}
	if _, err := m.Result(t.Context(), d); !errors.Is(err, ErrBadSeal) {
		t.Errorf("unsealed: %v", err)
	}
	for _, want := range []error{nil, nil} { // again, as after a reconnect
		if err := m.Seal(t.Context(), c.lease, c.token, [32]byte{1}); !errors.Is(err, want) {
			t.Errorf("seal: %v", err)
		}
	}
	if err := m.Seal(t.Context(), c.lease, c.token, [32]byte{2}); !errors.Is(err, ErrBadSeal) {
		t.Errorf("another seal: %v", err)
	}
	if len(m.canaries) != 1 || len(m.marks) > 0 {
		t.Errorf("%d canaries, marks %v", len(m.canaries), m.marks)
	}
	h.mu.Lock()
	h.dropRound(h.job, "over")
	h.mu.Unlock()
	if len(m.canaries) > 0 || m.load[0] != 0 {
		t.Errorf("after the round: %d canaries and a load of %v", len(m.canaries), m.load)
	}
}
