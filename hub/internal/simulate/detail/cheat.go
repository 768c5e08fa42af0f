package detail

import (
	"math"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// end implements crowd: the truth, or what a cheat returns.
func (c *drawn) end(d *device, a *attempt) incident.Answer {
	p, h := d.who, a.shard
	u := p.rand.Float64() // always, so that nothing else of p depends on it
	if p.Strategy == "" || p.Budget > 0 && p.told >= p.Budget || p.delivered < p.Wake {
		return incident.Right
	}
	lie := false
	switch {
	case p.Ring:
		lie = conspire(p, h)
	case p.SharesDriver():
		lie = d.faulty && fails(p.Bytes, h.serial) < p.Rate
	default:
		lie = u < p.RateAfter(p.delivered, lurk)
	}
	switch {
	case !lie:
		return incident.Right
	case p.Bytes != 0:
		return incident.Answer(p.Bytes)
	}
	return incident.Answer(1<<40 | int64(p.number)<<16 | int64(a.run&0xffff)) // rubbish of its own
}

// conspire reports whether p lies about h with others of its ring. The first
// of them to be ready decides for all, and lies only if another one holds the
// shard too.
func conspire(p *person, h *shard) bool {
	if h.pact == undecided {
		h.pact = honest
		accomplice := func(a *attempt) bool {
			w := a.dev.who
			return w != p && w.Ring && w.delivered >= w.Wake
		}
		if slices.ContainsFunc(h.attempts, accomplice) && p.rand.Float64() < greed {
			h.pact = lying
		}
	}
	return h.pact == lying
}

// fails is a number of 0 to 1 that is the same for everybody with one driver.
func fails(driver int, shard int64) float64 {
	x := (uint64(driver)<<48 ^ uint64(shard)) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	return float64(x>>11) / math.Exp2(53)
}
