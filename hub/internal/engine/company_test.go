package engine

import (
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// holders returns who is at work on the hall's only shard.
func (h *hall) holders() (list []volunteer.ID) {
	for _, a := range h.job.round.shards[0].attempts {
		list = append(list, a.lease.Volunteer)
	}
	return list
}

// plan plans until nothing changes and returns when to plan again.
func (h *hall) plan(t *testing.T) time.Time {
	t.Helper()
	h.plans(t)
	wake, err := h.planOnce()
	if err != nil {
		t.Fatal(err)
	}
	return wake
}

// Two who are kin are never both at work on a shard: not even when one plan has
// room for a second volunteer and for a backup of the first.
func TestBackupIsNoKin(t *testing.T) {
	h := newHall(t, job.Trust{Epsilon: "0.000001"}, 1, 1)
	if h.plans(t); len(h.holders()) != 1 {
		t.Fatalf("%d are at work, want the only one", len(h.holders()))
	}
	h.config.Related = func(a, b trust.Identity) bool { return a.Block == "twins" && b.Block == "twins" }
	for i := range 2 {
		m, err := h.Join(t.Context(), volunteer.ID{100 + byte(i)}, "", "twins", []Device{{Lane: "wasm"}})
		if err != nil {
			t.Fatal(err)
		}
		m.consent, m.want[0] = h.now.Add(time.Hour), 1
	}
	h.now = h.now.Add(time.Minute) // the first attempt is overdue
	if h.plans(t); len(h.holders()) != 2 {
		t.Errorf("%d are at work, want one of the twins beside the first", len(h.holders()))
	}
}

// A shard is lonely as long as nobody is there who may vouch for it, and knows
// in time when whoever may be will be gone.
func TestLonely(t *testing.T) {
	h := newHall(t, job.Trust{Epsilon: "0.000001"}, 1, 1)
	s := h.job.round.shards[0]
	h.plan(t)
	if !s.lonely || s.need() != 1 {
		t.Fatalf("with one volunteer: lonely %t, %d are needed; want one who is enough", s.lonely, s.need())
	}
	m, err := h.Join(t.Context(), volunteer.ID{100}, "", "elsewhere", []Device{{Lane: "wasm", Memory: 1}})
	if err != nil {
		t.Fatal(err)
	}
	m.consent, m.want[0] = h.now.Add(time.Second), 1
	if h.plan(t); !s.lonely {
		t.Error("a device that is too small is company")
	}
	m.devices[0].Memory = 0
	if h.plan(t); s.lonely || len(s.attempts) != 2 {
		t.Errorf("with two volunteers: lonely %t, %d at work", s.lonely, len(s.attempts))
	}
	m.Return([][]byte{s.attempts[1].token})
	m.want[0] = 1
	if h.plan(t); !s.lonely {
		t.Error("whoever has handed the shard back is company")
	}
	h.now = h.now.Add(2 * returnPause)
	m.consent, m.devices[0].Memory = h.now.Add(time.Second), 0
	m.want[0], m.load[0] = 0, 1 // busy with something else
	if wake := h.plan(t); s.lonely || wake.After(m.consent) {
		t.Errorf("lonely %t, to be looked at again at %v, when the company has left at %v", s.lonely, wake, m.consent)
	}
	h.now = m.consent
	if h.plan(t); !s.lonely {
		t.Error("whose consent has ended is company")
	}
	for _, other := range []*Member{m, h.members[0]} {
		other.Leave()
	}
	if h.plan(t); s.lonely || len(s.attempts) > 0 || s.need() != 1 {
		t.Errorf("nobody is here: lonely %t, %d at work, %d needed", s.lonely, len(s.attempts), s.need())
	}
}

// Who has delivered a shard before the hub was started again is still nobody whom
// kin vouch for.
func TestRecalledKin(t *testing.T) {
	h := newHall(t, job.Trust{Epsilon: "0.000001"}, 0, 1)
	h.config.Related = func(a, b trust.Identity) bool { return a.Block == "twins" && b.Block == "twins" }
	s := h.job.round.shards[0]
	s.recall(Result{Volunteer: volunteer.ID{99}, Output: job.Hash{1}, Risk: 0.1, Identity: trust.Identity{Block: "twins"}})
	h.reweigh(h.job, s)
	join := func(id byte, block string) {
		m, err := h.Join(t.Context(), volunteer.ID{id}, "", block, []Device{{Lane: "wasm"}})
		if err != nil {
			t.Fatal(err)
		}
		m.consent, m.want[0] = h.now.Add(time.Hour), 1
	}
	join(100, "twins")
	if h.plans(t); len(h.holders()) != 0 || !s.lonely {
		t.Errorf("%v are at work and the shard is lonely: %t; want nobody to vouch for kin", h.holders(), s.lonely)
	}
	join(101, "elsewhere")
	if h.plans(t); len(h.holders()) != 1 || h.holders()[0] != (volunteer.ID{101}) || s.lonely {
		t.Errorf("%v are at work and the shard is lonely: %t; want the one who is no kin", h.holders(), s.lonely)
	}
}
