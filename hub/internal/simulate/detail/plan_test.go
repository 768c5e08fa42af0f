package detail

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// A plan that looks at a few shards and devices gives what the scheduler gives
// when it looks at all of them.
func TestPlanOfAPartIsAPlanOfAll(t *testing.T) {
	c := small()
	c.Volunteers, c.Width = 200, 150
	var l listener
	s, err := newDrawnSim(c, &l)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for s.agenda.Len() > 0 && s.agenda.Next() < 20*time.Minute {
		var e event
		s.now, e = s.agenda.Take()
		if e.kind != plans {
			s.happen(e)
			continue
		}
		want := s.planOfAll()
		before := len(l.events)
		s.happen(e)
		var got []string
		for _, e := range l.events[before:] {
			if e.Kind == incident.Lease && !e.Backup && len(got) < len(want) {
				got = append(got, fmt.Sprintf("%d to %d/%d", e.Shard, e.Volunteer, e.Device))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("at %v: granted %q, want %q", s.now, got, want)
		}
		compared += len(want)
	}
	if compared < 500 {
		t.Errorf("only %d grants compared", compared)
	}
}

// planOfAll lets the scheduler see every shard and every device.
func (s *sim) planOfAll() []string {
	var (
		shards  []*shard
		devices []*device
	)
	for _, j := range s.hub.jobs {
		for _, round := range j.rounds {
			for _, h := range round {
				if h.need() > len(h.attempts) {
					shards = append(shards, h)
				}
			}
		}
	}
	for _, p := range s.met {
		for _, d := range p.devices {
			if d.key != 0 && s.serves(d) {
				devices = append(devices, d)
			}
		}
	}
	var list []string
	for _, g := range scheduler.New(s.hub.scheduler, s.snapshot(shards, devices, false)).Grants {
		if !g.Backup {
			d := devices[g.Slot]
			list = append(list, fmt.Sprintf("%d to %d/%d", shards[g.Shard].serial, d.who.number, d.index))
		}
	}
	return list
}

// How long the scheduler takes when it looks at everything.
func BenchmarkWholeSnapshot(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := scheduler.Snapshot{Now: epoch}
			for i := range n {
				v.Slots = append(v.Slots, scheduler.Slot{Volunteer: volunteerID(i), Free: 2, Speed: int64(i%977 + 1)})
			}
			for range 64 {
				v.Shards = append(v.Shards, scheduler.Shard{Ops: shardOps, Need: 1})
			}
			for b.Loop() {
				scheduler.New(scheduler.Default(), v)
			}
		})
	}
}
