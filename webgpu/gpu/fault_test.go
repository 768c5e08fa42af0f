package gpu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// TestLost ends the machine at every kind of call: what was doing it and
// everything later returns device.ErrLost, and the machine is left alone.
func TestLost(t *testing.T) {
	for _, at := range []string{"alloc", "write", "compile", "constants", "run", "wait", "read"} {
		t.Run(at, func(t *testing.T) {
			m := newDouble(t, nil)
			d := m.device(Config{})
			in, exe := upload(t, d, repeat(10, 1)), load(t, d, doubling(t, 10, 2))
			d.pace.budget = dispatchCost // several submissions, and waiting between
			m.fault = func(what string) error {
				if strings.HasPrefix(what, at) {
					return fmt.Errorf("double: reset: %w", device.ErrLost)
				}
				return nil
			}
			// Larger than what is there, so that everything is called.
			_, err := device.Run(t.Context(), d, doubling(t, 1000, 9), [][]byte{repeat(1000, 1)})
			if at == "compile" {
				_, err = device.Run(t.Context(), m.device(Config{}), doubling(t, 10, 2), [][]byte{repeat(10, 1)})
				if !errors.Is(err, device.ErrLost) {
					t.Errorf("compiling: %v", err)
				}
				return
			}
			if !errors.Is(err, device.ErrLost) {
				t.Fatalf("what met it returned %v", err)
			}
			m.order = nil
			_, uploads := d.Upload(repeat(1, 1))
			_, loads := d.Load(doubling(t, 3, 3))
			_, runs := exe.Run(t.Context(), []device.Buffer{in})
			for what, err := range map[string]error{"upload": uploads, "load": loads, "run": runs, "read": in.Read(make([]byte, 40))} {
				if !errors.Is(err, device.ErrLost) {
					t.Errorf("%s on a lost device: %v", what, err)
				}
			}
			in.Release()
			if err := exe.Close(); err != nil {
				t.Errorf("close of an executable: %v", err)
			}
			if len(m.order) > 0 {
				t.Errorf("a lost machine was called: %v", m.order)
			}
		})
	}
}

// TestNoMemory lets an allocation fail once, which nobody notices, and for
// good, which the device survives.
func TestNoMemory(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{})
	exe := load(t, d, doubling(t, 1000, 6))
	defer exe.Close()
	in := upload(t, d, repeat(1000, 1))
	wantDoubled(t, run(t, exe, in), 1000, 6, 1)
	larger := load(t, d, doubling(t, 2000, 6))
	defer larger.Close()
	in2 := upload(t, d, repeat(2000, 1))
	for failures := range 20 {
		d.acquire(t.Context())
		d.shrink()
		d.release()
		left := failures
		m.fault = func(what string) error {
			if what == "alloc" && left > 0 {
				left--
				return device.ErrMemory
			}
			return nil
		}
		out, err := larger.Run(t.Context(), []device.Buffer{in2})
		switch {
		case err == nil:
			wantDoubled(t, out, 2000, 6, 1)
		case failures <= 1 || !errors.Is(err, device.ErrMemory):
			t.Errorf("after %d failures: %v", failures, err)
		}
		m.fault = nil
		wantDoubled(t, run(t, exe, in), 1000, 6, 1)
	}
}

// TestLate checks that an error that shows late spoils all that was under way,
// whoever met it, and nothing else.
func TestLate(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{})
	exe := load(t, d, doubling(t, 10, 3))
	defer exe.Close()
	in := upload(t, d, repeat(10, 1))
	done := run(t, exe, in)
	read(t, done[0])
	first, second := run(t, exe, in), run(t, exe, in)
	fresh := upload(t, d, repeat(10, 2))
	m.late = fmt.Errorf("double: late: %w", device.ErrMemory)
	for i, b := range []device.Buffer{second[0], first[0], second[1], fresh} {
		if err := b.Read(make([]byte, 40)); !errors.Is(err, device.ErrMemory) {
			t.Errorf("buffer %d of the spoiled batch was read: %v", i, err)
		}
	}
	if _, err := exe.Run(t.Context(), []device.Buffer{fresh}); !errors.Is(err, device.ErrMemory) {
		t.Errorf("a run with a spoiled input: %v", err)
	}
	for _, b := range []device.Buffer{first[0], first[1], second[0], second[1], fresh} {
		b.Release()
	}
	if len(d.memory.idle) > 0 {
		t.Error("spoiled memory is kept to be used again")
	}
	wantDoubled(t, done, 10, 3, 1)
	wantDoubled(t, run(t, exe, in), 10, 3, 1)
	// A run in several submissions, all but the last of which were waited for.
	d.pace.budget = dispatchCost
	out := run(t, exe, in)
	m.late = errors.New("double: late")
	for i, b := range []device.Buffer{in, out[1], out[0]} {
		if err := b.Read(make([]byte, 40)); err == nil {
			t.Errorf("buffer %d was read though the last submission failed", i)
		}
		b.Release()
	}
}

// TestFailedRun checks that a run that fails for another reason leaves a
// device that works.
func TestFailedRun(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{})
	exe := load(t, d, doubling(t, 10, 3))
	defer exe.Close()
	in := upload(t, d, repeat(10, 1))
	read(t, in)
	broken, left := device.ErrMemory, 1
	m.fault = func(what string) error {
		if what == "run" && left > 0 {
			left--
			return broken
		}
		return nil
	}
	wantDoubled(t, run(t, exe, in), 10, 3, 1) // once is not noticed
	broken, left = errors.New("double: broken"), 1
	if _, err := exe.Run(t.Context(), []device.Buffer{in}); !errors.Is(err, broken) {
		t.Errorf("a failed run returned %v", err)
	}
	m.fault = nil
	wantDoubled(t, run(t, exe, in), 10, 3, 1)
}

// TestCancel cancels a run that takes several submissions after the first.
func TestCancel(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{Turn: 1, Now: slow()})
	exe := load(t, d, doubling(t, 100, 12))
	defer exe.Close()
	in := upload(t, d, repeat(100, 1))
	for range 3 { // until the budget has sunk
		wantDoubled(t, run(t, exe, in), 100, 12, 1)
		d.pace.budget = dispatchCost
	}
	m.runs = nil
	wantDoubled(t, run(t, exe, in), 100, 12, 1)
	if len(m.runs) < 12 {
		t.Errorf("submissions of %d dispatches on a slow machine", m.runs)
	}
	m.runs = nil
	ctx, cancel := context.WithCancel(t.Context())
	m.ran = func([]Dispatch) { cancel() }
	if _, err := exe.Run(ctx, []device.Buffer{in}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run returned %v", err)
	}
	if len(m.runs) != 1 {
		t.Errorf("%d submissions, cancelled after the first", len(m.runs))
	}
	m.ran = nil
	wantDoubled(t, run(t, exe, in), 100, 12, 1)
	<-d.turn // somebody uses the machine
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := exe.Run(ctx, []device.Buffer{in}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run that waited for the machine returned %v", err)
	}
	d.release()
}

// TestClosed checks that a closed device says so.
func TestClosed(t *testing.T) {
	m := newDouble(t, nil)
	d := m.device(Config{})
	in, exe := upload(t, d, repeat(10, 1)), load(t, d, doubling(t, 10, 2))
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	m.order = nil
	in.Release()
	_, err := exe.Run(t.Context(), []device.Buffer{in})
	if !errors.Is(err, errClosed) || exe.Close() != nil || len(m.order) > 0 {
		t.Errorf("run on a closed device: %v, calls %v", err, m.order)
	}
}
