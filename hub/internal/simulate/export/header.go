package export

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// What a hub is made of, where the record does not show it: the engine's
// constants and the defaults of its configuration.
const (
	gain      = 10 // prices of a shard that a lie may be worth, as the engine's stakes suppose
	maxLeases = 16
	inHand    = 2
	planEvery = 10 * time.Millisecond
	lostAfter = 8 * time.Second
	foldTime  = 200 * time.Millisecond
	learn     = 5 * time.Minute
	auditors  = 1
)

func (x *exporter) header() incident.Header {
	s := scheduler.Default()
	liars := map[Volunteer]bool{}
	for _, f := range x.Faults {
		liars[f.Volunteer] = true
	}
	return incident.Header{
		About: incident.About{
			Source: fmt.Sprintf("a hub's job %.100s", x.Job), Volunteers: len(x.people.list),
			Cheaters: float64(len(liars)) / float64(len(x.people.list)), Strategy: incident.Recorded,
		},
		Policy: x.policy(),
		Hub: incident.Hub{
			LeaseTime: s.LeaseTime, BackupAfter: s.BackupAfter, MaxBackups: s.MaxBackups,
			MaxLeases: maxLeases, InHand: inHand, PlanEvery: planEvery, LostAfter: lostAfter, Fold: x.fold(), Learn: learn,
			Auditors: auditors, AuditSpeed: x.auditSpeed(),
		},
		Jobs: []incident.Job{x.plan.job()}, Until: x.until, Seed: 1,
	}
}

// policy is what the job asked for. The hub's own secret would tell whose
// results it checks in other jobs, so the lots are drawn anew.
func (x *exporter) policy() incident.Policy {
	p := incident.Policy{Secret: sha256.Sum256([]byte("lots of the incident of job " + x.Job)), Gain: gain}
	p.Epsilon, p.Assurance, p.Replicas = x.terms()
	return p
}

// terms are those of the job. One that trusts whoever computes it has none.
func (x *exporter) terms() (float64, trust.Assurance, int) {
	t := x.Trust
	if t.Epsilon == "" && t.Assurance == "" && t.Replicas < 2 {
		x.summary.Gaps = append(x.summary.Gaps, fmt.Sprintf(
			"the job took whatever one volunteer returned for each shard; the incident is of audited results at epsilon %g instead", trust.DefaultEpsilon))
		return trust.DefaultEpsilon, trust.Audited, 0
	}
	policy, err := trust.NewPolicy(t)
	w, weighs := policy.(trust.Weighed)
	if err != nil || !weighs { // the hub ran it, so it is a count of replicas
		return trust.Unbounded, trust.Replicated, t.Replicas
	}
	if w.Terms.Assurance != trust.Replicated {
		return w.Terms.Epsilon, w.Terms.Assurance, 0
	}
	return w.Terms.Epsilon, w.Terms.Assurance, w.Terms.Replicas
}

// fold is how long the hub took from the last verdict of a round to the first
// lease of the next, mostly.
func (x *exporter) fold() time.Duration {
	last, first := map[int]time.Time{}, map[int]time.Time{}
	for _, s := range x.Shards {
		if s.Generation < x.plan.generation {
			continue
		}
		last[s.Round] = later(last[s.Round], s.Accepted)
		for _, r := range s.Results {
			if at, _ := r.granted(x.Created); first[s.Round].IsZero() || at.Before(first[s.Round]) {
				first[s.Round] = at
			}
		}
	}
	var list []time.Duration
	for r, end := range last {
		if next := first[r+1]; !next.IsZero() && !end.IsZero() && !next.Before(end) {
			list = append(list, next.Sub(end))
		}
	}
	return min(max(median(list, foldTime), time.Millisecond), 24*time.Hour)
}

// auditSpeed is what an auditor does in a second: from the last result to the
// verdict, or four times as much as the usual device.
func (x *exporter) auditSpeed() int64 {
	var audits, speeds []int64
	for _, s := range x.Shards {
		if !s.Audited || len(s.Results) == 0 {
			continue
		}
		if took := s.Accepted.Sub(s.Results[len(s.Results)-1].At); took > 0 {
			audits = append(audits, int64(float64(s.Ops)/took.Seconds()))
		}
	}
	for _, w := range x.people.list {
		for _, d := range w.devices {
			speeds = append(speeds, 4*min(d.speed(), 1<<48))
		}
	}
	return min(max(median(audits, median(speeds, 1)), 1), 1<<50)
}

func median[T cmp.Ordered](list []T, none T) T {
	if len(list) == 0 {
		return none
	}
	slices.Sort(list)
	return list[len(list)/2]
}
