package detail

import (
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// memory is what the hub has learned of everybody: the engine's book, and what a
// store would keep of it.
type memory struct {
	book   *reputation.Book // nil until the hub begins
	stored map[reputation.Device]reputation.Record
	past   []reputation.Record // from before the beginning
	stakes map[volunteer.ID]ledger.Amount

	price   ledger.Amount // of a shard, the largest where they are unlike
	full    int64         // prices of a shard that make a stake
	slashed ledger.Amount
}

func newMemory(t trust.Terms, largest int64) memory {
	return memory{
		stored: map[reputation.Device]reputation.Record{}, stakes: map[volunteer.ID]ledger.Amount{},
		price: ledger.Credit(largest), full: simulate.StakeShards(t),
	}
}

// know notes what the hub knew of somebody before the beginning. Devices of one
// class are one to it. Verified results were paid for, so a stake was kept of them:
// that much is certain, and nobody is believed alone who has fewer.
func (m *memory) know(e incident.Event) {
	paid, caught := int64(0), false
	for i, d := range e.Devices {
		r := reputation.Record{
			Volunteer: volunteerID(e.Volunteer), Class: d.Class,
			Record:  trust.Record{Verified: d.Evidence, At: epoch},
			Results: d.Verified, Verified: d.Verified, Caught: d.Caught || e.Caught && i == 0,
		}
		k := reputation.Device{Volunteer: r.Volunteer, Class: r.Class}
		if _, told := m.stored[k]; told || r.Verified == 0 && !r.Caught {
			continue
		}
		m.stored[k] = r
		m.past = append(m.past, r)
		paid, caught = paid+min(r.Verified, m.full), caught || r.Caught
	}
	if !caught && paid > 0 {
		m.stakes[volunteerID(e.Volunteer)] = ledger.Amount(min(paid, m.full)) * m.price
	}
}

// begin opens the book.
func (m *memory) begin() { m.book = reputation.New(m.past, m.stakes) }

func (m *memory) store(r reputation.Record) {
	m.stored[reputation.Device{Volunteer: r.Volunteer, Class: r.Class}] = r
}

// discredited reports whether the word of whoever returned a result counts for
// nothing any more.
func (s *sim) discredited(a *attempt) bool { return s.hub.memory.book.Discredited(a.dev.known()) }

// believe notes what is known of a device when it is leased a shard.
func (s *sim) believe(a *attempt) {
	w := s.hub.memory.book.Word(s.hub.policy.Terms, a.dev.known(), a.shard.ops, s.clock())
	a.risk, a.alone, a.check = w.Risk, w.Alone, w.Check
	if a.alone {
		s.crowd.believed(a.dev.who)
	}
}

// reward notes that a shard was accepted: what that says of those who returned its
// result, and what they are paid.
func (s *sim) reward(h *shard, right []*attempt) {
	m := &s.hub.memory
	for i, a := range right {
		verified := h.facts.Truth != nil || trust.Vouches(s.others(right, i))
		m.store(m.book.Settle(a.dev.known(), verified, s.clock()))
	}
	for _, a := range right {
		m.book.Withhold(s.hub.policy.Terms, a.dev.who.id, h.ops)
	}
}

// others is the engine's: the risks of those who returned what the i-th did and
// whose word counts.
func (s *sim) others(right []*attempt, i int) []float64 {
	var risks []float64
	for k, a := range right {
		if k != i && a.risk < trust.Worthless && !s.discredited(a) {
			risks = append(risks, a.risk)
		}
	}
	return risks
}

// punish is the engine's: what follows for a device that was proved wrong. Its
// owner's stake is lost, unless the driver turns out to be to blame.
func (s *sim) punish(d *device) {
	m := &s.hub.memory
	m.store(m.book.Catch(d.known(), s.clock()))
	if !m.book.Closed(d.class) {
		m.slashed += m.book.Slash(d.known())
		s.exclude(d.who)
		return
	}
	for _, r := range m.book.Pardon(d.class) {
		m.slashed -= r.Amount
	}
	for _, p := range s.met {
		s.exclude(p)
	}
}

// exclude ends what the hub no longer asks of p's devices: those that were proved
// wrong, and those of a class that fails for everybody.
func (s *sim) exclude(p *person) {
	for _, d := range p.devices {
		closed := s.hub.memory.book.Closed(d.class)
		if d.excluded || !closed && !s.hub.memory.book.Caught(d.known()) {
			continue
		}
		d.excluded = true
		if r := &s.report; closed && !slices.Contains(r.Quarantined, d.class) {
			r.Quarantined = append(r.Quarantined, d.class)
		}
		if p.here {
			s.report.present += s.now - p.since
		}
		s.offer(d)
		for len(d.leases) > 0 {
			s.drop(d.leases[0], true)
		}
	}
}
