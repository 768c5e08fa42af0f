package choose

import (
	"fmt"
	"slices"
)

// Rule says what is worth using.
type Rule struct {
	// Forced names the lanes to use, whatever they are worth; empty: pick. Of
	// one group it is the first that is fit.
	Forced []string
	// Share is the least part of the fastest lane's speed that makes another
	// lane worth using beside it: a slow lane holds back the round that its
	// shard belongs to, and takes processor time from the one that feeds the
	// fast one.
	Share float64
	// Last names lanes that are used only where there is nothing else.
	Last []string
}

// Pick marks the verdicts of lanes to use and says for each why it is chosen
// or not. It reports whether any is.
func (r Rule) Pick(list []Verdict) bool {
	if len(r.Forced) > 0 {
		return r.force(list)
	}
	best := fastest(list, func(v Verdict) bool { return !r.last(v) })
	if best < 0 {
		best = fastest(list, func(Verdict) bool { return true })
	}
	for i := range list {
		v := &list[i]
		if why := r.against(list, i, best); why != "" {
			v.Chosen, v.Why = false, why
			continue
		}
		v.Chosen, v.Why = true, "fit, and the fastest here"
		if i != best {
			v.Why = fmt.Sprintf("fit, and worth using beside %s", list[best].Lane)
		}
	}
	return best >= 0
}

// force chooses what is named, if it is fit.
func (r Rule) force(list []Verdict) bool {
	using := map[string]string{} // by group: the lane
	for i := range list {
		v := &list[i]
		v.Chosen = false
		switch other, taken := using[v.Group]; {
		case !v.Fit:
			v.Why = v.Error
		case !slices.Contains(r.Forced, v.Lane):
			v.Why = "not asked for"
		case taken:
			v.Why = fmt.Sprintf("%s drives the same hardware", other)
		default:
			v.Chosen, v.Why = true, "asked for"
			using[v.Group] = v.Lane
		}
	}
	return len(using) > 0
}

func (r Rule) last(v Verdict) bool { return slices.Contains(r.Last, v.Lane) }

// against says why lane i is not chosen; best is the fastest one, if any.
func (r Rule) against(list []Verdict, i, best int) string {
	v := list[i]
	if !v.Fit {
		return v.Error
	}
	if i == best {
		return ""
	}
	if r.last(v) {
		return "only used where there is no other"
	}
	rival := fastest(list, func(o Verdict) bool { return o.Group == v.Group && !r.last(o) })
	if rival != i {
		return fmt.Sprintf("%s drives the same hardware faster", list[rival].Lane)
	}
	if v.GOPS < r.Share*list[best].GOPS {
		return fmt.Sprintf("too slow beside %s: %.1f of %.1f GOP/s", list[best].Lane, v.GOPS, list[best].GOPS)
	}
	return ""
}

// fastest is the index of the fastest fit lane among those that count, or -1.
// Of equals it is the first: lanes come in order of preference.
func fastest(list []Verdict, counts func(Verdict) bool) int {
	best := -1
	for i, v := range list {
		if v.Fit && counts(v) && (best < 0 || v.GOPS > list[best].GOPS) {
			best = i
		}
	}
	return best
}
