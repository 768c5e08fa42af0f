package detail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// Record simulates c and writes all that happens to out.
func Record(ctx context.Context, c Config, out io.Writer) (Report, error) {
	if err := c.Validate(); err != nil {
		return Report{}, fmt.Errorf("simulate: %w", err)
	}
	w, err := incident.NewWriter(out, c.header())
	if err != nil {
		return Report{}, err
	}
	s, err := newDrawnSim(c, w)
	if err != nil {
		return Report{}, err
	}
	r, err := s.run(ctx)
	return r, errors.Join(err, w.Flush())
}

// ErrNoCapture means that there is no incident to record.
var ErrNoCapture = errors.New("simulate: nobody was caught")

// RecordAround simulates c and writes what happens from so long before the
// first capture to so long after it: what the hub knows then of everybody, and
// what happens from there on. It runs twice, the first time to find the
// capture.
func RecordAround(ctx context.Context, c Config, around time.Duration, out io.Writer) (Report, error) {
	s, err := newDrawnSim(c, nil)
	if err != nil {
		return Report{}, err
	}
	r, err := s.run(ctx)
	if err != nil {
		return Report{}, err
	}
	capture := s.report.firstCapture
	if capture == 0 {
		return r, ErrNoCapture
	}
	cut := &cutting{from: max(capture-around, 0), until: min(capture+around, c.Time), out: out}
	if s, err = newDrawnSim(c, cut); err != nil {
		return Report{}, err
	}
	s.watch = func(next time.Duration) { cut.begin(s, next) }
	if _, err := s.run(ctx); err != nil {
		return Report{}, err
	}
	return r, cut.flush()
}

// cutting records a part of a run.
type cutting struct {
	from, until time.Duration
	out         io.Writer
	w           *incident.Writer // nil before it begins
	err         error
}

// begin writes the state of affairs before the first event of the part.
func (c *cutting) begin(s *sim, next time.Duration) {
	if c.w != nil || c.err != nil || next < c.from {
		return
	}
	h := s.hub.header
	h.Whole, h.Until, h.About.Volunteers = false, c.until-c.from, len(s.people)
	if c.w, c.err = incident.NewWriter(c.out, h); c.err != nil {
		return
	}
	for _, p := range s.met {
		c.w.Write(s.introduce(p, c.from))
	}
	for _, p := range s.met {
		if p.here {
			c.w.Write(&incident.Event{Kind: incident.Join, Volunteer: p.number})
		}
	}
}

// introduce says who p is and what the hub knows of it at a time.
func (s *sim) introduce(p *person, at time.Duration) *incident.Event {
	e := &incident.Event{
		Kind: incident.Meet, Volunteer: p.number, Block: p.block, Build: p.build,
		Created: p.born.Sub(epoch) - at, Latency: p.latency,
	}
	m := &s.hub.memory
	for _, d := range p.devices {
		known := m.stored[d.known()]
		e.Devices = append(e.Devices, incident.Device{
			Class: d.class, Speed: d.speed, Memory: d.memory, Verified: known.Verified, Caught: known.Caught,
			Evidence: min(m.book.Evidence(d.known(), epoch.Add(at)).Verified, float64(known.Verified)),
		})
	}
	return e
}

// Write implements recorder.
func (c *cutting) Write(e *incident.Event) {
	if c.w == nil || e.At > c.until {
		return
	}
	e.At -= c.from
	c.w.Write(e)
}

func (c *cutting) flush() error {
	if c.w == nil {
		return c.err
	}
	return errors.Join(c.err, c.w.Flush())
}
