package scheduler

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

var (
	t0            = time.Unix(1_790_000_000, 0)
	ann, bob, cyd = volunteer.ID{'a'}, volunteer.ID{'b'}, volunteer.ID{'c'}
)

// pairs lists a plan's grants as shard-slot pairs, backups marked.
func pairs(p Plan) [][3]int {
	var list [][3]int
	for _, g := range p.Grants {
		backup := 0
		if g.Backup {
			backup = 1
		}
		list = append(list, [3]int{g.Shard, g.Slot, backup})
	}
	return list
}

func attempt(v volunteer.ID, overdueIn time.Duration) Attempt {
	return Attempt{Volunteer: v, Overdue: t0.Add(overdueIn)}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name string
		snap Snapshot
		want [][3]int
	}{
		{"nothing to do", Snapshot{Slots: []Slot{{Volunteer: ann, Free: 1}}}, nil},
		{"nobody there", Snapshot{Shards: []Shard{{Need: 1}}}, nil},
		{"one each before two for one",
			Snapshot{Shards: []Shard{{Need: 1}, {Need: 1}, {Need: 1}}, Slots: []Slot{{Volunteer: ann, Free: 2}, {Volunteer: bob, Free: 2}}},
			[][3]int{{0, 0, 0}, {1, 1, 0}, {2, 0, 0}}},
		{"fastest first",
			Snapshot{Shards: []Shard{{Need: 1}}, Slots: []Slot{{Volunteer: ann, Free: 1, Speed: 5}, {Volunteer: bob, Free: 1, Speed: 9}}},
			[][3]int{{0, 1, 0}}},
		{"load counts before speed",
			Snapshot{Shards: []Shard{{Need: 1}}, Slots: []Slot{{Volunteer: ann, Free: 1, Speed: 9, Load: 1}, {Volunteer: bob, Free: 1, Speed: 5}}},
			[][3]int{{0, 1, 0}}},
		{"replicas go to different volunteers, not to two devices of one",
			Snapshot{Shards: []Shard{{Need: 2}}, Slots: []Slot{{Volunteer: ann, Free: 1}, {Volunteer: ann, Free: 1}, {Volunteer: bob, Free: 1}}},
			[][3]int{{0, 0, 0}, {0, 2, 0}}},
		{"who delivered is barred",
			Snapshot{Shards: []Shard{{Need: 1, Barred: []volunteer.ID{ann}}}, Slots: []Slot{{Volunteer: ann, Free: 1}, {Volunteer: bob, Free: 1}}},
			[][3]int{{0, 1, 0}}},
		{"too small a device",
			Snapshot{Shards: []Shard{{Need: 1, Memory: 100}}, Slots: []Slot{{Volunteer: ann, Free: 1, Memory: 99}, {Volunteer: bob, Free: 1}}},
			[][3]int{{0, 1, 0}}},
		{"a barred slot still serves the next shard",
			Snapshot{Shards: []Shard{{Need: 1, Barred: []volunteer.ID{ann}}, {Need: 1}}, Slots: []Slot{{Volunteer: ann, Free: 1}}},
			[][3]int{{1, 0, 0}}},
		{"in time: no backup",
			Snapshot{Shards: []Shard{{Need: 1, Attempts: []Attempt{attempt(ann, time.Millisecond)}}}, Slots: []Slot{{Volunteer: bob, Free: 1}}},
			nil},
		{"overdue: one backup",
			Snapshot{Shards: []Shard{{Need: 1, Attempts: []Attempt{attempt(ann, 0)}}}, Slots: []Slot{{Volunteer: bob, Free: 1}, {Volunteer: cyd, Free: 1}}},
			[][3]int{{0, 0, 1}}},
		{"backed up already",
			Snapshot{Shards: []Shard{{Need: 1, Attempts: []Attempt{attempt(ann, 0), attempt(bob, time.Second)}}}, Slots: []Slot{{Volunteer: cyd, Free: 1}}},
			nil},
		{"the backup is overdue too",
			Snapshot{Shards: []Shard{{Need: 1, Attempts: []Attempt{attempt(ann, 0), attempt(bob, 0)}}}, Slots: []Slot{{Volunteer: cyd, Free: 1}}},
			[][3]int{{0, 0, 1}}},
		{"a sealed attempt is never overdue",
			Snapshot{Shards: []Shard{{Need: 2, Attempts: []Attempt{{Volunteer: ann, Sealed: true}, attempt(bob, time.Second)}}}, Slots: []Slot{{Volunteer: cyd, Free: 1}}},
			nil},
		{"backups of one job come before the first attempts of the next",
			Snapshot{Shards: []Shard{{Need: 1, Attempts: []Attempt{attempt(ann, 0)}}, {Job: 1, Need: 1}}, Slots: []Slot{{Volunteer: bob, Free: 1}}},
			[][3]int{{0, 0, 1}}},
		{"needed attempts come before backups of earlier shards",
			Snapshot{Shards: []Shard{{Need: 1, Attempts: []Attempt{attempt(ann, 0)}}, {Need: 1}}, Slots: []Slot{{Volunteer: bob, Free: 1}}},
			[][3]int{{1, 0, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.snap.Now = t0
			if got := pairs(New(Default(), c.snap)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("grants (shard, slot, backup) = %v, want %v", got, c.want)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	c := Config{LeaseTime: time.Minute, BackupAfter: 2 * time.Second, MaxBackups: 3}
	plan := func(speed int64) Grant {
		p := New(c, Snapshot{Now: t0, Shards: []Shard{{Need: 1, Ops: 1_000_000}}, Slots: []Slot{{Volunteer: ann, Free: 1, Speed: speed}}})
		if p.Wake != p.Grants[0].Overdue {
			t.Errorf("speed %d: wakes at %v, want when the attempt is overdue (%v)", speed, p.Wake, p.Grants[0].Overdue)
		}
		return p.Grants[0]
	}
	for _, tc := range []struct {
		speed             int64
		overdue, deadline time.Duration
	}{
		{0, 4 * time.Second, time.Minute},              // never measured
		{10_000_000, 2 * time.Second, time.Minute},     // 100 ms
		{100_000, 20 * time.Second, 100 * time.Second}, // 10 s
		{1, 48 * time.Hour, 240 * time.Hour},           // beyond the cap
		{math.MaxInt64, 2 * time.Second, time.Minute},  // at once
	} {
		g := plan(tc.speed)
		if got := g.Overdue.Sub(t0); got != tc.overdue {
			t.Errorf("speed %d: overdue after %v, want %v", tc.speed, got, tc.overdue)
		}
		if got := g.Deadline.Sub(t0); got != tc.deadline {
			t.Errorf("speed %d: deadline after %v, want %v", tc.speed, got, tc.deadline)
		}
	}
}

func TestExpected(t *testing.T) {
	for _, c := range []struct {
		ops, speed int64
		load       int
		want       time.Duration
	}{
		{1_500, 1_000, 1, 1500 * time.Millisecond},
		{1_500, 1_000, 2, 3 * time.Second},
		{math.MaxInt64, math.MaxInt64 / 2, 1, 2 * time.Second},
		{math.MaxInt64, 1, 5, maxExpected},
	} {
		got := expected(c.ops, c.speed, c.load)
		if diff := (got - c.want).Abs(); diff > time.Microsecond {
			t.Errorf("expected(%d, %d, %d) = %v, want %v", c.ops, c.speed, c.load, got, c.want)
		}
	}
}

// Over random snapshots: the rules of the package comment hold for every
// grant, no slot gets more than it wants, and work is never left lying while
// a slot that may have it is idle.
func TestInvariants(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		s := randomSnapshot(rng)
		p := New(Default(), s)
		if again := New(Default(), s); !reflect.DeepEqual(p, again) {
			t.Fatalf("two plans for one snapshot:\n%+v\n%+v", p, again)
		}
		free := make([]int, len(s.Slots))
		for i, slot := range s.Slots {
			free[i] = slot.Free
		}
		for _, g := range p.Grants {
			shard, slot := &s.Shards[g.Shard], s.Slots[g.Slot]
			if free[g.Slot]--; free[g.Slot] < 0 {
				t.Fatalf("slot %d got more than it wants: %+v", g.Slot, s)
			}
			if !may(*shard, slot) {
				t.Fatalf("shard %d may not go to slot %d: %+v", g.Shard, g.Slot, s)
			}
			shard.Attempts = append(slices.Clone(shard.Attempts), Attempt{Volunteer: slot.Volunteer, Overdue: g.Overdue})
		}
		for i, shard := range s.Shards {
			for j, slot := range s.Slots {
				if len(shard.Attempts) < shard.Need && free[j] > 0 && may(shard, slot) {
					t.Fatalf("shard %d lies idle while slot %d is free: %+v", i, j, s)
				}
			}
		}
	}
}

func may(shard Shard, slot Slot) bool {
	for _, a := range shard.Attempts {
		if a.Volunteer == slot.Volunteer {
			return false
		}
	}
	return !slices.Contains(shard.Barred, slot.Volunteer) && (slot.Memory == 0 || slot.Memory >= shard.Memory)
}

func randomSnapshot(rng *rand.Rand) Snapshot {
	who := func() volunteer.ID { return volunteer.ID{byte(rng.IntN(6))} }
	s := Snapshot{Now: t0}
	for range rng.IntN(8) {
		shard := Shard{Job: len(s.Shards) / 3, Ops: rng.Int64N(1000), Memory: rng.Int64N(4), Need: rng.IntN(4)}
		for range rng.IntN(3) {
			shard.Attempts = append(shard.Attempts, attempt(who(), time.Duration(rng.IntN(3)-1)*time.Second))
		}
		for range rng.IntN(2) {
			shard.Barred = append(shard.Barred, who())
		}
		s.Shards = append(s.Shards, shard)
	}
	for range rng.IntN(8) {
		s.Slots = append(s.Slots, Slot{Volunteer: who(), Free: rng.IntN(3), Load: rng.IntN(3), Memory: rng.Int64N(4), Speed: rng.Int64N(3)})
	}
	return s
}

func BenchmarkPlan(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 8))
	s := Snapshot{Now: t0, Shards: make([]Shard, 4096)}
	for i := range s.Shards {
		s.Shards[i].Need = 2
	}
	for i := range 1000 {
		s.Slots = append(s.Slots, Slot{Volunteer: volunteer.ID{byte(i), byte(i >> 8)}, Free: 2, Speed: rng.Int64N(1000)})
	}
	for b.Loop() {
		New(Default(), s)
	}
}
