package reputation

import (
	"bytes"
	"math"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// A lie is worth this many shards to whoever tells it, for all that is known,
// and is caught at the rate of checks and audits at least: what a stake has to
// outweigh.
const gainShards = 10

// stakeFor is what a volunteer must have earned, and not been given, before its
// word alone is enough for shards of this many operations.
func stakeFor(t trust.Terms, ops int64) ledger.Amount {
	caught := int64((t.AuditFloor + t.Auditors) * trust.Million)
	gain := ledger.Credit(ops)
	if gain > math.MaxInt64/gainShards {
		return math.MaxInt64
	}
	s, err := trust.Stake(caught, gainShards*int64(gain))
	if err != nil {
		return math.MaxInt64 // nothing would be enough: everything is kept
	}
	return ledger.Amount(s)
}

// Staked reports whether somebody has staked enough to be believed alone about a
// shard of this many operations.
func (b *Book) Staked(t trust.Terms, v volunteer.ID, ops int64) bool {
	return t.Assurance != trust.Audited || b.stakes[v] >= stakeFor(t, ops)
}

// Withhold says how much is kept, as stake, of what somebody earns with a shard
// of this many operations, and takes it: where one may be believed alone, the
// first work is unpaid until it outweighs what a lie could bring.
func (b *Book) Withhold(t trust.Terms, v volunteer.ID, ops int64) ledger.Amount {
	if t.Assurance != trust.Audited {
		return 0
	}
	kept := min(max(stakeFor(t, ops)-b.stakes[v], 0), ledger.Credit(ops))
	b.stakes[v] += kept
	return kept
}

// Stake is what somebody would lose for a lie.
func (b *Book) Stake(v volunteer.ID) ledger.Amount { return b.stakes[v] }

// Slash takes the stake of a device's owner, and returns how much that was. It is
// remembered while the hub runs, to be given back if the driver is to blame.
func (b *Book) Slash(d Device) ledger.Amount {
	stake := b.stakes[d.Volunteer]
	if stake > 0 {
		delete(b.stakes, d.Volunteer)
		b.slashed[d] += stake
	}
	return stake
}

// Refund is a stake that is given back.
type Refund struct {
	Volunteer volunteer.ID
	Amount    ledger.Amount
}

// Pardon gives back, in a fixed order, what was taken over a class of devices
// whose driver is to blame.
func (b *Book) Pardon(class string) []Refund {
	var list []Refund
	for d, stake := range b.slashed {
		if d.Class == class {
			delete(b.slashed, d)
			b.stakes[d.Volunteer] += stake
			list = append(list, Refund{d.Volunteer, stake})
		}
	}
	slices.SortFunc(list, func(x, y Refund) int { return bytes.Compare(x.Volunteer[:], y.Volunteer[:]) })
	return list
}
