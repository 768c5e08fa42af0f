package paced

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// clock stands still but for runs and rests.
type clock struct {
	now   time.Time
	rests []time.Duration
}

// busy is a device whose runs take the given times.
type busy struct {
	device.Device
	clock *clock
	takes []time.Duration
}

func (b *busy) Load(*program.Program) (device.Executable, error) { return &run{busy: b}, nil }

type run struct {
	device.Executable
	busy *busy
}

func (r *run) Run(context.Context, []device.Buffer) ([]device.Buffer, error) {
	r.busy.clock.now = r.busy.clock.now.Add(r.busy.takes[0])
	r.busy.takes = r.busy.takes[1:]
	return nil, nil
}

func TestShare(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		percent int
		takes   []time.Duration
		rests   []time.Duration // before each run
	}{
		"all of it":           {100, []time.Duration{s, s, s}, []time.Duration{0, 0, 0}},
		"half":                {50, []time.Duration{2 * s, s, s}, []time.Duration{0, 2 * s, s}},
		"a quarter":           {25, []time.Duration{s, 4 * s, s}, []time.Duration{0, 3 * s, 12 * s}},
		"less than nothing":   {-5, []time.Duration{s, s}, []time.Duration{0, 99 * s}},
		"more than there is":  {200, []time.Duration{s, s}, []time.Duration{0, 0}},
		"shards of no length": {50, []time.Duration{0, 0}, []time.Duration{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			clk := &clock{now: time.Unix(1, 0)}
			d := pacedOn(clk, &busy{clock: clk, takes: c.takes}, c.percent)
			exe, err := d.Load(nil)
			if err != nil {
				t.Fatal(err)
			}
			for range c.rests {
				if _, err := exe.Run(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(clk.rests, c.rests) {
				t.Errorf("rested %v, want %v", clk.rests, c.rests)
			}
		})
	}
}

// A device that had nothing to do for a while owes no rest.
func TestIdleTimeCounts(t *testing.T) {
	clk := &clock{now: time.Unix(1, 0)}
	d := pacedOn(clk, &busy{clock: clk, takes: []time.Duration{time.Second, time.Second}}, 50)
	exe, _ := d.Load(nil)
	_, _ = exe.Run(t.Context(), nil)
	clk.now = clk.now.Add(700 * time.Millisecond)
	_, _ = exe.Run(t.Context(), nil)
	if want := 300 * time.Millisecond; clk.rests[1] != want {
		t.Errorf("rested %v, want %v", clk.rests[1], want)
	}
}

func TestRestEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("without a rest: got %v, want context.Canceled", err)
	}
}

func pacedOn(clk *clock, inner device.Device, percent int) *Device {
	p := NewPace(percent)
	p.now = func() time.Time { return clk.now }
	p.wait = func(_ context.Context, rest time.Duration) error {
		rest = max(rest, 0)
		clk.rests = append(clk.rests, rest)
		clk.now = clk.now.Add(rest)
		return nil
	}
	return New(inner, p)
}

// behind is a device whose runs return at once and are done when waited for.
type behind struct {
	busy
	left time.Duration
	err  error
}

func (b *behind) Load(*program.Program) (device.Executable, error) { return &handed{behind: b}, nil }

func (b *behind) Wait(context.Context) error {
	b.clock.now = b.clock.now.Add(b.left)
	b.left = 0
	return b.err
}

type handed struct {
	device.Executable
	behind *behind
}

func (h *handed) Run(context.Context, []device.Buffer) ([]device.Buffer, error) {
	h.behind.left, h.behind.takes = h.behind.takes[0], h.behind.takes[1:]
	return nil, nil
}

// What a device does after Run has returned counts as well.
func TestWaits(t *testing.T) {
	const s = time.Second
	clk := &clock{now: time.Unix(1, 0)}
	inner := &behind{busy: busy{clock: clk, takes: []time.Duration{2 * s, s}}}
	d := pacedOn(clk, inner, 50)
	exe, _ := d.Load(nil)
	for range 2 {
		if _, err := exe.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if want := []time.Duration{0, 2 * s}; !slices.Equal(clk.rests, want) {
		t.Errorf("rested %v, want %v", clk.rests, want)
	}
	inner.takes, inner.err = []time.Duration{s}, device.ErrLost
	if _, err := exe.Run(t.Context(), nil); !errors.Is(err, device.ErrLost) {
		t.Errorf("a device lost on the way gives %v", err)
	}
}

// Lanes of one pace compute in turns, and rest for one another.
func TestLanesOfOnePaceTakeTurns(t *testing.T) {
	const s = time.Second
	clk := &clock{now: time.Unix(1, 0)}
	first := pacedOn(clk, &busy{clock: clk, takes: []time.Duration{s}}, 50)
	second := New(&busy{clock: clk, takes: []time.Duration{2 * s}}, first.pace)
	for _, d := range []*Device{first, second} {
		exe, _ := d.Load(nil)
		if _, err := exe.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if want := []time.Duration{0, s}; !slices.Equal(clk.rests, want) {
		t.Errorf("rested %v, want %v", clk.rests, want)
	}
	err := first.pace.Do(t.Context(), func() error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return first.pace.Do(ctx, func() error { t.Error("two compute at the same time"); return nil })
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits for its turn in vain gets %v", err)
	}
}
