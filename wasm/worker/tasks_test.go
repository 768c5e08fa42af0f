package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/unruly"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/wasm/worker"
)

// box opens a sandbox. It counts what is loaded.
func box(t *testing.T) *loading {
	t.Helper()
	host, err := wazerobox.New(t.Context(), wazerobox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return &loading{Host: host}
}

type loading struct {
	sandbox.Host
	loads int
}

func (l *loading) Load(ctx context.Context, code []byte, limits sandbox.Limits) (sandbox.Module, error) {
	l.loads++
	return l.Host.Load(ctx, code, limits)
}

// offering makes the worker one with a sandbox beside its device, which has
// blobs besides the tests' usual ones.
func offering(host sandbox.Host, blobs ...[]byte) func(*worker.Config) {
	all := memory{}
	for h, data := range store {
		all[h] = data
	}
	for _, data := range blobs {
		all[job.Sum(data)] = data
	}
	return func(c *worker.Config) { c.Sandbox, c.Blobs = host, all }
}

// taskOf is a task that runs a module within the limits of the self-test.
func taskOf(module []byte) job.Task {
	l := selftest.Limits
	return job.Task{Module: job.Sum(module), Fuel: l.Fuel, Memory: l.Memory, Output: l.Output}
}

func runs(task job.Task, inputs ...string) job.Shard {
	s := job.Shard{Program: job.Sum(task.Encode()), Cost: int64(task.Fuel) * int64(len(inputs))}
	for _, in := range inputs {
		s.Inputs = append(s.Inputs, job.Input{Data: []byte(in)})
	}
	return s
}

// leaseOn hands out a shard to one of the worker's lanes.
func (s *stage) leaseOn(device uint64, sh job.Shard) protocol.Lease {
	s.Helper()
	s.leases++
	l := protocol.Lease{
		Token: fmt.Appendf(nil, "lease-%d", s.leases), Job: "modules", Shard: uint64(s.leases), Device: device,
		Deadline: time.Now().Add(time.Minute), Payload: job.EncodeShard(sh),
	}
	s.say(l)
	return l
}

// outcomes takes the next result, which must be one of task.
func (s *stage) outcomes(task job.Task) []job.Outcome {
	s.Helper()
	r := await[protocol.Result](s)
	if !protocol.VerifyResult(s.worker.ID(), r) {
		s.Error("the result's signature does not verify")
	}
	outputs, err := job.DecodeOutputs(r.Outputs)
	if err != nil {
		s.Fatal(err)
	}
	list := make([]job.Outcome, len(outputs))
	for i, out := range outputs {
		if list[i], err = task.DecodeOutcome(out); err != nil {
			s.Errorf("outcome %d: %v", i, err)
		}
	}
	return list
}

// However a module ends is a result, and the next one is none the wiser.
func TestModulesRunInTheSandbox(t *testing.T) {
	host := box(t)
	task := taskOf(selftest.Module)
	var inputs []string
	for _, c := range selftest.Cases {
		inputs = append(inputs, c.Input)
	}
	perform(t, offering(host, selftest.Module, task.Encode()), func(s *stage) {
		s.conn = <-s.conns
		hello := expect[protocol.Hello](s)
		if d := hello.Devices; len(d) != 2 || d[1].Lane != worker.LaneSandbox || d[1].Detail != host.Name() || d[1].Threads != 1 || d[1].Memory != 1<<30 {
			s.Fatalf("got devices %+v", d)
		}
		s.say(protocol.Welcome{Version: protocol.Version, Now: time.Now()})
		s.say(protocol.Consented{Expires: expect[protocol.Consent](s).Expires})
		for device := range uint64(2) {
			if want, got := (protocol.Want{Device: device, Count: 2}), expect[protocol.Want](s); got != want {
				s.Errorf("got %+v, want %+v", got, want)
			}
		}
		s.leaseOn(1, runs(task, inputs...))
		s.leaseOn(1, runs(task, inputs...))
		first, again := s.outcomes(task), s.outcomes(task)
		var fuel int64
		for i, c := range selftest.Cases {
			if first[i].Status != c.Status {
				s.Errorf("%q: got %v, want %v", c.Input, first[i].Status, c.Status)
			}
			if !bytes.Equal(first[i].Encode(), again[i].Encode()) {
				s.Errorf("%q: got %+v, and then %+v", c.Input, first[i], again[i])
			}
			fuel += int64(first[i].Fuel)
		}
		if got := s.seen(worker.Computed); len(got) != 2 || got[0].Device != 1 || got[0].Ops != fuel {
			s.Errorf("got %+v, want %d instructions each", got, fuel)
		}
		if d := s.worker.Stats().Devices[1]; d.Lane != worker.LaneSandbox || d.Computed != 2 || d.Ops != 2*fuel {
			s.Errorf("got %+v", d)
		}
		if host.loads != 1 {
			s.Errorf("the module was loaded %d times, want once", host.loads)
		}
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41) // the device is at work as before
	})
}

func TestShardThatTheSandboxCannotRunIsHandedBack(t *testing.T) {
	good := taskOf(selftest.Module)
	change := func(f func(*job.Task)) job.Task {
		task := good
		f(&task)
		return task
	}
	large := change(func(t *job.Task) { t.Memory = job.MaxPages })
	grasping := change(func(t *job.Task) { t.Module = job.Sum(unruly.Grasping) })
	absent := change(func(t *job.Task) { t.Module = job.Sum([]byte("nowhere")) })
	wordy := change(func(t *job.Task) { t.Fuel, t.Memory, t.Output = 1<<30, 1024, job.MaxTaskOutput })
	bad := change(func(t *job.Task) { t.Fuel = 0 })
	cheap, none := runs(good, "sum"), runs(good)
	cheap.Cost--
	tests := []struct {
		name   string
		device uint64
		shard  job.Shard
		want   string
	}{
		{"a module for the device", 0, runs(good, "sum"), "reference runs programs"},
		{"a program for the sandbox", 1, shard(1, 1, 1, 1), "sandbox runs modules"},
		{"a cost that is not the fuel's", 1, cheap, "claims a cost of 1999999"},
		{"no inputs", 1, none, "no inputs"},
		{"a task that is none", 1, runs(bad, "sum"), "fuel of 0"},
		{"more memory than there is", 1, runs(large, "sum"), "sandbox has 67108864"},
		{"an import that no module gets", 1, runs(grasping, "sum"), "open_socket"},
		{"a module that is nowhere", 1, runs(absent, "sum"), fs.ErrNotExist.Error()},
	}
	host := box(t)
	perform(t, func(c *worker.Config) {
		offering(host, selftest.Module, unruly.Grasping, good.Encode(), large.Encode(), grasping.Encode(), absent.Encode(), wordy.Encode(), bad.Encode())(c)
		c.MaxMemory = 64 << 20
	}, func(s *stage) {
		s.accept()
		for _, test := range tests {
			l := s.leaseOn(test.device, test.shard)
			back := await[protocol.Return](s)
			if len(back.Tokens) != 1 || string(back.Tokens[0]) != string(l.Token) || !strings.Contains(back.Reason, test.want) {
				s.Errorf("%s: got back %q because %q, want %q", test.name, back.Tokens, back.Reason, test.want)
			}
		}
		s.leaseOn(1, runs(good, "sum"))
		if got := s.outcomes(good); len(got) != 1 || got[0].Status != job.Returned {
			s.Errorf("got %+v", got)
		}
	})
}

// big is a sandbox whose modules return as much as they may.
type big struct{ loading }

func (b *big) Load(context.Context, []byte, sandbox.Limits) (sandbox.Module, error) { return b, nil }

func (b *big) Run(context.Context, []byte) (job.Outcome, error) {
	return job.Outcome{Status: job.Returned, Output: make([]byte, job.MaxTaskOutput)}, nil
}

func (b *big) Close() error { return nil }

func (b *big) Name() string { return "big" }

func TestOutcomesThatNoResultHoldsAreHandedBack(t *testing.T) {
	task := taskOf(selftest.Module)
	task.Output = job.MaxTaskOutput
	perform(t, offering(&big{}, selftest.Module, task.Encode()), func(s *stage) {
		s.accept()
		s.leaseOn(1, runs(task, "1", "2", "3"))
		if got := s.outcomes(task); len(got) != 3 {
			s.Errorf("got %d outcomes", len(got))
		}
		s.leaseOn(1, runs(task, "1", "2", "3", "4"))
		if back := await[protocol.Return](s); !strings.Contains(back.Reason, "outputs up to input 3") {
			s.Errorf("got back because %q", back.Reason)
		}
	})
}

// endless is a run that would take an hour.
func endless() job.Task {
	task := taskOf(selftest.Module)
	task.Fuel = job.MaxFuel
	return task
}

// A run of hours ends when it is not wanted any more, whatever the reason, and
// what follows is not held up.
func TestRunningModuleIsEnded(t *testing.T) {
	long, short := endless(), taskOf(selftest.Module)
	host := box(t)
	for name, end := range map[string]func(s *stage, l protocol.Lease){
		"revoked": func(s *stage, l protocol.Lease) { s.say(protocol.Revoke{Token: l.Token}) },
		"paused": func(s *stage, l protocol.Lease) {
			s.worker.Pause()
			if back := await[protocol.Return](s); string(back.Tokens[0]) != string(l.Token) {
				s.Errorf("got back %q", back.Tokens)
			}
			s.worker.Start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			computing := make(chan struct{}, 8)
			perform(t, func(c *worker.Config) {
				offering(host, selftest.Module, long.Encode(), short.Encode())(c)
				computing = make(chan struct{}, 8) // of this stage's clock
				events := c.Events
				c.Events = func(e worker.Event) {
					events(e)
					if e.Kind == worker.Computing {
						computing <- struct{}{}
					}
				}
			}, func(s *stage) {
				s.accept()
				l := s.leaseOn(1, runs(long, "loop"))
				<-computing
				end(s, l)
				s.leaseOn(1, runs(short, "sum"))
				if got := s.outcomes(short); got[0].Status != job.Returned {
					s.Errorf("got %+v", got)
				}
			})
		})
	}
	t.Run("stopped", func(t *testing.T) {
		var computing chan struct{}
		perform(t, func(c *worker.Config) {
			offering(host, selftest.Module, long.Encode())(c)
			computing = make(chan struct{}, 8)
			c.Events = func(e worker.Event) {
				if e.Kind == worker.Computing {
					computing <- struct{}{}
				}
			}
		}, func(s *stage) {
			s.accept()
			s.leaseOn(1, runs(long, "loop"))
			<-computing
			s.worker.Stop()
			await[protocol.Goodbye](s)
			s.conn.Close()
			if err := <-s.ended; err != nil {
				s.Errorf("Run: %v", err)
			}
		})
	})
}

// failing is a sandbox on a machine that can run nothing.
type failing struct{ big }

func (f *failing) Load(context.Context, []byte, sandbox.Limits) (sandbox.Module, error) {
	return nil, errors.New("failing: no memory")
}

func TestSandboxThatKeepsFailingRests(t *testing.T) {
	task := taskOf(selftest.Module)
	perform(t, func(c *worker.Config) {
		offering(&failing{}, selftest.Module, task.Encode())(c)
		c.Devices, c.InHand = nil, 1
	}, func(s *stage) {
		s.accept()
		for range 3 {
			expect[protocol.Want](s)
			s.leaseOn(0, runs(task, "sum"))
			if back := expect[protocol.Return](s); !strings.Contains(back.Reason, "no memory") {
				s.Fatalf("got back because %q", back.Reason)
			}
		}
		start := time.Now()
		expect[protocol.Want](s)
		if rested := time.Since(start); rested < 20*time.Second {
			s.Errorf("it asked again after %v", rested)
		}
	})
}

func TestSandboxAloneIsEnough(t *testing.T) {
	task := taskOf(selftest.Module)
	host := box(t)
	perform(t, func(c *worker.Config) {
		offering(host, selftest.Module, task.Encode())(c)
		c.Devices = nil
	}, func(s *stage) {
		s.accept()
		s.leaseOn(0, runs(task, "sum"))
		if got := s.outcomes(task); len(got) != 1 || got[0].Status != job.Returned {
			s.Errorf("got %+v", got)
		}
	})
}

// A Go program that tries everything gets the same answer each time, from every
// sandbox.
func TestUnrulyProgramIsTheSameEverywhere(t *testing.T) {
	program := unruly.Program(t)
	task := job.Task{Module: job.Sum(program), Fuel: 50_000_000, Memory: 512, Output: 64 << 10}
	want := map[string]job.Status{
		"count": job.Returned, "loop": job.OutOfFuel, "grow": job.OutOfMemory, "panic": job.Exited, "fail": job.Exited,
		"recurse": job.OutOfStack, "flood": job.OutputTooBig, "differ": job.Returned, "sleep": job.Returned,
		"files": job.Returned,
	}
	var before []job.Outcome
	for range 2 { // two volunteers
		host := box(t)
		perform(t, offering(host, program, task.Encode()), func(s *stage) {
			s.accept()
			s.leaseOn(1, runs(task, unruly.Deeds...))
			got := s.outcomes(task)
			for i, deed := range unruly.Deeds {
				s.Logf("%s: %v after %d instructions: %s", deed, got[i].Status, got[i].Fuel, got[i].Output)
				if got[i].Status != want[deed] {
					s.Errorf("%s: it %v, and should have %v", deed, got[i].Status, want[deed])
				}
				if before != nil && !bytes.Equal(before[i].Encode(), got[i].Encode()) {
					s.Errorf("%s: got %+v, and of another volunteer %+v", deed, got[i], before[i])
				}
			}
			before = got
		})
	}
}
