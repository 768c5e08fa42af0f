package engine

import (
	"context"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Balance returns what an account holds.
func (e *Engine) Balance(ctx context.Context, a ledger.Account) (ledger.Amount, error) {
	return e.config.Store.Balance(ctx, a)
}

// Disputes returns a job's disputes, oldest first.
func (e *Engine) Disputes(ctx context.Context, id string) ([]Dispute, error) {
	if _, err := e.config.Store.Job(ctx, id); err != nil {
		return nil, err
	}
	list, err := e.config.Store.Disputes(ctx, id)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := e.aftermath(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// aftermath notes whose result was refuted after the dispute. It is asked only
// of those who did not answer: whoever lost by what it signed is refuted by that.
func (e *Engine) aftermath(ctx context.Context, d *Dispute) error {
	if !d.Faults[0].Absent && !d.Faults[1].Absent {
		return nil
	}
	results, err := e.config.Store.Results(ctx, d.Job, d.Shard, d.Shard+1)
	if err != nil {
		return err
	}
	for i, party := range [2]volunteer.ID{d.A, d.B} {
		d.Refuted[i] = d.Faults[i].Absent && slices.ContainsFunc(results, func(r Result) bool {
			return r.Volunteer == party && r.Standing == trust.Refuted && !r.At.After(d.At)
		})
	}
	return nil
}
