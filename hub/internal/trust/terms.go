package trust

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/shoal-compute/shoal/hub/job"
)

// Assurance is the kind of promise a job asks for.
type Assurance string

// The assurances.
const (
	// Audited bounds the probability that an accepted result is wrong when
	// everybody errs at a steady rate; others are caught with the audit rate.
	Audited Assurance = job.Audited
	// Replicated adds: at least so many unrelated volunteers agree.
	Replicated Assurance = job.Replicated
	// Full adds: every result is checked by a trusted auditor.
	Full Assurance = job.Full
)

// The epsilons a job may ask for. Below the least, the evidence of a whole
// population of volunteers would not carry the claim.
const (
	MinEpsilon = job.MinEpsilon
	MaxEpsilon = job.MaxEpsilon
	// Unbounded is the epsilon of replicas that are counted and not weighed.
	Unbounded = 1
	// DefaultEpsilon is taken where an assurance is asked for and no epsilon.
	DefaultEpsilon = 1e-6
)

// Terms is what a job asks of its results, and what the hub spends on it.
type Terms struct {
	Epsilon   float64
	Assurance Assurance
	Replicas  int // for Replicated

	AuditFloor float64 // least share of results checked by another volunteer
	Auditors   float64 // share of results checked by the operator's own auditors
	PairAudits float64 // and of those on which volunteers agreed, further
	Memory     Memory
}

// NewTerms returns the terms of a job; "" is Audited.
func NewTerms(epsilon float64, a Assurance, replicas int) (Terms, error) {
	t := Terms{
		Epsilon: epsilon, Assurance: a, Replicas: replicas,
		AuditFloor: 0.01, Auditors: 0.002, PairAudits: 0.05, Memory: DefaultMemory(),
	}
	switch {
	case a == Replicated && epsilon == Unbounded:
	case !(epsilon >= MinEpsilon && epsilon <= MaxEpsilon):
		return Terms{}, fmt.Errorf("trust.epsilon: %g, want %g to %g", epsilon, MinEpsilon, MaxEpsilon)
	}
	switch {
	case a == "":
		t.Assurance = Audited
	case a == Replicated && (replicas < 2 || replicas > MaxReplicas):
		return Terms{}, fmt.Errorf("trust.replicas: %d, want 2 to %d with assurance replicated", replicas, MaxReplicas)
	case a != Audited && a != Replicated && a != Full:
		return Terms{}, fmt.Errorf("trust.assurance: %q, want audited, replicated or full", a)
	}
	return t, nil
}

// NewPolicy returns what a job file's trust section asks for: Replicas where it
// names neither epsilon nor assurance, and Weighed otherwise.
func NewPolicy(t job.Trust) (Policy, error) {
	if t.Epsilon == "" && t.Assurance == "" {
		return NewReplicas(t.Replicas)
	}
	if t.Replicas != 0 && t.Assurance != string(Replicated) {
		return nil, fmt.Errorf("trust.replicas: %d has no meaning with assurance %s", t.Replicas, cmp.Or(t.Assurance, string(Audited)))
	}
	epsilon := DefaultEpsilon
	if t.Assurance == string(Replicated) {
		epsilon = Unbounded
	}
	if t.Epsilon != "" {
		var err error
		if epsilon, err = strconv.ParseFloat(string(t.Epsilon), 64); err != nil {
			return nil, fmt.Errorf("trust.epsilon: %q is not a number", t.Epsilon)
		}
		if epsilon > MaxEpsilon { // Unbounded is not for asking
			return nil, fmt.Errorf("trust.epsilon: %s, want %g to %g", t.Epsilon, MinEpsilon, MaxEpsilon)
		}
	}
	terms, err := NewTerms(epsilon, Assurance(t.Assurance), t.Replicas)
	if err != nil {
		return nil, err
	}
	return Weighed{terms}, nil
}

// aloneMargin is how much better than epsilon a device must be to be believed
// alone. A prior learned from a population is itself uncertain, and a formula
// that plugs it in is too sure; and epsilon is per result, while a long-lived
// hub accepts hundreds of millions of them.
const aloneMargin = 100

// marginCost is how much evidence that margin may cost a device. Past it
// epsilon itself decides: otherwise a handful of liars who wait until they are
// believed could make every honest device look doubtful for good, and double
// the price of all jobs.
const marginCost = 2048

// apprenticeship is how much evidence every device needs, however honest those
// before it were: a population may change faster than its prior.
const apprenticeship = 256

// Needed is how much evidence makes a device's word enough; +Inf when none does.
func (t Terms) Needed(c Curve) float64 {
	needed := min(c.Needed(t.Epsilon/aloneMargin), max(c.Needed(t.Epsilon), marginCost))
	return max(needed, apprenticeship)
}

// Decision says how one shard is verified.
type Decision struct {
	// Replicate: the candidate's result needs others, until Enough.
	Replicate bool
	// Check is the probability with which another, unrelated volunteer checks
	// the result afterwards. The candidate cannot tell.
	Check float64
	// Audit is the probability with which an auditor of the operator does.
	Audit float64
	// Pairs is the further probability of an audit for a result on which two
	// or more agree. It is what a ring fears, which lies only where it holds
	// all replicas; and such results are few once people are known.
	Pairs float64
}

// Decide says how a shard is verified that goes to a device with this much
// evidence.
func (t Terms) Decide(c Curve, r Record) Decision {
	if t.Assurance == Full {
		return Decision{Audit: 1}
	}
	needed := t.Needed(c)
	if t.Assurance == Replicated || r.Verified < needed {
		return Decision{Replicate: true, Audit: t.Auditors, Pairs: t.PairAudits}
	}
	return Decision{Check: t.checks(needed), Audit: t.Auditors, Pairs: t.PairAudits}
}

// checks is the rate of checks that keeps evidence where it must be: of
// Memory.Results results all but one e-th of the evidence is lost, so a share q of
// checks holds q*Memory.Results, which is to be a quarter more than needed.
// The auditors' share counts too.
func (t Terms) checks(needed float64) float64 {
	return min(max(1.25*needed/t.Memory.Results-t.Auditors, t.AuditFloor), 1)
}

// Worthless is the risk of a claim whose device was proved wrong since: it does
// not vouch for anything, though it may still contradict.
const Worthless = 1

// AuditorRisk is the risk of an auditor of the operator: its answer is the truth.
const AuditorRisk = 0

// Enough reports whether a shard may be accepted once devices with these risks
// agree, and with which risk of being wrong. Whether one alone may suffice is
// for Decide to say. Under Full no volunteer's word ever does.
func (t Terms) Enough(risks []float64) (float64, bool) {
	risk := Agreement(risks)
	switch t.Assurance {
	case Full:
		return risk, slices.Contains(risks, AuditorRisk)
	case Replicated:
		return risk, len(risks) >= t.Replicas && risk <= t.Epsilon
	}
	return risk, risk <= t.Epsilon
}

// Agreement bounds the probability that an answer is wrong which devices with
// these risks returned. It assumes that errors are independent, which Related is
// there for, and the worst of everything else: that whoever is wrong returns the
// same wrong bytes. Those who returned another answer and were proved wrong are
// left out: that they erred says nothing of whoever did not agree with them.
func Agreement(risks []float64) float64 {
	right, wrong := 0.0, 0.0 // logarithms of likelihoods
	for _, r := range risks {
		if r == AuditorRisk {
			return AuditorRisk
		}
		right += math.Log1p(-r)
		wrong += math.Log(r)
	}
	return 1 / (1 + math.Exp(right-wrong))
}

// vouching is the greatest risk at which the word of others counts as evidence
// for a device that agrees with them. At risk q an agreement says of a rate p
// not 1-p, as a verified result does, but 1-p + pq/(1-q): a twentieth less for
// the rates that matter, and for a device that is always wrong still a factor of
// twenty a time. Two strangers who agree prove nothing to one another.
const vouching = 0.05

// Vouches reports whether others, who returned what a device did, verify its
// result: whether it is evidence for the device.
func Vouches(others []float64) bool { return len(others) > 0 && Agreement(others) <= vouching }
