package worker_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sum is a program that adds two vectors of four.
var sum = func() *program.Program {
	var b program.Builder
	x := b.Input("x", ops.Int32(-1000, 1000, 1, 4))
	y := b.Input("y", ops.Int32(-1000, 1000, 1, 4))
	b.Output("sum", b.One(ops.AddOp, []program.Value{x, y}))
	p, err := b.Build()
	if err != nil {
		panic(err)
	}
	return p
}()

func vector(v ...int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

var (
	weights = vector(10, 20, 30, 40)
	store   = memory{job.Sum(sum.Encode()): sum.Encode(), job.Sum(weights): weights}
)

// memory is a BlobSource.
type memory map[job.Hash][]byte

func (m memory) Get(_ context.Context, h job.Hash) ([]byte, error) {
	if data, ok := m[h]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("memory: %v: %w", h, fs.ErrNotExist)
}

// counting counts what is asked of a BlobSource.
type counting struct {
	worker.BlobSource
	mu    sync.Mutex
	asked map[job.Hash]int
}

func (c *counting) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	c.mu.Lock()
	c.asked[h]++
	c.mu.Unlock()
	return c.BlobSource.Get(ctx, h)
}

// shard adds v to the weights.
func shard(v ...int32) job.Shard {
	return job.Shard{
		Program: job.Sum(sum.Encode()),
		Inputs:  []job.Input{{Blob: job.Sum(weights)}, {Data: vector(v...)}},
		Cost:    sum.Cost().Ops,
	}
}

// stage is one worker under test and the hub's end of its connections.
type stage struct {
	*testing.T
	worker *worker.Worker
	conns  chan protocol.Conn // the hub's ends, as the worker dials
	conn   protocol.Conn      // the newest one
	ended  chan error         // what Run returned
	cancel context.CancelFunc

	leases int

	mu     sync.Mutex // guards what follows
	refuse error      // what a dial returns instead of a connection
	events []worker.Event
}

var testKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// perform runs a test on a stage, with a clock of its own.
func perform(t *testing.T, change func(*worker.Config), test func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, conns: make(chan protocol.Conn, 1), ended: make(chan error, 1)}
		cfg := worker.Config{
			Dial:    s.dial,
			Devices: []device.Device{reference.New()},
			Blobs:   store,
			Key:     testKey,
			Consent: protocol.Consent{Origin: "test", Runs: "additions", Issued: time.Now(), Expires: time.Now().Add(time.Hour)},
			Agent:   "test/1",
			Events: func(e worker.Event) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.events = append(s.events, e)
			},
			Backoff: func(int) time.Duration { return time.Second },
		}
		if change != nil {
			change(&cfg)
		}
		var err error
		if s.worker, err = worker.New(cfg); err != nil {
			t.Fatalf("New: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.cancel = cancel
		go func() { s.ended <- s.worker.Run(ctx) }()
		defer func() { // also after a failure: the clock stops with the last goroutine
			cancel()
			if s.conn != nil {
				s.conn.Close()
			}
			synctest.Wait()
			select {
			case conn := <-s.conns:
				conn.Close()
			default:
			}
		}()
		test(s)
	})
}

func (s *stage) dial(context.Context) (protocol.Conn, error) {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		return nil, refuse
	}
	ours, theirs := protocol.Pipe()
	s.conns <- ours
	return theirs, nil
}

func (s *stage) unreachable(err error) {
	s.mu.Lock()
	s.refuse = err
	s.mu.Unlock()
}

// accept takes the next connection up to and including the consent.
func (s *stage) accept() {
	s.Helper()
	s.conn = <-s.conns
	hello := expect[protocol.Hello](s)
	nonce := [32]byte{7}
	s.say(protocol.Welcome{Version: protocol.Version, Nonce: nonce, Hub: "reef", Now: time.Now()})
	consent := expect[protocol.Consent](s)
	if !protocol.VerifyConsent(hello.Volunteer, nonce, consent) {
		s.Fatal("the consent's signature does not verify")
	}
	s.say(protocol.Consented{Expires: consent.Expires})
}

func (s *stage) say(m protocol.Message) {
	s.Helper()
	if err := s.conn.Send(s.Context(), m); err != nil {
		s.Fatalf("send %v: %v", m.Type(), err)
	}
}

// hear returns the next message.
func (s *stage) hear() protocol.Message {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Hour)
	defer cancel()
	m, err := s.conn.Receive(ctx)
	if err != nil {
		s.Fatalf("receive: %v", err)
	}
	return m
}

// expect returns the next message, which must be an M.
func expect[M protocol.Message](s *stage) M {
	s.Helper()
	m := s.hear()
	got, ok := m.(M)
	if !ok {
		var want M
		s.Fatalf("got %v %+v, want %v", m.Type(), m, want.Type())
	}
	return got
}

// await skips wants until the next message, which must be an M.
func await[M protocol.Message](s *stage) M {
	s.Helper()
	for {
		m := s.hear()
		if _, isWant := m.(protocol.Want); isWant {
			continue
		}
		got, ok := m.(M)
		if !ok {
			var want M
			s.Fatalf("got %v %+v, want %v", m.Type(), m, want.Type())
		}
		return got
	}
}

// quiet fails if the worker has more to say.
func (s *stage) quiet() {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Millisecond)
	defer cancel()
	if m, err := s.conn.Receive(ctx); err == nil {
		s.Fatalf("got %v %+v, want nothing", m.Type(), m)
	}
}

// lease hands out a shard and returns its lease.
func (s *stage) lease(sh job.Shard, sealed bool) protocol.Lease {
	s.Helper()
	s.leases++
	l := protocol.Lease{
		Token:    fmt.Appendf(nil, "lease-%d", s.leases),
		Nonce:    [16]byte{byte(s.leases)},
		Job:      "additions",
		Shard:    uint64(s.leases),
		Deadline: time.Now().Add(time.Minute),
		Sealed:   sealed,
		Payload:  job.EncodeShard(sh),
	}
	s.say(l)
	return l
}

// result takes the next result, and checks its token, outputs and signature.
func (s *stage) result(l protocol.Lease, want ...int32) {
	s.Helper()
	r := await[protocol.Result](s)
	if string(r.Token) != string(l.Token) {
		s.Fatalf("got a result for %s, want one for %s", r.Token, l.Token)
	}
	if !protocol.VerifyResult(s.worker.ID(), r) {
		s.Error("the result's signature does not verify")
	}
	if got, want := string(r.Outputs), string(job.EncodeOutputs([][]byte{vector(want...)})); got != want {
		s.Errorf("got outputs %x, want %x", got, want)
	}
}

func (s *stage) accepted(l protocol.Lease, credit int64) {
	s.Helper()
	s.say(protocol.Verdict{Token: l.Token, Status: protocol.StatusAccepted, Credit: credit})
}

// seen returns the events of a kind so far, once all is quiet.
func (s *stage) seen(k worker.Kind) []worker.Event {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []worker.Event
	for _, e := range s.events {
		if e.Kind == k {
			found = append(found, e)
		}
	}
	return found
}

// gate is a device whose programs run only when let.
type gate struct {
	device.Device
	entered chan struct{} // a run has begun
	open    chan struct{} // let one run go on
}

// withGate makes a gate the worker's device. It is made on the stage, whose
// clock must see its channels.
func withGate(g **gate) func(*worker.Config) {
	return func(c *worker.Config) {
		*g = &gate{reference.New(), make(chan struct{}, 16), make(chan struct{}, 16)}
		c.Devices = []device.Device{*g}
	}
}

func (g *gate) Load(p *program.Program) (device.Executable, error) {
	exe, err := g.Device.Load(p)
	return gated{exe, g}, err
}

type gated struct {
	device.Executable
	gate *gate
}

func (e gated) Run(ctx context.Context, in []device.Buffer) ([]device.Buffer, error) {
	e.gate.entered <- struct{}{}
	select {
	case <-e.gate.open:
		return e.Executable.Run(ctx, in)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
