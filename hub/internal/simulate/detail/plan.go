package detail

import (
	"math"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate/agenda"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// A plan looks at no more than it can use: as many of the most urgent shards
// as there may be devices for, and as many of the best devices as these shards
// can take. The scheduler would not have used the others. So its snapshots
// stay small where a hundred thousand devices or shards wait.
const (
	maxShards = 256 // of one snapshot
	spare     = 16  // devices beyond those needed: some may not vouch for the others
)

// preference orders idle devices as the scheduler does: the least loaded
// first, then the fastest. It is never 0.
func preference(d *device) uint64 {
	speed := uint64(math.Float32bits(float32(max(d.measured, 0)))) // ordered as the numbers are
	return uint64(len(d.leases)+1)<<56 | (math.MaxUint32-speed)<<24 | uint64(d.serial)&0xffffff
}

// urgency orders shards: jobs in their order, and each job's shards as they
// were made.
func urgency(h *shard) uint64 { return uint64(h.job.index)<<56 | uint64(h.serial) }

// seek puts a shard that needs attempts into the queue.
func (s *sim) seek(h *shard) {
	if h.queued || h.need() <= len(h.attempts) {
		return
	}
	h.queued = true
	s.hub.queue.Add(urgency(h), h)
	s.kick()
}

// backUp lets a shard with overdue attempts be backed up when there is room.
func (s *sim) backUp(h *shard) {
	if h.late || h.need() == 0 {
		return
	}
	h.late = true
	s.hub.late.Add(urgency(h), h)
	s.kick()
}

// plan hands out what can be handed out now, job by job as the scheduler would:
// the backups of one come before the first attempts of the next.
func (s *sim) plan() {
	s.hub.planning, s.hub.planned = true, s.now // what follows need not plan again
	var stuck []*shard
	for _, j := range s.hub.jobs {
		for s.hub.waiting > 0 {
			shards := s.urgent(j)
			if len(shards) == 0 {
				break
			}
			stuck = append(stuck, s.match(shards, false)...)
		}
		if s.hub.waiting > 0 {
			for _, h := range s.match(s.overdue(j), true) {
				s.backUp(h)
			}
		}
	}
	for _, h := range stuck {
		s.seek(h)
		s.lookForCompany(h)
	}
	s.hub.planning = false
}

// place puts d among the idle, or takes it away when key is 0. What the heap
// still holds of an earlier place is void.
func (s *sim) place(d *device, key uint64) {
	if d.key != 0 {
		s.hub.waiting--
	}
	if d.key = key; key != 0 {
		s.hub.waiting++
		s.hub.idle.Add(key, d)
	}
}

// devices takes the n best idle devices, or all.
func (s *sim) devices(n int) []*device {
	var list []*device
	for len(list) < n && s.hub.idle.Len() > 0 {
		key, d := s.hub.idle.Take()
		if d.key != key {
			continue
		}
		s.place(d, 0)
		if s.serves(d) {
			list = append(list, d)
		}
	}
	return list
}

// urgent takes the first of a job's shards that need an attempt, no more than
// there are idle devices.
func (s *sim) urgent(j *work) []*shard {
	s.supply(j)
	var shards []*shard
	for len(shards) < min(s.hub.waiting, maxShards) && next(&s.hub.queue, j) {
		_, h := s.hub.queue.Take()
		h.queued = false
		if h.need() > len(h.attempts) {
			shards = append(shards, h)
		}
	}
	return shards
}

// overdue takes the first of a job's shards that may be backed up.
func (s *sim) overdue(j *work) []*shard {
	var shards []*shard
	for len(shards) < maxShards && next(&s.hub.late, j) {
		_, h := s.hub.late.Take()
		h.late = false
		if s.mayBackUp(h) {
			shards = append(shards, h)
		}
	}
	return shards
}

// next reports whether the next shard is one of j.
func next(list *agenda.Agenda[uint64, *shard], j *work) bool {
	return list.Len() > 0 && list.Next()>>56 <= uint64(j.index)
}

// mayBackUp reports whether the scheduler would back up h.
func (s *sim) mayBackUp(h *shard) bool {
	late := 0
	for _, a := range h.attempts {
		if a.overdue <= s.now && !(a.seal && !a.opened) {
			late++
		}
	}
	need := h.need()
	return need > 0 && len(h.attempts)-need < min(late, s.hub.scheduler.MaxBackups)
}

// match lets the scheduler give devices to shards, and returns the shards that
// none of the idle devices may have. Without backup every shard gets one
// attempt: who that is decides who may be next.
func (s *sim) match(shards []*shard, backup bool) []*shard {
	for n := len(shards) + spare; len(shards) > 0; n *= 2 {
		devices := s.devices(n)
		p := scheduler.New(s.hub.scheduler, s.snapshot(shards, devices, backup))
		s.report.Plans++
		s.report.LargestPlan = max(s.report.LargestPlan, len(shards)+len(devices))
		granted := make([]bool, len(shards))
		for _, g := range p.Grants {
			granted[g.Shard] = true
			s.grant(shards[g.Shard], devices[g.Slot], g)
		}
		for _, d := range devices {
			s.offer(d)
		}
		left := shards[:0]
		for i, h := range shards {
			if granted[i] {
				s.seek(h)
			} else {
				left = append(left, h)
			}
		}
		shards = left
		if len(devices) < n {
			break
		}
	}
	return shards
}

// snapshot shows the scheduler some shards and devices. A device shows one
// place: it is offered again at once if it has more.
func (s *sim) snapshot(shards []*shard, devices []*device, backup bool) scheduler.Snapshot {
	v := scheduler.Snapshot{
		Now:    s.clock(),
		Shards: make([]scheduler.Shard, len(shards)),
		Slots:  make([]scheduler.Slot, len(devices)),
	}
	for i, d := range devices {
		v.Slots[i] = scheduler.Slot{Volunteer: d.who.id, Free: 1, Load: len(d.leases), Memory: d.memory, Speed: d.measured}
	}
	for i, h := range shards {
		need := len(h.attempts) + 1
		if backup {
			need = h.need()
		}
		attempts := make([]scheduler.Attempt, len(h.attempts))
		for j, a := range h.attempts {
			attempts[j] = scheduler.Attempt{
				Volunteer: a.dev.who.id, Overdue: epoch.Add(a.overdue), Sealed: a.seal && !a.opened,
			}
		}
		v.Shards[i] = scheduler.Shard{
			Job: h.job.index, Ops: h.ops, Memory: h.job.Memory, Need: need, Attempts: attempts, Barred: s.barred(h, devices),
		}
	}
	return v
}

// barred are those of the devices' volunteers that may not vouch for whoever
// holds the shard or has answered.
func (s *sim) barred(h *shard, devices []*device) []volunteer.ID {
	var list []volunteer.ID
	for _, a := range h.voices {
		list = append(list, a.dev.who.id)
	}
	if len(h.voices)+len(h.attempts) == 0 {
		return nil
	}
	for _, d := range devices {
		if s.kin(h, d.who) {
			list = append(list, d.who.id)
		}
	}
	return list
}

// kin is the engine's: it reports whether p looks related to somebody who
// holds the shard, or has delivered it.
func (s *sim) kin(h *shard, p *person) bool {
	for _, parties := range [][]*attempt{h.voices, h.attempts} {
		for _, a := range parties {
			if a.dev.who == p {
				continue
			}
			of := a.dev.identity()
			for _, d := range p.devices {
				if trust.Related(of, d.identity()) {
					return true
				}
			}
		}
	}
	return false
}

// lookForCompany is the engine's: where a shard waits for a further volunteer
// and none is connected that may be one, an auditor decides instead.
func (s *sim) lookForCompany(h *shard) {
	if h.need() == 0 || len(h.voices)+len(h.attempts) == 0 {
		return
	}
	lonely := !slices.ContainsFunc(s.met, func(p *person) bool { return s.may(h, p) })
	if lonely != h.facts.Lonely {
		h.facts.Lonely = lonely
		s.judge(h)
	}
}

// may reports whether p could vouch for h, sooner or later.
func (s *sim) may(h *shard, p *person) bool {
	has := func(a *attempt) bool { return a.dev.who == p }
	if !p.connected || slices.ContainsFunc(h.voices, has) || slices.ContainsFunc(h.attempts, has) {
		return false
	}
	able := func(d *device) bool { return s.serves(d) && (d.memory == 0 || d.memory >= h.job.Memory) }
	return slices.ContainsFunc(p.devices, able) && !s.kin(h, p)
}
