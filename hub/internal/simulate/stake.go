package simulate

import (
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// StakeShards is how many shards, all alike, somebody computes until nothing of
// their price is kept as stake any more; 0 where no stake is asked for. It asks the
// hub's own book.
func StakeShards(t trust.Terms) int64 {
	const ops = 1_000_000_000
	book, anybody, n := reputation.New(nil, nil), reputation.Device{}.Volunteer, int64(0)
	for book.Withhold(t, anybody, ops) > 0 {
		n++
	}
	return n
}

// slash takes the stake of v, who was caught. It is given back if the driver turns
// out to be to blame.
func (s *sim) slash(v *volunteer) {
	s.report.Slashed += v.staked
	s.slashed[v.class] += v.staked
	v.staked = 0
}

// pardon gives back what was taken over a class of devices.
func (s *sim) pardon(class int) {
	s.report.Slashed -= s.slashed[class]
	s.slashed[class] = 0
}
