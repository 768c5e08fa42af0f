// Package scheduler decides which volunteer gets which shard: a snapshot in,
// a plan out.
//
// It is pure: the same snapshot gives the same plan, the clock is part of the
// snapshot, nothing is kept between calls. It refuses to know jobs, stores,
// connections and results; it sees only how many more results a shard needs
// and who is at work on it.
//
// The rules, in order:
//
//   - A shard is never given to a volunteer that already has it or has
//     delivered it, on any of its devices, nor to a device too small for it,
//     nor to one of the other sort: sandboxes run modules, the rest programs,
//     nor where the snapshot bars it.
//   - Shards that need another attempt come first, in the order given (which
//     is oldest job first), each to the least loaded of the fastest devices.
//     A lease that expired or was returned is no longer an attempt, so its
//     shard goes out again in the next plan.
//   - What is idle after that backs up attempts that are overdue: a slow or
//     silent volunteer cannot stall a round. The first result wins.
//   - The backups of one job come before the first attempts of the next: a job
//     that always has work left would otherwise leave none idle for them.
package scheduler

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Config holds the scheduler's constants.
type Config struct {
	LeaseTime   time.Duration // a lease lasts at least this long
	BackupAfter time.Duration // an attempt is never overdue before this
	MaxBackups  int           // attempts a shard may have beyond those it needs
}

// Default returns the constants that suit shards of 10 ms to a minute.
func Default() Config {
	return Config{LeaseTime: 2 * time.Minute, BackupAfter: 2 * time.Second, MaxBackups: 3}
}

// Shard is one shard that is not settled yet.
type Shard struct {
	Job      int // the shards of one job have one number, and stand together
	Ops      int64
	Memory   int64          // bytes a device needs
	Sandbox  bool           // it runs a module: only sandboxes can
	Need     int            // results still needed
	Attempts []Attempt      // under way
	Barred   []volunteer.ID // have delivered a result already
}

// Attempt is one live lease.
type Attempt struct {
	Volunteer volunteer.ID
	Overdue   time.Time // when a backup is justified
	Sealed    bool      // computed; waits for the other replicas
}

// Slot is one device of one connected volunteer that wants work.
type Slot struct {
	Volunteer volunteer.ID
	Free      int   // leases it wants
	Load      int   // leases it has
	Memory    int64 // bytes; 0 means unknown
	Speed     int64 // operations per second; 0 means not measured
	Sandbox   bool  // it runs modules and nothing else
}

// Snapshot is all a plan depends on.
type Snapshot struct {
	Now    time.Time
	Shards []Shard // most urgent first
	Slots  []Slot
	// Bars, unless nil, says that a slot may not have a shard, for reasons that
	// the scheduler does not know. It is asked only of slots that could have it,
	// so that not every pair has to be looked at beforehand.
	Bars func(shard, slot int) bool
}

// Grant gives a shard to a slot, both by their index in the snapshot.
type Grant struct {
	Shard, Slot int
	Backup      bool
	Overdue     time.Time
	Deadline    time.Time
}

// Plan is what to do now, and when to plan again if nothing happens before.
type Plan struct {
	Grants []Grant
	Wake   time.Time // zero: only when something changes
}

// New returns the plan for s.
func New(c Config, s Snapshot) Plan {
	if len(s.Shards) == 0 {
		return Plan{} // most of the time, and with thousands of slots
	}
	p := &planner{config: c, snapshot: s, granted: make([][]volunteer.ID, len(s.Shards))}
	for i, slot := range s.Slots {
		if slot.Free > 0 {
			p.idle = append(p.idle, idle{index: i, free: slot.Free, load: slot.Load, speed: slot.Speed})
		}
	}
	heap.Init(&p.idle)
	for first := 0; first < len(s.Shards); {
		next := first
		for ; next < len(s.Shards) && s.Shards[next].Job == s.Shards[first].Job; next++ {
			shard := s.Shards[next]
			for n := len(shard.Attempts); n < shard.Need && p.grant(next, false); n++ {
			}
		}
		for ; first < next; first++ {
			p.backUp(first)
		}
	}
	return p.plan
}

type planner struct {
	config   Config
	snapshot Snapshot
	granted  [][]volunteer.ID // by shard: who got it in this plan
	idle     idleHeap
	plan     Plan
}

// backUp grants one more attempt for every overdue one, and notes when the
// next attempt will be overdue.
func (p *planner) backUp(i int) {
	shard := p.snapshot.Shards[i]
	overdue := 0
	for _, a := range shard.Attempts {
		switch {
		case a.Sealed:
		case !a.Overdue.After(p.snapshot.Now):
			overdue++
		default:
			p.wakeAt(a.Overdue)
		}
	}
	extra := max(len(shard.Attempts)+len(p.granted[i])-shard.Need, 0)
	for ; extra < min(overdue, p.config.MaxBackups) && p.grant(i, true); extra++ {
	}
}

func (p *planner) wakeAt(t time.Time) {
	if p.plan.Wake.IsZero() || t.Before(p.plan.Wake) {
		p.plan.Wake = t
	}
}

// grant gives shard i to the best idle slot that may have it.
func (p *planner) grant(i int, backup bool) bool {
	var refused []idle
	defer func() {
		for _, s := range refused {
			heap.Push(&p.idle, s)
		}
	}()
	for p.idle.Len() > 0 {
		s := heap.Pop(&p.idle).(idle)
		if !p.eligible(i, s.index) {
			refused = append(refused, s)
			continue
		}
		p.add(i, s, backup)
		if s.free--; s.free > 0 {
			s.load++
			refused = append(refused, s)
		}
		return true
	}
	return false
}

func (p *planner) eligible(i, index int) bool {
	shard, slot := &p.snapshot.Shards[i], &p.snapshot.Slots[index]
	if slot.Sandbox != shard.Sandbox || slot.Memory != 0 && slot.Memory < shard.Memory {
		return false
	}
	attempting := func(a Attempt) bool { return a.Volunteer == slot.Volunteer }
	return !slices.ContainsFunc(shard.Attempts, attempting) &&
		!slices.Contains(shard.Barred, slot.Volunteer) &&
		!slices.Contains(p.granted[i], slot.Volunteer) &&
		(p.snapshot.Bars == nil || !p.snapshot.Bars(i, index))
}

func (p *planner) add(i int, s idle, backup bool) {
	slot := p.snapshot.Slots[s.index]
	expect := expected(p.snapshot.Shards[i].Ops, slot.Speed, s.load+1)
	patience := max(p.config.BackupAfter, 2*expect)
	if slot.Speed == 0 {
		patience = 2 * p.config.BackupAfter // the first shard also loads the device
	}
	now := p.snapshot.Now
	p.granted[i] = append(p.granted[i], slot.Volunteer)
	p.plan.Grants = append(p.plan.Grants, Grant{
		Shard: i, Slot: s.index, Backup: backup,
		Overdue:  now.Add(patience),
		Deadline: now.Add(max(p.config.LeaseTime, 10*expect)),
	})
	p.wakeAt(now.Add(patience))
}

// maxExpected keeps the multiplications on durations far from overflow.
const maxExpected = 24 * time.Hour

// expected is how long a device takes for a shard behind load-1 others like it.
func expected(ops, speed int64, load int) time.Duration {
	if speed <= 0 {
		return 0
	}
	seconds := ops / speed
	if seconds >= int64(maxExpected/time.Second) {
		return maxExpected
	}
	// ops%speed < speed; scaled down first where the product could overflow.
	rest, per := ops%speed, speed
	for rest > 1<<32 {
		rest, per = rest>>1, per>>1
	}
	d := time.Duration(seconds)*time.Second + time.Duration(rest*int64(time.Second/2)/per)*2
	return min(d*time.Duration(max(load, 1)), maxExpected)
}

// idle is a slot with room for more.
type idle struct {
	index, free, load int
	speed             int64
}

// idleHeap yields the least loaded slot first, then the fastest, then the one
// that comes first in the snapshot.
type idleHeap []idle

func (h idleHeap) Len() int      { return len(h) }
func (h idleHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h idleHeap) Less(i, j int) bool {
	return cmp.Or(
		cmp.Compare(h[i].load, h[j].load),
		cmp.Compare(h[j].speed, h[i].speed),
		cmp.Compare(h[i].index, h[j].index),
	) < 0
}
func (h *idleHeap) Push(x any) { *h = append(*h, x.(idle)) }
func (h *idleHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
