package paced

import (
	"context"
	"time"
)

// Pace is a share of the time of one piece of hardware. Everything that
// computes at the same Pace takes turns, so that two lanes of one processor
// together take no more of it than was agreed to. It is safe for concurrent
// use.
type Pace struct {
	percent int64

	now  func() time.Time
	wait func(ctx context.Context, d time.Duration) error

	turn  chan struct{} // holds one while nothing computes
	until time.Time     // no run starts before; owned by whose turn it is
}

// NewPace returns a pace of at most percent of the time, from 1 to 100. After a
// run of t it rests t*(100-percent)/percent before the next one starts: a
// result is never held back, and where there is nothing to do it does not rest
// twice. Values outside the range count as its nearest end.
func NewPace(percent int) *Pace {
	p := &Pace{percent: int64(min(max(percent, 1), 100)), now: time.Now, wait: wait, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

// Do waits for its turn, rests for as long as the runs before it demand, and
// then calls run. It returns run's error, or that of ctx if it ends earlier.
func (p *Pace) Do(ctx context.Context, run func() error) error {
	select {
	case <-p.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.turn <- struct{}{} }()
	if err := p.wait(ctx, p.until.Sub(p.now())); err != nil {
		return err
	}
	start := p.now()
	err := run()
	end := p.now()
	p.until = end.Add(end.Sub(start) * time.Duration(100-p.percent) / time.Duration(p.percent))
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
