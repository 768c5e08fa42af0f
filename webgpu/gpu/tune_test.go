package gpu

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// variant is a printer that says how fast its code is, in a field of the code
// that the double does not look at.
type variant struct {
	doublePrinter
	name  string
	speed string // "fast", "slow"
	wrong bool
}

func (v *variant) Name() string { return v.name }

func (v *variant) Step(in *kernel.Instance) (*launch.Step, error) {
	s, err := v.doublePrinter.Step(in)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Passes {
		p.Code.Entry = v.speed
	}
	if v.wrong && in.Params[7] > 1 { // the first operand transposed
		s.Passes[0].Params = append([]int32(nil), s.Passes[0].Params...)
		s.Passes[0].Params[2+2]-- // k
	}
	return s, nil
}

func tuning(t *testing.T) (Tuning, *double) {
	m := newDouble(t, nil)
	var at time.Time
	m.ran = func(list []Dispatch) {
		for _, d := range list {
			cost := map[string]time.Duration{"fast": 1, "slow": 3}[d.Pipeline.(*launch.Code).Entry]
			at = at.Add(cost * 20 * time.Duration(d.Cost))
		}
	}
	print, none := doublePrinter{binding: m.info.Limits.Binding}, doublePrinter{binding: m.info.Limits.Binding}
	none.refuse = func(*kernel.Kernel) bool { return true }
	return Tuning{
		Machine: m, Version: "v1", Now: func() time.Time { return at },
		Printers: []launch.Printer{
			&variant{print, "wrong", "fast", true}, &variant{print, "slow", "slow", false},
			&variant{print, "fast", "fast", false}, &variant{print, "late", "slow", false}, &variant{none, "none", "fast", false},
		},
		Limit: 10 * time.Second,
	}, m
}

func TestTune(t *testing.T) {
	tune, m := tuning(t)
	c, err := Tune(t.Context(), tune)
	if err != nil {
		t.Fatal(err)
	}
	if c.Printer != "fast" || len(c.Timings) != 5 {
		t.Fatalf("chose %+v", c)
	}
	if r := c.Timings[0].Reject; !strings.Contains(r, "tn product of 37x29x70") || !strings.Contains(r, "want") {
		t.Errorf("the wrong one was rejected for %q", r)
	}
	if r := c.Timings[3].Reject; r != errSlower.Error() {
		t.Errorf("a slow one that came late was rejected for %q", r)
	}
	if r := c.Timings[4].Reject; !strings.Contains(r, "refused") {
		t.Errorf("the last one was rejected for %q", r)
	}
	if slow, fast := c.Timings[1].GOPS, c.Timings[2].GOPS; slow <= 0 || fast < 2*slow {
		t.Errorf("%g GOP/s slow, %g fast", slow, fast)
	}
	if m.open != 0 {
		t.Errorf("%d memories are left", m.open)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Choice
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if p := tune.Find(back); p != tune.Printers[2] {
		t.Errorf("found %v", p)
	}
	tune.Version = "v2"
	if p := tune.Find(back); p != nil {
		t.Errorf("a choice of another version found %v", p)
	}
}

func TestTuneEnds(t *testing.T) {
	tune, _ := tuning(t)
	tune.Limit = 1
	c, err := Tune(t.Context(), tune)
	if err != nil || c.Printer != "slow" || c.Timings[2].Reject != errNoTime.Error() {
		t.Errorf("with the time up: %+v, %v", c, err)
	}
	tune, _ = tuning(t)
	tune.Printers = tune.Printers[:1]
	if c, err = Tune(t.Context(), tune); err == nil || c.Printer != "" {
		t.Errorf("with wrong code alone: %+v, %v", c, err)
	}
	tune, m := tuning(t)
	m.fault = func(string) error { return device.ErrLost }
	if _, err = Tune(t.Context(), tune); !errors.Is(err, device.ErrLost) {
		t.Errorf("on a lost machine: %v", err)
	}
	tune, _ = tuning(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Tune(ctx, tune); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
