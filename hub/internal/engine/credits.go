package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// A job's limits.credits bounds what it hands out: no lease is given whose
// payment, with all that is out already, could take the job over its limit. A
// round for which the least that is wanted does not fit is not begun. Second
// volunteers are paid from what the limit allows beyond the least for all
// rounds; where that does not reach, an auditor decides what they would have,
// which costs the job nothing. So does everything that a job which was taken back
// can no longer pay for.

// checkCredits refuses a round that would take the job over its limit.
func (e *Engine) checkCredits(ctx context.Context, j *jobRun, rd *round) error {
	limit := ledger.Amount(j.spec.Limits.Credits)
	if limit == 0 {
		return nil
	}
	balance, err := e.config.Store.Balance(ctx, ledger.JobAccount(j.record.ID))
	if err != nil {
		return stored(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	least := ledger.Amount(max(j.spec.Trust.Replicas, 1)) // volunteers that are paid for a shard when all goes well
	j.paid = -balance
	price := j.paid
	for _, s := range rd.open {
		price += s.credit() * max(least, ledger.Amount(len(s.results)))
	}
	switch {
	case price <= limit:
	case j.terms != nil && j.record.Generation > 0:
		// What is done twice is not the submitter's fault, and the limit is: the
		// hub computes what nobody can be paid for.
		for _, s := range rd.open {
			s.verdict.Audit = trust.MustAudit
		}
	default:
		return fmt.Errorf("limits.credits: round %d would bring the cost to %d, over the limit of %d", rd.index, price, limit)
	}
	p := j.record.Plan
	if later := int64(p.Shards) - j.account.Accepted - int64(len(rd.open)); later > 0 {
		j.later = ledger.Amount(later) * ledger.Credit(p.Ops/int64(p.Shards)) * least
	} else {
		j.later = 0
	}
	return nil
}

// credit is what one result of the shard earns at most.
func (s *shard) credit() ledger.Amount { return ledger.Credit(s.program.cost(s.shard)) }

// payable is how many results of the shard may come to be paid, if nobody else
// is given it, or if company is.
func (s *shard) payable(company bool) int {
	n := max(len(s.results)+len(s.attempts), 1)
	if company {
		n = max(n, s.wanted())
	}
	return n
}

// priceOfCompany is what it takes to wait for further volunteers rather than an auditor.
func (s *shard) priceOfCompany() ledger.Amount {
	return s.credit() * ledger.Amount(s.payable(true)-s.payable(false))
}

// room is what of the job's limit nobody at work on the open round can claim,
// and no later round needs: negative when the shards want more than there is.
// Replicas that are counted and not weighed are paid as many as they are,
// whatever is handed out, so there checkCredits is enough. The caller holds mu.
func (j *jobRun) room() ledger.Amount {
	if j.terms == nil || j.spec == nil || j.spec.Limits.Credits == 0 {
		return math.MaxInt64
	}
	room := ledger.Amount(j.spec.Limits.Credits) - j.paid - j.later
	for _, s := range j.round.open {
		room -= s.credit() * ledger.Amount(s.payable(!s.lonely))
	}
	return room
}

// affords reports whether one more volunteer may be paid for the shard. The
// caller holds mu.
func (j *jobRun) affords(s *shard) bool {
	more := len(s.results) + len(s.attempts) + 1 - s.payable(!s.lonely)
	return more <= 0 || j.room() >= s.credit()*ledger.Amount(more)
}
