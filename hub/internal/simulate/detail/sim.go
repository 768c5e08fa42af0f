package detail

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate/agenda"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// sim is one run.
type sim struct {
	now    time.Duration
	agenda agenda.Agenda[time.Duration, event]
	hub    hub
	crowd  crowd
	people map[volunteer.ID]*person
	met    []*person // the same, in the order in which they were met
	serial int       // of the next device
	report report
	record recorder                 // nil: nobody listens
	watch  func(next time.Duration) // nil, or called between events

	// patience is how long jobs that have an end may take where the hub's time
	// is over before; 0: no longer.
	patience time.Duration
	over     bool // what ends now is not anybody's doing
}

// recorder is told what happens.
type recorder interface{ Write(e *incident.Event) }

// crowd is what people do: drawn, or as recorded.
type crowd interface {
	// gather puts the first arrivals on the agenda.
	gather(s *sim)
	// start says how long a run takes, and whether it is never heard of.
	start(d *device, a *attempt) (compute time.Duration, silent bool)
	// end says what a run that was not broken off returns.
	end(d *device, a *attempt) incident.Answer
	// arrived and left are called when p has; believed when the hub takes its
	// word; caught when it does no longer.
	arrived(s *sim, p *person)
	left(s *sim, p *person)
	believed(p *person)
	caught(p *person)
	// meet and come are called for what the crowd has put on the agenda: that
	// somebody is met, joins or leaves.
	meet(s *sim, n int)
	come(s *sim, n int)
	// madeUp is how many runs a replay had to invent.
	madeUp() int64
}

type kind uint8

const (
	plans kind = iota
	joins
	leaves
	loses
	leased
	finished
	arrived
	revealed
	revoked
	wants
	overdue
	disputed
	audited
	folded
	meets
	comes
)

// event is what happens at a time.
type event struct {
	kind    kind
	lost    bool // of a departure: without a word
	n       int
	attempt *attempt
	shard   *shard
	person  *person
	device  *device
	job     *work
}

// Run simulates c. It returns early with the context's error.
func Run(ctx context.Context, c Config) (Report, error) {
	s, err := newDrawnSim(c, nil)
	if err != nil {
		return Report{}, err
	}
	return s.run(ctx)
}

func newDrawnSim(c Config, w recorder) (*sim, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return newSim(c.header(), newDrawn(c), nil, w)
}

// newSim is a run of h's jobs, whose rounds may be unlike, with these people.
func newSim(h incident.Header, c crowd, unlike []map[int]size, w recorder) (*sim, error) {
	terms, err := trust.NewTerms(h.Policy.Epsilon, h.Policy.Assurance, h.Policy.Replicas)
	if err != nil {
		return nil, err
	}
	largest := int64(0)
	for i, j := range h.Jobs {
		largest = max(largest, j.Ops)
		if unlike != nil {
			for _, n := range unlike[i] {
				largest = max(largest, n.ops)
			}
		}
	}
	s := &sim{
		crowd: c, record: w, people: map[volunteer.ID]*person{},
		hub: hub{
			header: h, policy: trust.Weighed{Terms: terms}, memory: newMemory(terms, largest),
			scheduler: scheduler.Config{
				LeaseTime: h.Hub.LeaseTime, BackupAfter: h.Hub.BackupAfter, MaxBackups: h.Hub.MaxBackups,
			},
			auditors: h.Hub.Auditors,
		},
		report: newReport(h),
	}
	s.hub.lots.check = h.Policy.Secret.For("check")
	s.hub.lots.audit = h.Policy.Secret.For("audit")
	s.hub.lots.pairs = h.Policy.Secret.For("pairs")
	s.crowd.gather(s)
	s.hub.memory.begin()
	for _, p := range s.met {
		s.exclude(p)
	}
	for i, j := range h.Jobs {
		w := &work{Job: j, index: i}
		if unlike != nil {
			w.unlike = unlike[i]
		}
		s.hub.jobs = append(s.hub.jobs, w)
		if j.Width > 0 {
			s.beginRound(w)
		}
	}
	return s, nil
}

func (s *sim) run(ctx context.Context) (Report, error) {
	for n := 0; s.agenda.Len() > 0 && s.goesOn(s.agenda.Next()); n++ {
		if n%8192 == 0 && ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		if s.watch != nil {
			s.watch(s.agenda.Next())
		}
		var e event
		s.now, e = s.agenda.Take()
		s.report.Events++
		s.happen(e)
	}
	s.now, s.over = max(s.now, s.hub.header.Until), true
	s.breakOff()
	return s.finishReport(), nil
}

// goesOn reports whether there is time for what happens next.
func (s *sim) goesOn(next time.Duration) bool {
	if next < s.hub.header.Until {
		return true
	}
	unfinished := func(j *work) bool { return !j.ended && (j.Rounds > 0 || j.Shards > 0) }
	return next < s.patience && slices.ContainsFunc(s.hub.jobs, unfinished)
}

// breakOff ends the runs that are under way when time is over: a replay needs
// to know how long they would have taken.
func (s *sim) breakOff() {
	for _, p := range s.met {
		if p.here {
			s.depart(p)
		}
	}
}

func (s *sim) happen(e event) {
	switch e.kind {
	case plans:
		s.plan()
	case joins:
		s.join(e.person)
	case leaves:
		s.leave(e.person, e.lost, e.n)
	case loses:
		if e.n == e.person.session && e.person.connected {
			s.disconnect(e.person)
		}
	case leased:
		s.receive(e.attempt)
	case finished:
		if e.attempt.session == e.attempt.dev.who.session {
			s.finish(e.attempt)
		}
	case arrived:
		s.arrive(e.attempt)
	case revealed:
		s.reveal(e.attempt)
	case revoked:
		s.revoke(e.attempt)
	case wants:
		if e.n == e.device.who.session && e.device.who.connected {
			s.wants(e.device, 1)
		}
	case overdue:
		s.expire(e.attempt)
	case disputed:
		s.disputed(e.shard)
	case audited:
		s.audited(e.shard)
	case folded:
		s.folded(e.job, e.n)
	case meets:
		s.crowd.meet(s, e.n)
	case comes:
		s.crowd.come(s, e.n)
	default:
		panic(fmt.Sprintf("detail: event %d", e.kind))
	}
}

// log tells the recorder what happens now.
func (s *sim) log(e incident.Event) {
	if s.record == nil {
		return
	}
	e.At = s.now
	s.record.Write(&e)
}

// account is what all jobs are worth and cost.
func (s *sim) account() *trust.Account { return &s.report.account }

// meet makes a volunteer known to the hub.
func (s *sim) meet(e incident.Event) *person {
	p := &person{
		number: e.Volunteer, id: volunteerID(e.Volunteer), block: e.Block, build: e.Build,
		born: epoch.Add(e.Created), latency: e.Latency,
	}
	for i, known := range e.Devices {
		d := &device{
			who: p, index: i, serial: s.serial, class: known.Class, speed: known.Speed, memory: known.Memory,
		}
		s.serial++
		p.devices = append(p.devices, d)
		p.caught = p.caught || known.Caught || e.Caught
	}
	if s.hub.memory.book != nil {
		s.exclude(p)
	}
	s.people[p.id] = p
	s.met = append(s.met, p)
	if !p.caught {
		s.report.Volunteers++
		s.report.Devices += len(p.devices)
	}
	e.Kind = incident.Meet
	s.log(e)
	return p
}

// join connects p.
func (s *sim) join(p *person) {
	if p.gone || p.here {
		return
	}
	if p.connected {
		s.disconnect(p)
	}
	p.here, p.connected, p.since = true, true, s.now
	p.session++
	s.log(incident.Event{Kind: incident.Join, Volunteer: p.number})
	for _, d := range p.devices {
		s.wants(d, s.hub.header.Hub.InHand)
	}
	s.crowd.arrived(s, p)
}

// leave ends p's session; one that is over already is left alone.
func (s *sim) leave(p *person, lost bool, session int) {
	if !p.here || session != 0 && session != p.session {
		return
	}
	s.log(incident.Event{Kind: incident.Leave, Volunteer: p.number, Lost: lost})
	s.depart(p)
	if lost {
		s.agenda.Add(s.now+s.hub.header.Hub.LostAfter, event{kind: loses, person: p, n: p.session})
	} else {
		s.disconnect(p)
	}
	s.crowd.left(s, p)
}

// depart is leaving, at the volunteer's end.
func (s *sim) depart(p *person) {
	p.here = false
	for _, d := range p.devices {
		if !d.excluded {
			s.report.present += s.now - p.since
		}
		if d.working != nil {
			s.abort(d.working)
		}
		d.queue = nil
	}
}

// disconnect is the same at the hub's.
func (s *sim) disconnect(p *person) {
	p.connected = false
	p.session++
	for _, d := range p.devices {
		d.want = 0
		s.place(d, 0)
		for len(d.leases) > 0 {
			s.drop(d.leases[0], false)
		}
	}
}
