package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// news is what has become known of a shard: a result, or what an inquiry found.
type news struct {
	result *Result
	truth  *job.Hash               // an auditor's answer
	lost   map[volunteer.ID]string // who was proved wrong by a dispute, and how
}

// fault is why a result is refuted. That more volunteers said otherwise is no
// proof; an audit, a dispute, or what is wrong by its form alone is.
type fault struct {
	why    string
	proved bool
}

// fault says what n has against a result that the shard's verdict refutes.
func (n news) fault(s *shard, r Result) fault {
	switch why := n.lost[r.Volunteer]; {
	case why != "":
		return fault{why, true}
	case n.truth != nil:
		return fault{auditedWrong, true}
	}
	return fault{"the result differs from the one the other replicas agree on", s.dispute}
}

const settledReason = "the shard is settled"

const auditedWrong = "an audit gave another result"

// errRedundant means that the shard was settled before the news came.
var errRedundant = errors.New("engine: settled already")

// judge commits a delivery with its consequences. The caller holds the
// shard's turn.
func (e *Engine) judge(ctx context.Context, j *jobRun, s *shard, a *attempt, d Delivery) (VerdictNotice, error) {
	r := Result{
		Job: j.record.ID, Shard: s.id, Volunteer: d.Lease.Volunteer, Lane: d.Lease.Lane,
		Output: d.Output, Token: d.Token, Signature: d.Signature, Millis: d.Millis, At: e.config.Now(),
		Risk: a.risk, Alone: a.alone, // noted when the lease was handed out
	}
	spent := s.program.spent(d.Outputs)
	e.mu.Lock()
	r.Check = j.terms != nil && a.alone && a.check > 0 && falls(j.lots.check, r.Volunteer, s.id, a.check)
	if j.terms != nil && a.risk > trust.AuditorRisk { // what a module took is known only now, by the volunteer's word
		r.Alone = a.alone && e.repute.Staked(*j.terms, r.Volunteer, spent)
	}
	r.Class = a.member.classes[a.device]
	r.Identity = a.member.identities[a.device]
	s.holders[r.Volunteer] = r.Identity
	s.spent[r.Output] = spent
	e.mu.Unlock()
	err := e.learn(ctx, j, s, news{result: &r})
	if errors.Is(err, errRedundant) {
		return e.surplus(d.Token)
	}
	if err != nil {
		return VerdictNotice{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(s.results, func(other Result) bool { return other.Volunteer == r.Volunteer })
	return e.verdictOn(s, s.results[i]), nil
}

// learn takes news of a shard to its consequences: it judges, commits and
// tells whom it concerns. The caller holds the shard's turn.
func (e *Engine) learn(ctx context.Context, j *jobRun, s *shard, n news) error {
	now := e.config.Now()
	e.mu.Lock()
	if s.verdict.Accepted || j.round.find(s.id) != s {
		e.mu.Unlock()
		return errRedundant
	}
	j.writes.Add(1)
	defer j.writes.Done()
	before := slices.Clone(s.results)
	results := slices.Clone(before)
	for i := range results {
		if n.lost[results[i].Volunteer] != "" {
			results[i].Standing = trust.Refuted
		}
	}
	if n.result != nil {
		results = append(results, *n.result)
	}
	v := e.weigh(j, s, results, n.truth)
	for i := range results {
		results[i].Standing = v.Standings[i]
	}
	c, err := e.consequences(j, s, before, results, v, n, now)
	e.mu.Unlock()
	inserted := false
	if err == nil {
		inserted, err = e.config.Store.Commit(ctx, c)
	}
	if err == nil && !inserted {
		err = errors.New("engine: the store has a result that the hub does not know")
	}
	if err != nil {
		e.fail(err)
		return stored(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.apply(j, s, before, results, v, c)
	return nil
}

// consequences collects all that the news changes. What is learned of devices,
// stakes and costs is noted at once: a commit that fails stops the hub. The
// caller holds mu.
func (e *Engine) consequences(j *jobRun, s *shard, before, results []Result, v trust.Verdict, n news, now time.Time) (Commit, error) {
	c := Commit{Job: j.record.ID, Shard: s.id}
	var (
		right []Result
		wrong []Result // newly proved wrong
	)
	for i, r := range results {
		was := trust.Pending
		if i < len(before) {
			was = before[i].Standing
			if r.Standing != was {
				c.Changes = append(c.Changes, Change{r.Volunteer, r.Standing})
			}
		}
		switch {
		case r.Standing == trust.Confirmed:
			right = append(right, r)
		case r.Standing == trust.Refuted && was != trust.Refuted:
			wrong = append(wrong, r)
		}
	}
	if n.result != nil {
		c.Result = &results[len(results)-1]
	}
	for _, r := range wrong {
		if err := e.punish(&c, r, n.fault(s, r), now); err != nil {
			return c, err
		}
	}
	if !v.Accepted {
		return c, nil
	}
	accepted := s.receipt
	accepted.Output, accepted.At, accepted.Risk = v.Result, now, v.Risk
	accepted.Executed = len(results) + s.audits
	accepted.Path = path(s, results, right, n)
	accepted.Ops = s.spent[v.Result]
	c.Accepted = &accepted
	for i, r := range right {
		verified := n.truth != nil || trust.Vouches(e.others(right, i))
		c.Devices = append(c.Devices, e.repute.Settle(r.device(), verified, now))
	}
	if len(right) == 0 {
		return c, nil
	}
	payment, err := ledger.Payment(now, ledger.Reference{
		Job: c.Job, Shard: uint64(s.id), Output: v.Result.String(),
		Reason: fmt.Sprintf("verified shard %v of %d integer operations, %s, paid to %d", s.id, accepted.Ops, accepted.Path, len(right)),
	}, accepted.Ops, e.payees(j, right, accepted.Ops))
	if err != nil {
		return c, err
	}
	c.Ledger = append(c.Ledger, payment)
	j.paid += ledger.Credit(accepted.Ops) * ledger.Amount(len(right))
	return c, nil
}

// others are the risks of those who returned what the i-th did and whose word
// counts. Where nobody is weighed nobody vouches for anybody: they may be kin. The
// caller holds mu.
func (e *Engine) others(right []Result, i int) []float64 {
	var risks []float64
	for k, r := range right {
		if k != i && r.Risk < trust.Worthless && !e.repute.Discredited(r.device()) {
			risks = append(risks, r.Risk)
		}
	}
	return risks
}

// path says how an output came to be accepted.
func path(s *shard, results, right []Result, n news) Path {
	refuted := slices.ContainsFunc(results, func(r Result) bool { return r.Standing == trust.Refuted })
	switch {
	case n.truth != nil:
		return Audited
	case refuted && s.dispute:
		return Disputed
	case len(right) > 1 && results[0].Check:
		return Checked
	case len(right) > 1:
		return Agreed
	}
	return Alone
}

// verdictOn is what the volunteer of a result hears. The caller holds mu.
func (e *Engine) verdictOn(s *shard, r Result) VerdictNotice {
	n := VerdictNotice{Token: r.Token, Standing: r.Standing}
	switch {
	case r.Standing == trust.Refuted:
		n.Reason = "the result was proved wrong"
	case s.verdict.Accepted && r.Standing == trust.Confirmed:
		n.Credit = ledger.Credit(s.receipt.Ops)
	}
	return n
}

// apply makes memory agree with what was committed and tells whom it concerns.
// The caller holds mu.
func (e *Engine) apply(j *jobRun, s *shard, before, results []Result, v trust.Verdict, c Commit) {
	s.results, s.verdict = results, v
	if c.Accepted != nil {
		s.receipt = *c.Accepted
		j.account.note(s.receipt, slices.ContainsFunc(results, func(r Result) bool { return r.Standing == trust.Refuted }))
	}
	for i, r := range results {
		if v.Accepted && r.Standing == trust.Confirmed {
			each := ledger.Credit(s.receipt.Ops)
			e.connected(r.Volunteer, func(m *Member) { m.credit += each })
		}
		if i < len(before) && r.Standing != before[i].Standing {
			e.connected(r.Volunteer, func(m *Member) { m.notify(e.verdictOn(s, r)) })
		}
	}
	e.applyMarks(c.Marks)
	if !v.Accepted {
		e.inquire(j, s)
		s.openSealed(e.config.Now(), e.config.Scheduler)
		signal(e.kick)
		return
	}
	for _, a := range slices.Clone(s.attempts) {
		if !a.committing {
			s.drop(a)
			a.member.notify(RevokeNotice{Token: a.token, Reason: settledReason})
		}
	}
	if j.round.find(s.id) == s {
		j.round.settle(s)
		e.announce(j)
	}
	if slices.ContainsFunc(results, func(r Result) bool { return r.Standing == trust.Confirmed && e.repute.Discredited(r.device()) }) {
		e.startRepair(j) // somebody was caught while this was being written
	}
}
