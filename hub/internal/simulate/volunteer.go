package simulate

import (
	"fmt"
	"math"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// volunteer is one identity.
type volunteer struct {
	// Who it is.
	identity trust.Identity
	class    int
	speed    float64 // shards an hour
	ends     float64 // day on which it stays away for good

	Cheat // how it does

	// What it has done.
	delivered int64
	told      int64
	firstLie  float64
	pacts     []*pact // lies told together, and accepted

	// What the hub knows.
	gone       bool
	caught     bool
	record     trust.Record
	verified   int64 // not faded
	staked     int64 // kept of what it has earned, in prices of a shard
	unverified int64 // accepted, but not without its word
	standing   int64 // lies that were accepted on its word alone
	valid      int64 // consecutive validations, for BOINC's rule

	active int   // place in the list of those who can be asked
	left   int64 // of the session
	debt   int64 // results done for others, off its next session
}

// pact is a lie that several told and the hub believed.
type pact struct {
	liars, caught int
}

const blocks = 30_000

func block(i int) string { return fmt.Sprintf("net-%05d", i) }

// arrive adds a newcomer at a time in days and schedules its first session.
func (s *sim) arrive(at float64, strategy string) *volunteer {
	r := s.rand
	stay := s.config.Life
	if r.happens(s.config.Visitors) {
		stay = 2
	}
	v := &volunteer{
		identity: trust.Identity{
			Block:   block(1 + r.IntN(blocks-1)),
			Created: instant(at),
			Build:   "1",
		},
		class: r.IntN(healthy),
		speed: s.config.Speed * math.Exp(0.8*r.NormFloat64()),
		ends:  at + stay*r.ExpFloat64(),
	}
	v.identity.Class = s.classes[v.class]
	switch {
	case strategy == otherLane:
	case strategy != "":
		s.play(v, strategy)
	case s.config.Strategy == Wave && at < float64(s.config.Days)/2:
	case r.happens(s.config.Cheaters):
		s.play(v, s.config.Strategy)
	}
	if s.quarantined[v.class] { // that lane is closed: it works on another
		v.class, v.Cheat = r.IntN(healthy), Cheat{}
		v.identity.Class = s.classes[v.class]
	}
	if v.Strategy != "" {
		s.report.Liars++
	}
	s.population.Join(v.identity.Class)
	v.active = len(s.active)
	s.active = append(s.active, v)
	s.events.Add(at, v)
	return v
}

// days is how long v takes for n results.
func (v *volunteer) days(n int64) float64 { return float64(n) / (24 * v.speed) }

// leave takes v off the list of those who can be asked.
func (s *sim) leave(v *volunteer) {
	last := s.active[len(s.active)-1]
	s.active[v.active], last.active = last, v.active
	s.active = s.active[:len(s.active)-1]
	v.gone = true
}

// deliver notes n further results of v, verified of them found right.
func (s *sim) deliver(v *volunteer, n, verified int64) {
	v.record = s.terms.Memory.After(v.record, n, verified, instant(s.now))
	v.delivered += n
	v.staked = min(v.staked+n, s.stake) // shards are alike, and all are paid for
	if verified > 0 {
		s.population.Verify(v.identity.Class, v.verified, v.verified+verified)
		v.verified += verified
	}
}

// another draws a volunteer that may vouch for all of the group; nil when none
// is found.
func (s *sim) another(group []*volunteer) *volunteer {
draw:
	for range 64 {
		w := s.active[s.rand.IntN(len(s.active))]
		for _, v := range group {
			if w == v || s.related && trust.Related(v.identity, w.identity) {
				continue draw
			}
		}
		return w
	}
	return nil
}

// instant is a time in virtual days as the clock shows it.
func instant(day float64) time.Time {
	return time.Unix(0, 0).Add(time.Duration(day * float64(24*time.Hour)))
}
