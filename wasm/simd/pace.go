package simd

import "time"

// callTime is how long one call into the module should last: short enough
// for a page to stay responsive and a context to cancel, long enough for the
// call itself not to matter.
const callTime = 4 * time.Millisecond

// pace learns how many nanoseconds a unit of estimated work takes. It only
// decides how many steps go into a call, never what they compute.
type pace struct{ perUnit float64 }

// take returns how many of the steps fill a call, at least one, and their
// units.
func (p *pace) take(steps []step) (n int, units int64) {
	budget := int64(float64(callTime) / p.perUnit)
	for n < len(steps) && (n == 0 || units+steps[n].units <= budget) {
		units += steps[n].units
		n++
	}
	return n, units
}

// took learns from a call. A clock that stands still teaches nothing.
func (p *pace) took(units int64, d time.Duration) {
	if units < 10_000 || d <= 0 {
		return
	}
	seen := float64(d) / float64(units)
	p.perUnit = min(max((3*p.perUnit+seen)/4, 0.05), 1000)
}
