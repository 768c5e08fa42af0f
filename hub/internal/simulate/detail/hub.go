package detail

import (
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate/agenda"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// hub is what a hub knows; sim's methods in this and the next files are what
// its engine does with that.
type hub struct {
	header    incident.Header
	scheduler scheduler.Config
	policy    trust.Weighed
	lots      struct{ check, audit, pairs [32]byte }
	memory    memory

	jobs  []*work
	queue agenda.Agenda[uint64, *shard]  // those that need an attempt, by urgency
	late  agenda.Agenda[uint64, *shard]  // those with an overdue attempt that may be backed up
	idle  agenda.Agenda[uint64, *device] // those that want work, the best first

	waiting int // devices among the idle

	planning bool // a plan is on the agenda
	planned  time.Duration

	auditors int      // idle ones
	audits   []*shard // that wait for one
	auditing int      // these, and those under way
}

// serves reports whether the hub gives leases to d.
func (s *sim) serves(d *device) bool {
	return d.who.connected && !d.excluded
}

// wants is a device's word that it has room for n more.
func (s *sim) wants(d *device, n int) {
	d.want = min(d.want+n, s.hub.header.Hub.MaxLeases)
	s.offer(d)
	s.kick()
}

// offer puts d among the idle, where it now belongs.
func (s *sim) offer(d *device) {
	key := uint64(0)
	if s.serves(d) && min(d.want, s.hub.header.Hub.MaxLeases-len(d.leases)) > 0 {
		key = preference(d)
	}
	if key != d.key {
		s.place(d, key)
	}
}

// kick plans soon, but not more often than the hub does.
func (s *sim) kick() {
	if s.hub.planning {
		return
	}
	s.hub.planning = true
	s.agenda.Add(max(s.now, s.hub.planned+s.hub.header.Hub.PlanEvery), event{kind: plans})
}

// grant hands out one lease.
func (s *sim) grant(h *shard, d *device, g scheduler.Grant) {
	a := &attempt{
		shard: h, dev: d, session: d.who.session, granted: s.now, backup: g.Backup,
		overdue: g.Overdue.Sub(epoch), deadline: g.Deadline.Sub(epoch),
	}
	s.believe(a)
	d.want--
	d.leases = append(d.leases, a)
	h.attempts = append(h.attempts, a)
	a.sealed = h.wanted() > 1 // whoever could be copied from, or could copy, seals first
	if h.leased < 0 {
		h.leased = s.now
	}
	s.report.Leases++
	if g.Backup {
		s.report.Backups.Granted++
	}
	s.log(incident.Event{Kind: incident.Lease, Volunteer: d.who.number, Device: d.index, Job: h.job.index, Shard: h.serial, Backup: g.Backup})
	s.agenda.Add(s.now+d.who.latency, event{kind: leased, attempt: a})
	s.agenda.Add(a.overdue, event{kind: overdue, attempt: a})
}

// receive takes a lease at the device.
func (s *sim) receive(a *attempt) {
	if a.session != a.dev.who.session || !a.dev.who.here {
		return
	}
	a.dev.queue = append(a.dev.queue, a)
	s.begin(a.dev)
}

// drop ends a live attempt, whatever the reason, and tells the device.
func (s *sim) drop(a *attempt, tell bool) {
	if a.dead {
		return
	}
	a.dead = true
	a.dev.leases = without(a.dev.leases, a)
	a.shard.attempts = without(a.shard.attempts, a)
	if a.backup {
		s.report.Backups.Wasted++
	}
	if tell {
		s.agenda.Add(s.now+a.dev.who.latency, event{kind: revoked, attempt: a})
	}
	s.offer(a.dev)
	if h := a.shard; len(h.attempts)+len(h.voices) == 0 {
		h.facts.Lonely = false // whoever is next may have company
	}
	s.openSealed(a.shard)
	s.seek(a.shard)
}

func without(list []*attempt, a *attempt) []*attempt {
	if i := slices.Index(list, a); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// expire is called when an attempt is overdue, and again at its deadline.
func (s *sim) expire(a *attempt) {
	waits := a.seal && !a.opened
	switch {
	case a.dead || waits:
	case a.deadline <= s.now:
		s.report.Expired++
		s.drop(a, true)
	default:
		s.openSealed(a.shard) // a spare may take its place
		s.backUp(a.shard)
		s.agenda.Add(a.deadline, event{kind: overdue, attempt: a})
	}
}

// arrive takes a device's message: its result, or the seal of it. With it
// comes the want of another lease.
func (s *sim) arrive(a *attempt) {
	d := a.dev
	if a.session != d.who.session || !d.who.connected {
		return
	}
	if !a.dead {
		s.measure(a)
	}
	switch {
	case a.dead:
		s.report.time.surplus += a.compute
		s.account().Spend(1)
	case a.sealed:
		a.seal = true
		s.openSealed(a.shard)
	default:
		s.judged(a)
	}
	s.wants(d, 1)
}

// measure is the engine's: a moving average of what the device does a second,
// waiting in its queue included.
func (s *sim) measure(a *attempt) {
	took := (s.now - a.granted).Milliseconds()
	if took <= 0 {
		return
	}
	speed := a.shard.ops / took * 1000
	if old := a.dev.measured; old > 0 {
		speed = old - old/4 + speed/4
	}
	a.dev.measured = max(speed, 1)
}

// openSealed is the engine's: it asks for sealed results once every replica
// that is needed has been sealed.
func (s *sim) openSealed(h *shard) {
	if h.need() == 0 {
		return
	}
	opened := 0
	var shut []*attempt
	for _, a := range h.attempts {
		switch {
		case a.opened && a.overdue > s.now:
			opened++
		case a.opened:
		case a.seal:
			shut = append(shut, a)
		}
	}
	missing := h.need() - opened
	if h.facts.Lonely { // nobody else is to be waited for
		missing = min(missing, len(shut))
	}
	if missing <= 0 || len(shut) < missing {
		return
	}
	for _, a := range shut[:missing] {
		a.opened = true
		a.overdue = s.now + s.hub.scheduler.BackupAfter
		a.deadline = s.now + s.hub.scheduler.LeaseTime
		s.agenda.Add(s.now+2*a.dev.who.latency, event{kind: revealed, attempt: a})
		s.agenda.Add(a.overdue, event{kind: overdue, attempt: a})
	}
}

// reveal takes a result whose seal was opened.
func (s *sim) reveal(a *attempt) {
	if a.session != a.dev.who.session || !a.dev.who.connected {
		return
	}
	if a.dead {
		s.report.time.surplus += a.compute
		s.account().Spend(1)
		return
	}
	s.judged(a)
}

// epoch is when virtual time begins, for those who need a date.
var epoch = time.Unix(1_800_000_000, 0)

func (s *sim) clock() time.Time { return epoch.Add(s.now) }

// volunteerID is the n-th volunteer's.
func volunteerID(n int) volunteer.ID {
	return volunteer.ID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}
