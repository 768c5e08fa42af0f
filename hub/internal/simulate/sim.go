package simulate

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/hub/internal/simulate/agenda"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

const (
	hours    = 6.0 // of a session, on average
	gap      = 4.5 // days between sessions, on average
	settling = 3.0 // days over which the first volunteers come
	traces   = 2   // executions a dispute costs: both replay with trace
)

// sim is one run.
type sim struct {
	config  Config
	terms   trust.Terms
	related bool // whether the rule minds who looks related
	rand    random
	now     float64                            // days
	events  agenda.Agenda[float64, *volunteer] // the next stretch of each, by day
	active  []*volunteer

	classes     []string
	faults      [broken]float64
	quarantined [healthy + broken]bool

	population *trust.Population
	curves     [healthy + broken]trust.Curve
	needed     [healthy + broken]float64
	learn      float64 // day of the next learning

	days    []day
	report  Report
	delay   float64                 // summed from first lie to capture
	stake   int64                   // of one identity, in prices of a shard
	slashed [healthy + broken]int64 // by class
	group   []*volunteer            // scratch
	risks   []float64               // scratch
}

// day is what one day's work was worth and cost.
type day struct {
	account trust.Account
	alone   int64
}

// Run simulates c. It returns early with the context's error.
func Run(ctx context.Context, c Config) (Report, error) {
	if err := c.Validate(); err != nil {
		return Report{}, fmt.Errorf("simulate: %w", err)
	}
	s, err := newSim(c)
	if err != nil {
		return Report{}, err
	}
	for n := 0; s.events.Len() > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		at, who := s.events.Take()
		if at >= float64(c.Days) {
			break
		}
		s.now = at
		s.relearn()
		s.session(who)
	}
	return s.finish(), nil
}

func newSim(c Config) (*sim, error) {
	terms, err := trust.NewTerms(c.Epsilon, c.Assurance, c.Replicas)
	if err != nil {
		return nil, err
	}
	s := &sim{
		config: c, terms: terms, related: c.Rule == Shoal, rand: newRandom(c.Seed),
		population: trust.NewPopulation(), days: make([]day, c.Days),
		report: Report{
			Volunteers: c.Volunteers, Cheaters: c.Cheaters, Epsilon: c.Epsilon,
			Strategy: c.Strategy, Rule: c.Rule, Seed: c.Seed, Days: c.Days,
		},
	}
	if c.Rule == Shoal { // the others take none
		s.stake = StakeShards(terms)
	}
	for i := range healthy + broken {
		s.classes = append(s.classes, fmt.Sprintf("class-%d", i))
	}
	for i := range s.faults {
		s.faults[i] = s.rand.between(c.LeastLie, 1)
	}
	for range c.Volunteers {
		s.arrive(settling*s.rand.Float64(), "")
	}
	return s, nil
}

// relearn refreshes the priors, often while the hub is young.
func (s *sim) relearn() {
	if s.config.Rule != Shoal || s.now < s.learn {
		return
	}
	switch {
	case s.now < 10:
		s.learn = s.now + 0.25
	case s.now < 60:
		s.learn = s.now + 1
	default:
		s.learn = s.now + 7
	}
	s.population.Learn()
	for i, name := range s.classes {
		s.curves[i] = s.population.Prior(name).Curve()
		s.needed[i] = s.terms.Needed(s.curves[i])
	}
}

// session is one stretch of v's work.
func (s *sim) session(v *volunteer) {
	if v.gone {
		return
	}
	if s.now >= v.ends {
		s.retire(v)
		return
	}
	done := int64(0)
	if v.left == 0 {
		v.left = 1 + int64(v.speed*hours*s.rand.ExpFloat64())
		paid := min(v.debt, v.left)
		v.left -= paid
		v.debt -= paid
	}
	if v.left > 0 {
		before := v.delivered
		s.work(v)
		if v.gone {
			return
		}
		done = max(v.delivered-before, 1)
		v.left -= done
	}
	if v.Budget > 0 && v.told >= v.Budget {
		s.retire(v)
		return
	}
	if v.left > 0 {
		s.events.Add(s.now+v.days(done), v)
		return
	}
	v.left = 0
	s.events.Add(s.now+v.days(done)+gap*s.rand.ExpFloat64(), v)
}

func (s *sim) work(v *volunteer) {
	switch s.config.Rule {
	case Shoal:
		s.decide(v)
	default:
		s.vote(v)
	}
}

// retire lets v go and somebody else come.
func (s *sim) retire(v *volunteer) {
	s.leave(v)
	as := ""
	if v.Returns && v.Strategy != "" {
		as = v.Strategy
	}
	s.arrive(s.now+0.1+gap*s.rand.ExpFloat64(), as)
}

func (s *sim) today() *day { return &s.days[min(int(s.now), len(s.days)-1)] }

// tell counts a lie of v, its at-th result from now.
func (s *sim) tell(v *volunteer, at int64) {
	if v.told == 0 {
		v.firstLie = s.now + v.days(at)
	}
	v.told++
	s.report.LiesTold++
}

// swallow accepts a lie on v's word.
func (s *sim) swallow(v *volunteer) {
	s.report.WrongAccepted++
	v.standing++
}
