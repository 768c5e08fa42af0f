package gpu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Tuning is what to choose among.
type Tuning struct {
	Machine  Machine          // stays the caller's
	Printers []launch.Printer // made for its limits, the likeliest first
	Version  string           // of the software: a choice holds for no other

	// Limit is roughly how long it may take; 0: two seconds. Printers whose
	// turn does not come are not chosen.
	Limit time.Duration
	Now   func() time.Time // nil: time.Now
}

// Choice is what tuning found, to be kept for as long as Key stays the same.
type Choice struct {
	Key     string   `json:"key"`
	Printer string   `json:"printer"` // its name
	Timings []Timing `json:"timings"`
}

// Timing is how one printer did.
type Timing struct {
	Printer string  `json:"printer"`
	GOPS    float64 `json:"gops"` // 10^9 integer operations a second
	// Reject is why it must not be chosen: it failed or gave wrong numbers,
	// or its turn did not come.
	Reject string `json:"reject,omitempty"`
}

// Key names what a choice holds for.
func (t Tuning) Key() string {
	i := t.Machine.Info()
	return strings.Join([]string{i.Lane, i.Adapter, i.Driver, t.Version}, "; ")
}

// Find is the printer that c names, or nil: then the choice is not of this
// machine and these printers.
func (t Tuning) Find(c Choice) launch.Printer {
	i := slices.IndexFunc(t.Printers, func(p launch.Printer) bool { return p.Name() == c.Printer })
	if i < 0 || c.Key != t.Key() {
		return nil
	}
	return t.Printers[i]
}

// Tune multiplies matrices with the code of every printer, in the layouts of
// training, and chooses the fastest whose products are right.
func Tune(ctx context.Context, t Tuning) (Choice, error) {
	if t.Machine == nil || len(t.Printers) == 0 {
		return Choice{}, errors.New("gpu: tuning: want a machine and printers")
	}
	if t.Now == nil {
		t.Now = time.Now
	}
	t.Limit = cmp.Or(t.Limit, 2*time.Second)
	r := &race{Tuning: t, begun: t.Now(), heat: max(t.Limit/time.Duration(16*len(t.Printers)), 1)}
	c := Choice{Key: t.Key()}
	var best float64
	for _, p := range t.Printers {
		found := Timing{Printer: p.Name()}
		gops, err := r.enter(ctx, p)
		if errors.Is(err, device.ErrLost) || ctx.Err() != nil {
			return Choice{}, cmp.Or(ctx.Err(), err)
		}
		found.GOPS = gops
		if err != nil {
			found.Reject = err.Error()
		} else if gops > best {
			best, c.Printer = gops, p.Name()
		}
		c.Timings = append(c.Timings, found)
	}
	if c.Printer == "" {
		return c, fmt.Errorf("gpu: tuning: no code gives right products on %s: %s", t.Machine.Info().Adapter, c.Timings[0].Reject)
	}
	return c, nil
}

// race is a tuning under way.
type race struct {
	Tuning
	begun time.Time
	heat  time.Duration // of measuring one layout
	side  int           // of the matrices: the same for all, once the first has been measured
	first time.Duration // the shortest for the first layout of those that are right in all; 0: none is
}

var (
	errNoTime = errors.New("not tried: the time was up")
	errSlower = errors.New("slower than others in the first layout")
)

// layouts are those of a layer forward, of the gradient of its input, and of
// that of its weights.
var layouts = []struct {
	name string
	of   func(m, n, k int) ops.Layout
}{{"nt", ops.NT}, {"nn", ops.NN}, {"tn", ops.TN}}

// enter measures one printer. Most of the time goes into compiling, so who is
// far behind in the first layout is out.
func (r *race) enter(ctx context.Context, p launch.Printer) (gops float64, err error) {
	if r.first > 0 && r.Now().Sub(r.begun) > r.Limit {
		return 0, errNoTime
	}
	d, err := newDevice(Config{Machine: r.Machine, Printer: p, Now: r.Now})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.leave()) }()
	var sum float64
	var first time.Duration
	for i, l := range layouts {
		// Sizes that no tile divides, then those of one tile and more.
		for _, s := range [][3]int{{37, 29, 70}, {64, 128, 96}} {
			if _, err := r.product(ctx, d, l.name, l.of(s[0], s[1], s[2]), 0); err != nil {
				return 0, err
			}
		}
		took, err := r.layout(ctx, d, l.name, l.of)
		if err != nil {
			return 0, err
		}
		sum += float64(took.Nanoseconds())
		n := float64(r.side)
		gops = float64(i+1) * 2 * n * n * n / max(sum, 1)
		if i == 0 {
			if r.first > 0 && took > r.first*8/5 {
				return gops, errSlower
			}
			first = took
		}
	}
	r.first = min(first, cmp.Or(r.first, first))
	return gops, nil
}

// layout measures products of one layout, large enough to tell printers apart.
func (r *race) layout(ctx context.Context, d *gpu, name string, of func(m, n, k int) ops.Layout) (time.Duration, error) {
	if r.side > 0 {
		return r.product(ctx, d, name, of(r.side, r.side, r.side), r.heat)
	}
	const least, most = 64, 2048
	for side := least; ; side *= 2 {
		took, err := r.product(ctx, d, name, of(side, side, side), r.heat)
		if err != nil {
			return 0, err
		}
		if took > r.heat/8 || side == most { // the next takes eight times as long
			r.side = side
			return took, nil
		}
	}
}

// product checks a product and tells how long one takes at best, multiplying
// for about as long as heat says.
func (r *race) product(ctx context.Context, d *gpu, name string, l ops.Layout, heat time.Duration) (time.Duration, error) {
	x, err := newProduct(d, l)
	if err != nil {
		return 0, err
	}
	defer x.close()
	if err := x.verify(ctx); err != nil {
		return 0, fmt.Errorf("%s product of %dx%dx%d: %w", name, l.M, l.N, l.K, err)
	}
	if heat == 0 {
		return 0, nil
	}
	run := func(times int) (time.Duration, error) {
		begun := r.Now()
		for range times {
			if err := x.run(ctx); err != nil {
				return 0, err
			}
		}
		if err := d.wait(ctx); err != nil {
			return 0, err
		}
		return r.Now().Sub(begun) / time.Duration(times), nil
	}
	once, err := run(1)
	if err != nil {
		return 0, err
	}
	times := int(min(max(heat/2/max(once, 1), 1), 32))
	best := once
	for range 2 { // something else may have run meanwhile
		took, err := run(times)
		if err != nil {
			return 0, err
		}
		best = min(best, took)
	}
	return best, nil
}

// wait waits for the machine.
func (d *gpu) wait(ctx context.Context) error {
	if err := d.acquire(ctx); err != nil {
		return err
	}
	defer d.release()
	if err := d.machine.Wait(ctx); err != nil {
		return d.interrupted(ctx, err)
	}
	d.settled()
	return nil
}

// leave gives back everything but the machine.
func (d *gpu) leave() error {
	if err := d.acquire(context.Background()); err != nil {
		return err
	}
	defer d.release()
	d.shrink()
	return nil
}
