package paced_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/paced"
	device "github.com/shoal-compute/shoal/webgpu/device/paced"
)

// slow is a sandbox that takes two seconds to load a module and one to run it.
type slow struct{ err error }

func (s slow) Load(context.Context, []byte, sandbox.Limits) (sandbox.Module, error) {
	time.Sleep(2 * time.Second)
	return s, s.err
}

func (s slow) Run(context.Context, []byte) (job.Outcome, error) {
	time.Sleep(time.Second)
	return job.Outcome{Status: job.Returned, Fuel: 7}, nil
}

func (slow) Name() string { return "slow" }
func (slow) Close() error { return nil }

// Of half the time, what a processor does takes up half, whatever it is.
func TestLoadsAndRunsAreHalfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := device.NewPace(50)
		host := paced.New(slow{}, pace)
		start := time.Now()
		m, err := host.Load(t.Context(), nil, sandbox.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			o, err := m.Run(t.Context(), nil)
			if err != nil || o.Fuel != 7 {
				t.Fatalf("got %+v, %v", o, err)
			}
		}
		if took, want := time.Since(start), (2+2+1+1+1+1+1)*time.Second; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		// What else computes at this pace waits for the rest.
		if err := pace.Do(t.Context(), func() error { return nil }); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("another lane began after %v, %v", time.Since(start), err)
		}
	})
}

func TestErrorsPassThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("no memory")
		if m, err := paced.New(slow{failed}, device.NewPace(100)).Load(t.Context(), nil, sandbox.Limits{}); err != failed || m != nil {
			t.Errorf("got %v, %v", m, err)
		}
		m, err := paced.New(slow{}, device.NewPace(1)).Load(t.Context(), nil, sandbox.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := m.Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("resting for longer than the context lasts: got %v", err)
		}
	})
}
