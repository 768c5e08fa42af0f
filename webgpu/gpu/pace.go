package gpu

import "time"

// defaultTurn is how long work handed over at once should take at most: drivers
// end work that takes some seconds, and people notice less.
const defaultTurn = 500 * time.Millisecond

// Costs are in integer operations of a program.
const (
	firstTurn    = 1 << 28 // below a second or two on the slowest machine
	dispatchCost = 1 << 16 // of starting one, at least
	maxGrowth    = 8       // between measurements
)

// pace finds how much work may be handed over at once: all of a normal run on a
// GPU, a few kernels where a processor plays one.
type pace struct {
	turn   time.Duration
	now    func() time.Time
	budget int64

	begun  time.Time // when the machine was last given work while idle
	queued int64     // since then
	exact  bool      // whether it has been at it since
}

func newPace(turn time.Duration, now func() time.Time) pace {
	if now == nil {
		now = time.Now
	}
	return pace{turn: turn, now: now, budget: firstTurn}
}

// take tells how many of list, which is not empty, to hand over next.
func (p *pace) take(list []Dispatch) int {
	p.exact = p.queued == 0
	if p.exact {
		p.begun = p.now()
	}
	n, sum := 0, int64(0)
	for ; n < len(list); n++ {
		cost := max(list[n].Cost, dispatchCost)
		if n > 0 && sum+cost > p.budget {
			break
		}
		sum += cost
	}
	p.queued += sum
	return n
}

// idle notes that the machine has done everything. It may have been idle for
// some time: then the budget is at least what the time suggests.
func (p *pace) idle() {
	p.exact = false
	p.waited()
}

// waited notes that the machine was waited for and has done everything.
func (p *pace) waited() {
	if p.queued == 0 {
		return
	}
	took := max(p.now().Sub(p.begun), time.Microsecond)
	fits := int64(float64(p.queued) * float64(p.turn) / float64(took))
	p.queued = 0
	if p.exact || fits > p.budget {
		p.budget = max(min(fits, p.budget*maxGrowth), dispatchCost)
	}
}
