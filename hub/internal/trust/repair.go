package trust

import (
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Support is why one result was accepted.
type Support struct {
	Round, Index int
	By           []Supporter
	Audited      bool // an auditor of the operator found it right
}

// Supporter is a device that returned the accepted result, with the risk that
// was noted then.
type Supporter struct {
	Volunteer volunteer.ID
	Class     string
	Risk      float64
}

// Repair is what has to be done again.
type Repair struct {
	Rerun []Support // in the order given
	// Rollback is the first round with a result that may have to change, -1
	// when there is none: if a re-run refutes one, rounds from there on are
	// folded again.
	Rollback int
}

// Recheck lists the accepted results that no longer stand once the word of the
// caught counts for nothing: those that neither an auditor nor the remaining
// supporters uphold.
func (t Terms) Recheck(accepted []Support, caught func(Supporter) bool) Repair {
	r := Repair{Rollback: -1}
	for _, s := range accepted {
		if s.Audited || !slices.ContainsFunc(s.By, caught) {
			continue
		}
		var risks []float64
		for _, b := range s.By {
			if !caught(b) {
				risks = append(risks, b.Risk)
			}
		}
		if _, ok := t.Enough(risks); ok && len(risks) > 0 {
			continue
		}
		r.Rerun = append(r.Rerun, s)
		if r.Rollback < 0 || s.Round < r.Rollback {
			r.Rollback = s.Round
		}
	}
	return r
}
