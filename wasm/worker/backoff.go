package worker

import (
	"math/rand/v2"
	"time"
)

// DefaultBackoff doubles from half a second to half a minute, and picks
// anything between half of that and all of it, so that the volunteers of a
// hub that was restarted do not all come back at once.
func DefaultBackoff(n int) time.Duration {
	const first, last = 500 * time.Millisecond, 30 * time.Second
	d := last
	if n < 7 {
		d = min(first<<max(n-1, 0), last)
	}
	return d/2 + rand.N(d/2)
}
