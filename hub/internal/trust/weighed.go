package trust

import "github.com/shoal-compute/shoal/hub/job"

// Weighed accepts a result once the devices that returned it are together
// credible enough for its Terms, and the checks that were drawn for it agree.
type Weighed struct{ Terms Terms }

// Judge implements Policy.
func (w Weighed) Judge(f Facts) Verdict {
	if f.Truth != nil {
		return known(f, *f.Truth)
	}
	v := Verdict{Standings: standings(f), Risk: 1, Wanted: len(f.Evidence)}
	var (
		agree  []float64
		first  *Evidence
		claims = map[job.Hash]bool{}
	)
	for i := range f.Evidence {
		e := &f.Evidence[i]
		if e.Refuted {
			continue
		}
		claims[e.Result] = true
		if e.Risk >= Worthless {
			continue
		}
		if first == nil {
			first = e
		}
		agree = append(agree, e.Risk)
	}
	switch {
	case first == nil:
		v.Wanted += w.least(f, nil)
		return v
	case len(claims) > 1: // nobody's word is weighed against another's
		v.Conflict = true
		return v
	}
	risk, enough := w.Terms.Enough(agree)
	missing := w.least(f, first) - len(agree)
	certain := risk == AuditorRisk // a node that the operator certifies has spoken
	switch {
	case w.Terms.Assurance == Full && !certain:
		v.Audit = MustAudit
	case certain || missing <= 0 && enough && !f.Draws.Audit && !(f.Draws.Pairs && len(agree) > 1):
		return accepted(f, first.Result, risk)
	case missing <= 0 && enough:
		v.Audit = MustAudit
	case f.Lonely || len(f.Evidence) >= MaxReplicas:
		v.Audit = MustAudit
	case missing > 0:
		v.Wanted += missing
	default:
		v.Wanted++
		v.Audit = MayAudit
	}
	return v
}

// least is how many must agree, given who was first.
func (w Weighed) least(f Facts, first *Evidence) int {
	switch {
	case w.Terms.Assurance == Full:
		return 1
	case w.Terms.Assurance == Replicated:
		return w.Terms.Replicas
	case first == nil:
		return 1 // more, once it is known who it is
	case first.Alone && !f.Draws.Check:
		return 1
	}
	return 2
}
