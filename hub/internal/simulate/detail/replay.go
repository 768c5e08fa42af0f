package detail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// ErrPolicy means that an incident cannot be played again under that policy.
var ErrPolicy = errors.New("simulate: no such policy")

// run is one recorded run of a device.
type run struct {
	compute time.Duration
	answer  incident.Answer
}

// Replay lets the people of an incident do again what they did, and the hub
// decide anew. open is called twice, and has to give the same bytes. With
// change, the hub judges by another policy: what would have happened?
//
// A run of a device takes as long as the run of the same number did, and
// returns as good or bad a result, whatever shard it is given. Where a device
// has more to do than was recorded, one of its recorded runs is repeated.
//
// Other decisions may take longer than those of the record did. Jobs that have
// an end may go on after the end of the record, ten times as long and an hour;
// who is there at its end stays.
func Replay(ctx context.Context, open func() (io.ReadCloser, error), change func(*incident.Policy)) (Report, error) {
	c := &replayed{devices: map[int][][]run{}}
	h, err := c.load(open)
	if err != nil {
		return Report{}, err
	}
	policy := h.Policy
	if change != nil {
		change(&h.Policy)
		if err := h.Validate(); err != nil {
			return Report{}, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	check := &comparer{compared: h.Whole && policy == h.Policy}
	if check.compared {
		file, err := open()
		if err != nil {
			return Report{}, err
		}
		defer file.Close() // it was only read
		if check.in, err = incident.NewReader(file); err != nil {
			return Report{}, err
		}
	}
	s, err := newSim(h, c, c.unlike, check)
	if err != nil {
		return Report{}, err
	}
	if !check.compared {
		s.patience = patience(h.Until)
	}
	r, err := s.run(ctx)
	if err != nil {
		return Report{}, err
	}
	if r.Replay, err = check.result(); err != nil {
		return Report{}, err
	}
	r.Replay.Then, r.Replay.Now = c.then.outcome(), check.now.outcome()
	r.Replay.Gaps = h.About.Gaps
	return r, nil
}

// patience is how long a replay of a record may take: the hour is for what
// lasts long whatever the job, as an attempt that has to be backed up does.
func patience(until time.Duration) time.Duration { return 10*until + time.Hour }

// replayed is a crowd that does what it did.
type replayed struct {
	seed    uint64
	meeting []incident.Event
	coming  []incident.Event // joins and leaves
	devices map[int][][]run  // by volunteer
	unlike  []map[int]size   // rounds, by job
	then    tally
	made    int64
}

// load reads what the people do.
func (c *replayed) load(open func() (io.ReadCloser, error)) (incident.Header, error) {
	file, err := open()
	if err != nil {
		return incident.Header{}, err
	}
	defer file.Close() // it was only read
	in, err := incident.NewReader(file)
	if err != nil {
		return incident.Header{}, err
	}
	c.seed = in.Header.Seed
	c.unlike = make([]map[int]size, len(in.Header.Jobs))
	for {
		e, err := in.Read()
		if errors.Is(err, io.EOF) {
			return in.Header, nil
		}
		if err != nil {
			return incident.Header{}, err
		}
		switch e.Kind {
		case incident.Meet:
			c.meeting = append(c.meeting, e)
			c.devices[e.Volunteer] = make([][]run, len(e.Devices))
		case incident.Join, incident.Leave:
			c.coming = append(c.coming, e)
		case incident.Run:
			runs := &c.devices[e.Volunteer][e.Device]
			*runs = append(*runs, run{e.Compute, *e.Answer})
		case incident.Round:
			if c.unlike[e.Job] == nil {
				c.unlike[e.Job] = map[int]size{}
			}
			c.unlike[e.Job][int(e.Shard)] = size{e.Width, e.Ops}
		default:
			c.then.count(&e)
		}
	}
}

// gather implements crowd.
func (c *replayed) gather(s *sim) {
	for _, e := range c.meeting {
		s.hub.memory.know(e) // also of those who come later
	}
	for i, e := range c.meeting {
		if e.At == 0 {
			c.meet(s, i)
		} else {
			s.agenda.Add(e.At, event{kind: meets, n: i})
		}
	}
	for i, e := range c.coming {
		s.agenda.Add(e.At, event{kind: comes, n: i})
	}
}

// meet implements crowd.
func (c *replayed) meet(s *sim, n int) {
	e := c.meeting[n]
	p := s.meet(e)
	for i, d := range p.devices {
		d.script = c.devices[p.number][i]
	}
}

// come implements crowd.
func (c *replayed) come(s *sim, n int) {
	e := c.coming[n]
	p := s.people[volunteerID(e.Volunteer)]
	if e.Kind == incident.Join {
		s.join(p)
	} else {
		s.leave(p, e.Lost, p.session)
	}
}

// start implements crowd.
func (c *replayed) start(d *device, a *attempt) (time.Duration, bool) {
	if a.run < len(d.script) {
		r := d.script[a.run]
		return r.compute, r.answer == incident.Silent
	}
	c.made++
	if len(d.script) > 0 {
		return c.another(d).compute, false
	}
	seconds := float64(a.shard.ops) / float64(d.speed)
	return time.Duration(math.Min(seconds, 24*3600) * float64(time.Second)), false
}

// end implements crowd.
func (c *replayed) end(d *device, a *attempt) incident.Answer {
	if a.run < len(d.script) && d.script[a.run].answer >= incident.Right {
		return d.script[a.run].answer
	}
	if a.run < len(d.script) {
		c.made++ // it was broken off then
	}
	if len(d.script) == 0 {
		return incident.Right
	}
	return max(c.another(d).answer, incident.Right)
}

// another draws one of the runs of a device.
func (c *replayed) another(d *device) run {
	if d.who.rand == nil {
		d.who.rand = rand.New(rand.NewPCG(c.seed, uint64(d.who.number)))
	}
	return d.script[d.who.rand.IntN(len(d.script))]
}

func (*replayed) arrived(*sim, *person) {}
func (*replayed) left(*sim, *person)    {}
func (*replayed) believed(*person)      {}
func (*replayed) caught(*person)        {}
func (c *replayed) madeUp() int64       { return c.made }

// comparer holds what the hub does against what it did.
type comparer struct {
	compared bool
	in       *incident.Reader
	now      tally
	same     int64
	diverged bool
	at       time.Duration
	err      error
}

// next is what the hub did next.
func (c *comparer) next() (incident.Event, bool) {
	for {
		e, err := c.in.Read()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.err = err
			}
			return incident.Event{}, false
		}
		if !e.Kind.Exogenous() {
			return e, true
		}
	}
}

// Write implements recorder.
func (c *comparer) Write(e *incident.Event) {
	c.now.count(e)
	if !c.compared || c.diverged || e.Kind.Exogenous() {
		return
	}
	if was, ok := c.next(); !ok || !was.Same(e) {
		c.diverged, c.at = true, e.At
		return
	}
	c.same++
}

func (c *comparer) result() (*Comparison, error) {
	r := &Comparison{Compared: c.compared, Same: c.same, Recorded: c.same, DivergedAt: -1}
	if !c.compared {
		return r, nil
	}
	if c.diverged {
		r.Recorded++
		r.DivergedAt = c.at.Seconds()
	}
	for {
		e, ok := c.next()
		if !ok {
			return r, c.err
		}
		r.Recorded++
		if !c.diverged { // the hub has stopped short
			c.diverged, r.DivergedAt = true, e.At.Seconds()
		}
	}
}
