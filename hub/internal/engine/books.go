package engine

import (
	"context"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
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
	return e.config.Store.Disputes(ctx, id)
}
