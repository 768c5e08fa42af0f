package detail

import (
	"math/rand/v2"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// person is one volunteer.
type person struct {
	number  int // from 1
	id      volunteer.ID
	block   string
	build   string
	born    time.Time
	latency time.Duration
	devices []*device
	simulate.Cheat
	rand *rand.Rand // of its runs: what it does depends on nobody else

	here      bool // has not left
	since     time.Duration
	session   int  // counts connections: what belongs to an earlier one is void
	connected bool // as far as the hub knows
	caught    bool // proved wrong, with whatever device
	gone      bool // for good, or about to be

	delivered int64
	told      int64
	firstLie  time.Duration
	backing   []*shard // that it has delivered
}

// device is one lane of a volunteer: what it does, and what the hub knows.
type device struct {
	who    *person
	index  int
	serial int // among all devices
	class  string
	faulty bool // by its driver
	speed  int64
	memory int64
	script []run // in a replay: its runs, in their order

	// On the volunteer's side.
	runs    int
	queue   []*attempt
	working *attempt
	started time.Duration

	// On the hub's.
	want     int
	leases   []*attempt // live
	measured int64
	excluded bool
	key      uint64 // its place among the idle; 0: none
}

// identity is what the hub sees of a volunteer with this device.
func (d *device) identity() trust.Identity {
	return trust.Identity{Block: d.who.block, Created: d.who.born, Build: d.who.build, Class: d.class}
}

// known is what the hub keeps its records by.
func (d *device) known() reputation.Device {
	return reputation.Device{Volunteer: d.who.id, Class: d.class}
}

// attempt is one lease, from both sides.
type attempt struct {
	shard    *shard
	dev      *device
	session  int
	granted  time.Duration
	overdue  time.Duration
	deadline time.Duration
	risk     float64
	alone    bool
	check    float64 // how likely another volunteer checks its result
	sealed   bool    // its result is to be sealed first
	backup   bool

	dead   bool // the hub no longer waits for it
	seal   bool // the hub has its seal
	opened bool // and has asked for what was sealed

	run     int
	compute time.Duration
	ended   bool // the run has

	booked bool // its time is
	answer incident.Answer
}

// begin lets the device start its next run, if it has one.
func (s *sim) begin(d *device) {
	if d.working != nil || len(d.queue) == 0 {
		return
	}
	a := d.queue[0]
	d.queue = d.queue[1:]
	d.working, d.started = a, s.now
	a.run = d.runs
	d.runs++
	s.report.Runs++
	var silent bool
	a.compute, silent = s.crowd.start(d, a)
	if silent {
		a.answer = incident.Silent
		s.logRun(d, a.compute, incident.Silent)
		return
	}
	s.agenda.Add(s.now+a.compute, event{kind: finished, attempt: a})
}

func answer(a incident.Answer) *incident.Answer { return &a }

// finish ends a run and sends what came of it.
func (s *sim) finish(a *attempt) {
	d := a.dev
	if a.ended || d.working != a { // broken off meanwhile
		return
	}
	a.answer = s.crowd.end(d, a)
	s.ran(a, a.answer)
	d.who.delivered++
	s.agenda.Add(s.now+d.who.latency, event{kind: arrived, attempt: a})
	s.begin(d)
}

// logRun is called once for every run, in their order.
func (s *sim) logRun(d *device, compute time.Duration, as incident.Answer) {
	s.log(incident.Event{Kind: incident.Run, Volunteer: d.who.number, Device: d.index, Compute: compute, Answer: answer(as)})
}

// ran notes the end of a run.
func (s *sim) ran(a *attempt, as incident.Answer) {
	d := a.dev
	a.ended, d.working = true, nil
	a.compute = s.now - d.started // what of it was spent
	s.report.busy += a.compute
	if as != incident.Aborted {
		s.logRun(d, a.compute, as)
	}
}

// abort breaks off a run. The event says how long it would have taken, so that
// a replay that does not break it off knows.
func (s *sim) abort(a *attempt) {
	d, planned := a.dev, a.compute
	s.ran(a, incident.Aborted)
	if !s.over {
		s.report.time.aborted += a.compute
	}
	if a.answer != incident.Silent {
		s.logRun(d, planned, incident.Aborted)
	}
}

// revoke is the hub's word, at the device: the shard is not wanted any more.
func (s *sim) revoke(a *attempt) {
	d := a.dev
	if a.session != d.who.session || a.ended {
		return
	}
	if d.working == a {
		s.abort(a)
	} else {
		for i, q := range d.queue {
			if q == a {
				d.queue = append(d.queue[:i:i], d.queue[i+1:]...)
				break
			}
		}
		a.ended = true
	}
	s.agenda.Add(s.now+d.who.latency, event{kind: wants, device: d, n: d.who.session})
	s.begin(d)
}
