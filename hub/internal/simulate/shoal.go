package simulate

import (
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// decide lets package trust say how v's next stretch is verified.
func (s *sim) decide(v *volunteer) {
	record := s.evidence(v)
	d := s.terms.Decide(s.curves[v.class], record)
	if !d.Replicate && v.staked >= s.stake {
		s.believed(v)
		s.alone(v, v.left, d)
		return
	}
	// Evidence changes fast while there is little of it.
	n := min(v.left, max(1, int64(record.Verified/2)))
	s.together(v, n, d)
}

// evidence is what speaks for v now: it fades while v is away.
func (s *sim) evidence(v *volunteer) trust.Record {
	return s.terms.Memory.After(v.record, 0, 0, instant(s.now))
}

func (s *sim) risk(v *volunteer) float64 { return s.curves[v.class].Risk(s.evidence(v).Verified) }

// alone accepts n results on v's word; checks and audits are drawn afterwards.
func (s *sim) alone(v *volunteer, n int64, d trust.Decision) {
	risk := s.risk(v)
	if d.Audit >= 1 {
		risk = 0 // each is audited before it counts
	}
	checker := s.another(append(s.group[:0], v))
	caught := false
	for at := s.lie(v, 0, n); at < n; at = s.lie(v, at+1, n) {
		s.tell(v, at)
		u := s.rand.Float64()
		covered := checker == nil || checker.Bytes != ownBytes && checker.Bytes == v.Bytes && s.rand.happens(checker.rateNow())
		if u < d.Audit || u < d.Audit+d.Check && !covered {
			caught, n = true, at+1
			break
		}
		s.swallow(v)
	}
	audits := s.rand.binomial(n, d.Audit)
	checks := int64(0)
	vouched, upheld := int64(0), int64(0)
	if checker != nil && !caught {
		checks = s.rand.binomial(n, d.Check)
		doubt := []float64{s.risk(checker)}
		checks = s.check(v, checker, checks, d.Audit+d.Pairs)
		audits += s.rand.binomial(checks, d.Pairs)
		if trust.Vouches(doubt) {
			vouched = checks
		}
		if _, enough := s.terms.Enough(doubt); enough {
			upheld = checks
		}
	}
	today := s.today()
	right := n
	if caught {
		right--
		today.account.Spend(1 + traces) // the last one is done again by another
		s.report.LiesCaught++
	}
	today.account.Accept(right, risk, n+audits+checks)
	today.alone += right
	v.unverified += max(right-audits-upheld, 0)
	if v.gone { // an auditor saw it agree to a lie
		return
	}
	s.deliver(v, n, min(audits+vouched, n))
	if caught {
		s.catch(v, n)
	}
}

// check lets w do n of v's results again, and returns how many it did. v was
// right on those.
func (s *sim) check(v, w *volunteer, n int64, audit float64) int64 {
	if conspire(v, w) {
		for at := s.rand.geometric(greed); at < n; at += 1 + s.rand.geometric(greed) {
			if s.agreeOnLie([]*volunteer{v, w}, at, audit) {
				n = at + 1
				break
			}
		}
	} else if at := s.lie(w, 0, n); at < n {
		s.tell(w, at)
		s.report.LiesCaught++
		s.today().account.Spend(traces)
		s.deliver(w, at+1, at)
		w.debt += at + 1
		s.catch(w, at)
		return at + 1
	}
	if !w.gone {
		s.deliver(w, n, n)
		w.debt += n
	}
	return n
}

// together has n shards of v done by as many others as it takes. It ends at
// the first dispute; what is left goes out again.
func (s *sim) together(v *volunteer, n int64, d trust.Decision) {
	group, risks := append(s.group[:0], v), append(s.risks[:0], s.risk(v))
	risk, enough := s.terms.Enough(risks)
	for len(group) < trust.MaxReplicas && (len(group) < 2 || !enough) {
		w := s.another(group)
		if w == nil {
			break
		}
		group, risks = append(group, w), append(risks, s.risk(w))
		risk, enough = s.terms.Enough(risks)
	}
	audit := d.Audit + d.Pairs
	if !enough { // the hub's own lane decides
		audit, risk = 1, 0
	}
	s.group, s.risks = group, risks
	n, liars := s.firstDispute(group, n, audit)
	today := s.today()
	right := n
	if len(liars) > 0 {
		right--
		today.account.Spend(traces)
		s.report.LiesCaught++
		if len(liars) < len(group) {
			right++ // the dispute leaves the right answer
		}
	}
	audits := s.rand.binomial(n, audit)
	today.account.Accept(right, risk, n*int64(len(group))+audits)
	// Those who are caught leave the group's scratch space alone.
	members := append([]*volunteer(nil), group...)
	for i, w := range members {
		others := slices.Concat(risks[:i], risks[i+1:])
		verified := audits
		if trust.Vouches(others) {
			verified = n
		}
		if _, upheld := s.terms.Enough(others); !upheld {
			w.unverified += n - audits
		}
		if contains(liars, w) {
			verified = max(verified-1, 0)
		}
		if w.gone {
			continue
		}
		s.deliver(w, n, verified)
		if i > 0 {
			w.debt += n
		}
	}
	for _, w := range liars {
		s.catch(w, n-1)
	}
}

// firstDispute plays n shards that all of the group compute and returns how
// many were done until somebody was proved wrong, and who that is.
func (s *sim) firstDispute(group []*volunteer, n int64, audit float64) (int64, []*volunteer) {
	next := make([]int64, len(group))
	for i, w := range group {
		next[i] = s.lie(w, 0, n)
		for j := range i { // one driver fails on the same shards for all
			if w.Bytes >= faultyBytes && group[j].Bytes == w.Bytes {
				next[i] = next[j]
			}
		}
	}
	var ring []*volunteer
	for _, w := range group {
		if w.Ring && w.delivered >= w.Wake {
			ring = append(ring, w)
		}
	}
	joint := n
	if len(ring) >= 2 {
		joint = min(s.rand.geometric(greed), n)
	}
	for {
		at := joint
		for _, p := range next {
			at = min(at, p)
		}
		if at >= n {
			return n, nil
		}
		var wrong []*volunteer
		if at == joint {
			wrong = append(wrong, ring...)
			joint = min(joint+1+s.rand.geometric(greed), n)
		}
		for i, w := range group {
			if next[i] == at {
				wrong = append(wrong, w)
				next[i] = s.lie(w, at+1, n)
			}
		}
		if len(wrong) == len(group) && sameBytes(wrong) {
			if !s.agreeOnLie(wrong, at, audit) {
				continue
			}
			return at + 1, nil // all of them are caught already
		}
		for _, w := range wrong {
			s.tell(w, at)
		}
		s.report.LiesTold -= int64(len(wrong) - 1) // told together, counted once
		return at + 1, wrong
	}
}

// agreeOnLie accepts a lie that all who computed the shard told, unless an
// auditor sees it; then it returns true and all of them are caught.
func (s *sim) agreeOnLie(liars []*volunteer, at int64, audit float64) bool {
	for _, w := range liars {
		s.tell(w, at)
	}
	s.report.LiesTold -= int64(len(liars) - 1)
	if s.rand.happens(audit) {
		s.report.LiesCaught++
		s.today().account.Spend(traces)
		for _, w := range liars {
			s.catch(w, at)
		}
		return true
	}
	s.report.WrongAccepted++
	p := &pact{liars: len(liars)}
	for _, w := range liars {
		w.pacts = append(w.pacts, p)
	}
	return false
}

// catch excludes v over its at-th result from now, repairs what it did, and lets it come back if it will.
func (s *sim) catch(v *volunteer, at int64) {
	if v.gone {
		return
	}
	v.caught = true
	if v.Strategy == "" {
		s.report.HonestExcluded++
	}
	s.report.LiarsCaught++
	s.slash(v)
	s.delay += max(s.now+v.days(at)-v.firstLie, 0)
	s.population.Catch(v.identity.Class, v.verified)
	s.repair(v)
	for _, p := range v.pacts {
		if p.caught++; p.caught == p.liars { // nobody's word is left
			s.report.LiesRepaired++
			s.today().account.Spend(1)
		}
	}
	s.retire(v)
	if s.population.Quarantined(v.identity.Class) && !s.quarantined[v.class] {
		s.quarantine(v.class)
	}
}

// repair runs again what would not have been accepted without v's word.
func (s *sim) repair(v *volunteer) {
	s.today().account.Spend(v.unverified)
	s.report.Rerun += v.unverified
	s.report.LiesRepaired += v.standing
	v.unverified, v.standing = 0, 0
}

// quarantine closes a device class: its owners are not to blame, and go on with
// other lanes.
func (s *sim) quarantine(class int) {
	s.quarantined[class] = true
	s.report.Quarantined = append(s.report.Quarantined, s.classes[class])
	var members []*volunteer
	for _, v := range s.active {
		if v.class == class {
			members = append(members, v)
		}
	}
	for _, v := range members {
		s.leave(v)
		s.arrive(s.now, otherLane).staked = v.staked // it is the owner's, not the lane's
	}
	s.pardon(class)
}

func sameBytes(group []*volunteer) bool {
	for _, w := range group {
		if w.Bytes == ownBytes || w.Bytes != group[0].Bytes {
			return false
		}
	}
	return true
}

func contains(list []*volunteer, v *volunteer) bool {
	for _, w := range list {
		if w == v {
			return true
		}
	}
	return false
}
