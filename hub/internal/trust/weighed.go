package trust

import "github.com/shoal-compute/shoal/hub/job"

// Weighed accepts a result once the devices that returned it are together
// credible enough. It is a Policy, so it must not change its mind: Risk has to
// return for one shard what it returned first, that is, the risk noted when
// the lease was handed out, stored with it.
type Weighed struct {
	Terms Terms
	Risk  func(Evidence) float64
	Least int // replicas at least, as Decide said when the shard was first leased
}

// Judge implements Policy.
func (w Weighed) Judge(evidence []Evidence) Verdict {
	v := Verdict{Standings: make([]Standing, len(evidence)), Wanted: len(evidence)}
	for n := 1; n <= len(evidence) && !v.Accepted; n++ {
		// Only the newest result can have gained support.
		v.Result = evidence[n-1].Result
		v.Accepted = w.enough(evidence[:n], v.Result)
	}
	if !v.Accepted {
		v.Result = job.Hash{}
		v.Wanted = max(len(evidence)+1, w.Least)
		return v
	}
	for i, e := range evidence {
		v.Standings[i] = Refuted
		if e.Result == v.Result {
			v.Standings[i] = Confirmed
		}
	}
	return v
}

func (w Weighed) enough(evidence []Evidence, result job.Hash) bool {
	var agree, dissent []float64
	for _, e := range evidence {
		if r := w.Risk(e); e.Result == result {
			agree = append(agree, r)
		} else {
			dissent = append(dissent, r)
		}
	}
	if len(agree) < w.Least || len(dissent) > 0 && len(agree) < 2 {
		return false // nobody's word stands alone against another's
	}
	if _, ok := w.Terms.Enough(agree); !ok {
		return false
	}
	return Agreement(agree, dissent) <= w.Terms.Epsilon
}
