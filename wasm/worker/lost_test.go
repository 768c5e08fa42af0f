package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// mortal is a device whose runs fail with err while it is set. It counts what
// is kept on it.
type mortal struct {
	device.Device
	err    error
	kept   atomic.Int64 // executables and buffers
	memory int          // runs that fail for want of memory
}

func (m *mortal) Caps() device.Caps { return device.Caps{Lane: "vulkan", Detail: "Card 1, driver 2"} }

func (m *mortal) Load(p *program.Program) (device.Executable, error) {
	exe, err := m.Device.Load(p)
	m.kept.Add(1)
	return mortalExe{exe, m}, err
}

func (m *mortal) Upload(data []byte) (device.Buffer, error) {
	b, err := m.Device.Upload(data)
	m.kept.Add(1)
	return mortalBuffer{b, m}, err
}

type mortalBuffer struct {
	device.Buffer
	of *mortal
}

func (b mortalBuffer) Release() { b.of.kept.Add(-1) }

type mortalExe struct {
	device.Executable
	of *mortal
}

func (e mortalExe) Close() error {
	e.of.kept.Add(-1)
	return e.Executable.Close()
}

func (e mortalExe) Run(ctx context.Context, in []device.Buffer) ([]device.Buffer, error) {
	if e.of.memory > 0 {
		e.of.memory--
		return nil, fmt.Errorf("mortal: 12 bytes too few: %w", device.ErrMemory)
	}
	if e.of.err != nil {
		return nil, e.of.err
	}
	plain := make([]device.Buffer, len(in))
	for i, b := range in {
		if b.(mortalBuffer).of != e.of {
			return nil, errors.New("mortal: a buffer of another device")
		}
		plain[i] = b.(mortalBuffer).Buffer
	}
	return e.Executable.Run(ctx, plain)
}

func newMortal(err error) *mortal { return &mortal{Device: reference.New(), err: err} }

var errReset = fmt.Errorf("mortal: driver reset: %w", device.ErrLost)

// reopening makes a worker of one device, and of what reopening gives.
func reopening(devices ...*mortal) func(*worker.Config) {
	return func(c *worker.Config) {
		c.InHand = 1
		c.Devices = []device.Device{devices[0]}
		next := devices[1:]
		c.Reopen = func(_ context.Context, index int, cause error) (device.Device, error) {
			if index != 0 || !errors.Is(cause, device.ErrLost) {
				return nil, fmt.Errorf("mortal: reopen %d because of %w", index, cause)
			}
			if len(next) == 0 {
				return nil, errors.New("mortal: the card is gone")
			}
			d := next[0]
			next = next[1:]
			return d, nil
		}
	}
}

func TestLostDeviceIsReopened(t *testing.T) {
	first, second := newMortal(nil), newMortal(nil)
	perform(t, reopening(first, second), func(s *stage) {
		s.accept()
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
		if n := first.kept.Load(); n == 0 {
			t.Fatal("nothing is kept on the device: this test shows nothing")
		}
		first.err = errReset
		lost := s.lease(shard(2, 2, 2, 2), false)
		if got := await[protocol.Return](s); string(got.Tokens[0]) != string(lost.Token) || got.Reason != errReset.Error() {
			t.Errorf("got %+v", got)
		}
		if got, want := expect[protocol.Want](s), (protocol.Want{Count: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if n := first.kept.Load(); n != 0 {
			t.Errorf("%d things are still kept on the lost device", n)
		}
		s.result(s.lease(shard(3, 3, 3, 3), false), 13, 23, 33, 43)
		if l, r, d := s.seen(worker.Lost), s.seen(worker.Reopened), s.seen(worker.Dropped); len(l) != 1 || l[0].Reason != errReset.Error() || len(r) != 1 || len(d) != 0 {
			t.Errorf("lost %+v, reopened %+v, dropped %+v", l, r, d)
		}
	})
}

func TestDeviceLostAgainLaterIsReopenedAgain(t *testing.T) {
	devices := []*mortal{newMortal(nil), newMortal(nil), newMortal(nil)}
	long := func(c *worker.Config) { c.Consent.Expires = time.Now().Add(100 * time.Hour) }
	perform(t, func(c *worker.Config) { reopening(devices...)(c); long(c) }, func(s *stage) {
		s.accept()
		for _, d := range devices[:2] {
			d.err = errReset
			s.lease(shard(2, 2, 2, 2), false)
			await[protocol.Return](s)
			s.result(s.lease(shard(3, 3, 3, 3), false), 13, 23, 33, 43)
			time.Sleep(2 * time.Hour) // of the test's own clock
		}
		if got := s.seen(worker.Reopened); len(got) != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

// gone waits for the worker to have ended for want of a device.
func (s *stage) gone(why string) {
	s.Helper()
	got := await[protocol.Unfit](s)
	want := protocol.Lane{Lane: "vulkan", Detail: "Card 1, driver 2", Reason: why}
	if len(got.Lanes) != 1 || got.Lanes[0] != want {
		s.Errorf("got %+v, want %+v", got.Lanes, want)
	}
	await[protocol.Goodbye](s)
	s.conn.Close()
	if err := <-s.ended; !errors.Is(err, worker.ErrNoDevice) || !errors.Is(err, device.ErrLost) && !strings.Contains(err.Error(), "the card is gone") {
		s.Errorf("Run: got %v", err)
	}
	if got := s.seen(worker.Dropped); len(got) != 1 || got[0].Reason != why {
		s.Errorf("got %+v", got)
	}
	if d := s.worker.Stats().Devices[0]; !d.Dropped {
		s.Errorf("got %+v", d)
	}
}

func TestDeviceLostTwiceIsDropped(t *testing.T) {
	perform(t, reopening(newMortal(errReset), newMortal(errReset)), func(s *stage) {
		s.accept()
		for range 2 {
			s.lease(shard(2, 2, 2, 2), false)
			await[protocol.Return](s)
		}
		s.gone("worker: lost again soon after it was reopened: " + errReset.Error())
	})
}

func TestDeviceThatDoesNotReopenIsDropped(t *testing.T) {
	perform(t, reopening(newMortal(errReset)), func(s *stage) {
		s.accept()
		s.lease(shard(2, 2, 2, 2), false)
		await[protocol.Return](s)
		s.gone("worker: not reopened: mortal: the card is gone")
	})
}

func TestLostWithoutReopen(t *testing.T) {
	perform(t, func(c *worker.Config) { c.Devices = []device.Device{newMortal(errReset)} }, func(s *stage) {
		s.accept()
		s.lease(shard(2, 2, 2, 2), false)
		await[protocol.Return](s)
		s.gone(errReset.Error())
	})
}

func TestOtherLaneGoesOnWithoutTheDroppedOne(t *testing.T) {
	two := func(c *worker.Config) {
		c.Devices = []device.Device{newMortal(errReset), reference.New()}
		c.Unfit = []protocol.Lane{{Lane: "cuda", Reason: "selftest: wrong answers: shift/0"}}
	}
	perform(t, two, func(s *stage) {
		s.accept()
		if got := expect[protocol.Unfit](s); len(got.Lanes) != 1 || got.Lanes[0].Lane != "cuda" {
			t.Errorf("got %+v", got)
		}
		expect[protocol.Want](s)
		expect[protocol.Want](s)
		first, second := s.lease(shard(2, 2, 2, 2), false), s.lease(shard(3, 3, 3, 3), false)
		back := map[string]bool{}
		for range 2 {
			for _, token := range await[protocol.Return](s).Tokens {
				back[string(token)] = true
			}
		}
		if !back[string(first.Token)] || !back[string(second.Token)] {
			t.Errorf("got back %v", back)
		}
		if got := expect[protocol.Unfit](s); len(got.Lanes) != 2 || got.Lanes[1].Lane != "vulkan" {
			t.Errorf("got %+v", got)
		}
		s.quiet() // the dropped lane asks for nothing
		late := s.lease(shard(4, 4, 4, 4), false)
		if got := expect[protocol.Return](s); string(got.Tokens[0]) != string(late.Token) {
			t.Errorf("got %+v", got)
		}
		good := protocol.Lease{Token: []byte("good"), Device: 1, Job: "additions", Deadline: time.Now().Add(time.Minute), Payload: late.Payload}
		s.say(good)
		s.result(good, 14, 24, 34, 44)
		s.accepted(good, 1)
		s.conn.Close()
		s.accept() // a new connection hears of both
		if got := expect[protocol.Unfit](s); len(got.Lanes) != 2 {
			t.Errorf("got %+v", got)
		}
		if got, want := expect[protocol.Want](s), (protocol.Want{Device: 1, Count: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestDeviceWithoutMemoryKeepsLess(t *testing.T) {
	d := newMortal(nil)
	perform(t, func(c *worker.Config) { c.Devices, c.InHand, c.CacheBytes = []device.Device{d}, 1, 40 }, func(s *stage) {
		s.accept()
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
		if n := d.kept.Load(); n != 2 {
			t.Fatalf("%d things are kept, want the program and the weights", n)
		}
		d.memory = 2
		for range 2 {
			s.lease(shard(1, 1, 1, 1), false)
			if got := await[protocol.Return](s); !strings.Contains(got.Reason, "out of memory") {
				t.Errorf("got %+v", got)
			}
		}
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
		if n := d.kept.Load(); n != 1 { // the weights have 16 bytes, 10 may be kept now
			t.Errorf("%d things are kept, want the program alone", n)
		}
		if got := s.seen(worker.Lost); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}
