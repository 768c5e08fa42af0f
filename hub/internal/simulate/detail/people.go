package detail

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// What the people of a drawn crowd are like.
const (
	healthy   = 8 // device classes
	broken    = 2 // and those with a broken driver
	blocks    = 30_000
	away      = 1. / 3 // of the time that somebody stays, on average
	straggle  = 10
	lurk      = 100 // results that wake a cheat who waits, at least
	secondary = 0.3 // share of those with one more device
	greed     = 0.2 // of a ring, on each shard that two of it hold
)

// drawn is a crowd that is drawn from a seed.
type drawn struct {
	config Config
	rand   *rand.Rand // of arrivals and departures
	faults []float64
	sim    *sim
	next   int // volunteer
}

func newDrawn(c Config) *drawn {
	c2 := &drawn{config: c, rand: rand.New(rand.NewPCG(c.Seed, 0xde7a11)), next: 1}
	for range broken {
		c2.faults = append(c2.faults, c2.between(c.LeastLie, 1))
	}
	return c2
}

func (c *drawn) between(low, high float64) float64 {
	return low * math.Exp(c.rand.Float64()*math.Log(high/low))
}

func (c *drawn) exponential(mean time.Duration) time.Duration {
	return time.Duration(float64(mean) * c.rand.ExpFloat64())
}

// gather implements crowd: those who are there at the beginning come within
// half a minute, the others when their absence is over.
func (c *drawn) gather(s *sim) {
	c.sim = s
	c.remember()
	present := c.config.Volunteers
	for i := range present + int(float64(present)*away) {
		p := c.newcomer("", c.config.Known)
		at := time.Duration(c.rand.Float64() * float64(30*time.Second))
		if i >= present {
			at = c.exponential(c.away())
		}
		s.agenda.Add(at, event{kind: joins, person: p})
	}
}

// remember introduces those who were caught before the beginning. A hub whose
// devices have been verified has met rate adversaries at the rate at which they
// come; without them it would take newcomers for honest. Of those who adapt it
// remembers none: they are the first of their kind.
func (c *drawn) remember() {
	if c.config.Known == 0 || c.config.Naive || simulate.Adaptive(c.config.Strategy) || c.config.Strategy == simulate.Wave {
		return
	}
	f := c.config.Cheaters
	for range int(float64(c.config.Volunteers) * (1 + away) * f / (1 - f)) {
		c.introduce(c.config.Strategy, 0, true)
	}
}

func (c *drawn) away() time.Duration { return time.Duration(away * float64(c.config.Stay)) }

// newcomer draws a volunteer; as is what it plays, "" for what comes. Whoever
// is known has been right so far, so only cheats who wait are.
func (c *drawn) newcomer(as string, known int64) *person {
	if as == "" && c.rand.Float64() < c.config.Cheaters {
		as = c.config.Strategy
	}
	return c.introduce(as, known, false)
}

// introduce draws a volunteer that plays as, or is honest. One that was caught
// had some results verified until then.
func (c *drawn) introduce(as string, known int64, caught bool) *person {
	r, s := c.rand, c.sim
	cheat, driver := simulate.Cheat{}, -1
	if as != "" {
		cheat, driver = simulate.NewCheat(r, as, simulate.Circumstances{
			LeastLie: c.config.LeastLie, Faults: c.faults, Lurk: lurk, Believes: c.config.believes(),
		})
		if cheat.Wake == 0 {
			known = 0
		}
	}
	if caught {
		known = int64(math.Log1p(-r.Float64()) / math.Log1p(-min(cheat.Rate, 0.999999)))
	}
	e := incident.Event{
		Volunteer: c.next,
		Block:     fmt.Sprintf("net-%05d", 1+r.IntN(blocks-1)),
		Build:     "1",
		Created:   s.now,
		Latency:   time.Duration(float64(c.config.Latency) * math.Exp(0.6*r.NormFloat64())),
	}
	c.next++
	if cheat.Strategy == simulate.Sybil {
		e.Block = "net-00000"
	}
	if s.now == 0 { // keys are older than the beginning, and not of one minute
		age := 3 * 24 * time.Hour
		if known > 0 {
			age = 365 * 24 * time.Hour
		}
		e.Created = -time.Duration(r.Float64() * float64(age))
	}
	e.Latency = min(e.Latency, time.Minute)
	for i := 0; i == 0 || i < 3 && !caught && r.Float64() < secondary; i++ {
		class := r.IntN(healthy)
		if i == 0 && driver >= 0 {
			class = healthy + driver
		}
		e.Devices = append(e.Devices, incident.Device{
			Class: fmt.Sprintf("class-%d", class), Speed: int64(max(c.config.medianSpeed()*math.Exp(0.8*r.NormFloat64()), 1)),
			Memory: 1 << (31 + r.IntN(4)), Verified: known, Evidence: float64(known),
		})
	}
	e.Devices[0].Caught = caught
	if s.hub.memory.book == nil {
		s.hub.memory.know(e)
	}
	p := s.meet(e)
	p.Cheat = cheat
	p.devices[0].faulty = driver >= 0
	p.rand = rand.New(rand.NewPCG(c.config.Seed, uint64(p.number)))
	return p
}

// believes reports whether anybody's word is ever enough.
func (c Config) believes() bool { return c.Assurance == "" || c.Assurance == "audited" }

// arrived implements crowd.
func (c *drawn) arrived(s *sim, p *person) {
	s.agenda.Add(s.now+c.exponential(c.config.Stay), event{
		kind: leaves, person: p, n: p.session, lost: c.rand.Float64() < c.config.Vanish,
	})
}

// left implements crowd.
func (c *drawn) left(s *sim, p *person) {
	if p.gone || p.Budget > 0 && p.told >= p.Budget {
		c.replace(p)
		return
	}
	s.agenda.Add(s.now+c.exponential(c.away()), event{kind: joins, person: p})
}

// caught implements crowd: a liar hears of it and leaves for good. The owner
// of a broken driver stays if it has another device: he has not lied.
func (c *drawn) caught(p *person) {
	served := func(d *device) bool { return !d.excluded }
	switch {
	case p.gone, p.SharesDriver() && slices.ContainsFunc(p.devices, served):
	case p.here:
		p.gone = true
		c.sim.agenda.Add(c.sim.now+p.latency+time.Second, event{kind: leaves, person: p, n: p.session})
	default:
		c.replace(p)
	}
}

// replace lets somebody come for p, who does not come back; or p under another
// name.
func (c *drawn) replace(p *person) {
	p.gone = true
	as := ""
	if p.Returns {
		as = p.Strategy
	}
	at := c.sim.now + time.Second + c.exponential(c.away())
	c.sim.agenda.Add(at, event{kind: joins, person: c.newcomer(as, 0)})
}

// believed implements crowd.
func (c *drawn) believed(p *person) {
	if p.Patient {
		p.Patient, p.Wake = false, p.delivered+p.rand.Int64N(lurk)
	}
}

// start implements crowd.
func (c *drawn) start(d *device, a *attempt) (time.Duration, bool) {
	r := d.who.rand
	seconds := float64(a.shard.ops) / float64(d.speed) * math.Exp(0.1*r.NormFloat64())
	if r.Float64() < c.config.Straggle {
		seconds *= straggle
	}
	compute := time.Duration(min(seconds, 24*3600) * float64(time.Second))
	return compute, r.Float64() < c.config.Silent
}

// meet and come implement crowd: newcomers are met when they are drawn, and
// their comings are events of their own.
func (*drawn) meet(*sim, int) {}
func (*drawn) come(*sim, int) {}

// madeUp implements crowd.
func (*drawn) madeUp() int64 { return 0 }
