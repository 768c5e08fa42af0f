package session_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/session"
	"github.com/shoal-compute/shoal/hub/internal/sqlite"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/cluster"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Times of the hub under test.
const (
	helloTimeout = 10 * time.Second
	sendTimeout  = time.Minute
	statusEvery  = time.Second
	maxConsent   = 2 * time.Hour
)

// desk is the sessions of a real engine. Time is the bubble's: it stands still
// while anybody is at work, and jumps to the next timer when all wait. So what
// a test says about time is exact.
type desk struct {
	t      *testing.T
	engine *engine.Engine
	blobs  *blobs.Store
	signer *lease.Signer
	hub    *session.Hub

	conns       context.Context // bounds every session
	end         context.CancelFunc
	endSessions context.CancelFunc // stops Hub.Run
	stopEngine  func()
}

// atDesk runs a test beside a running hub, and waits for all of that.
func atDesk(t *testing.T, test func(t *testing.T, d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		test(t, d)
	})
}

func newDesk(t *testing.T) *desk {
	dir := t.TempDir()
	key := make([]byte, lease.MinKey)
	signer, err := lease.NewSigner(key)
	must(t, err)
	files, err := blobs.Open(filepath.Join(dir, "blobs"))
	must(t, err)
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "hub.db"))
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	e, err := engine.Open(t.Context(), engine.Config{
		Store: store, Blobs: files, Signer: signer,
		Kinds: []job.Kind{cluster.Chain{}}, Device: reference.New(), Parse: cluster.ParseChain, Inspect: cluster.InspectChain,
		Execute: cluster.ExecuteChain, Related: trust.Related, Secret: key, Retain: 1 << 20,
		Scheduler: scheduler.Default(), CheckpointEvery: 8, MaxRunning: 4, MaxLeases: 16,
		Log: log, Now: time.Now, Rand: rand.Reader,
	})
	must(t, err)
	d := &desk{t: t, engine: e, blobs: files, signer: signer}
	d.hub = session.NewHub(session.Config{
		Engine: e, Signer: signer, Blobs: files, Name: "desk",
		MaxConsent: maxConsent, HelloTimeout: helloTimeout, SendTimeout: sendTimeout, StatusEvery: statusEvery,
		Log: log, Now: time.Now, Rand: rand.Reader,
	})
	d.conns, d.end = context.WithCancel(t.Context())
	engineCtx, endEngine := context.WithCancel(t.Context())
	var running, sessions sync.WaitGroup
	running.Go(func() {
		if err := e.Run(engineCtx); err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	d.stopEngine = func() {
		endEngine()
		running.Wait()
	}
	sessionsCtx, endSessions := context.WithCancel(t.Context())
	d.endSessions = endSessions
	sessions.Go(func() { d.hub.Run(sessionsCtx) })
	t.Cleanup(func() {
		d.end()
		d.stopEngine()
		endSessions()
		sessions.Wait()
		must(t, store.Close())
	})
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// volunteers is how many the engine knows to be here, once nothing moves.
func (d *desk) volunteers() int {
	synctest.Wait()
	return d.engine.Status().Volunteers
}

// known is whom the engine knows, once nothing moves.
func (d *desk) known() []engine.Presence {
	d.t.Helper()
	synctest.Wait()
	list, err := d.engine.Volunteers(d.t.Context(), 100)
	must(d.t, err)
	return list
}

// submit starts a chain of one round of so many shards, one replica of each.
func (d *desk) submit(shards int) {
	d.t.Helper()
	_, err := d.engine.Submit(d.t.Context(), cluster.ChainFile("desk", 1, shards, 1))
	must(d.t, err)
	synctest.Wait()
}

// peer is a volunteer by hand: every message is the test's.
type peer struct {
	t      *testing.T
	key    ed25519.PrivateKey
	frames protocol.Frames
	conn   protocol.Conn
	nonce  [32]byte // from Welcome
}

// call connects a peer, which says nothing yet. Its key depends on its name.
func (d *desk) call(name string) *peer {
	near, far := protocol.FramePipe()
	d.hub.Handle(d.conns, protocol.NewConn(far))
	seed := sha256.Sum256([]byte(name))
	p := &peer{t: d.t, key: ed25519.NewKeyFromSeed(seed[:]), frames: near, conn: protocol.NewConn(near)}
	d.t.Cleanup(func() { near.Close() })
	return p
}

// greeted is a peer that has been welcomed.
func (d *desk) greeted(name string) *peer {
	d.t.Helper()
	p := d.call(name)
	p.send(p.hello())
	w := next[protocol.Welcome](p)
	p.nonce = w.Nonce
	return p
}

// agreed is a peer whose consent counts for an hour.
func (d *desk) agreed(name string) *peer {
	d.t.Helper()
	p := d.greeted(name)
	p.agree()
	return p
}

func (p *peer) agree() {
	p.t.Helper()
	p.send(cluster.Consent(p.key, p.nonce, time.Now()))
	next[protocol.Consented](p)
}

func (p *peer) hello() protocol.Hello {
	h := protocol.Hello{MinVersion: 1, MaxVersion: protocol.Version, Agent: "desk/1", Devices: []protocol.Device{{Lane: "cpu", Threads: 1}}}
	copy(h.Volunteer[:], p.key.Public().(ed25519.PublicKey))
	return h
}

func (p *peer) send(m protocol.Message) {
	p.t.Helper()
	must(p.t, p.conn.Send(p.t.Context(), m))
}

// receive returns the next message that is no status. A day is long enough for
// any, and takes no time.
func (p *peer) receive() (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 24*time.Hour)
	defer cancel()
	for {
		m, err := p.conn.Receive(ctx)
		if _, ok := m.(protocol.StatusUpdate); !ok || err != nil {
			return m, err
		}
	}
}

// next receives a message of one type.
func next[M protocol.Message](p *peer) M {
	p.t.Helper()
	m, err := p.receive()
	want, ok := m.(M)
	if !ok {
		p.t.Fatalf("the hub says %T %+v (%v), want %T", m, m, err, want)
	}
	return want
}

// refused receives an error frame that ends nothing.
func (p *peer) refused(code protocol.Code) protocol.Error {
	p.t.Helper()
	e := next[protocol.Error](p)
	if e.Code != code || e.Fatal {
		p.t.Fatalf("refused with %+v, want code %v and not fatal", e, code)
	}
	return e
}

// dismissed receives the error that ends the session, and that end.
func (p *peer) dismissed(code protocol.Code) {
	p.t.Helper()
	if e := next[protocol.Error](p); e.Code != code || !e.Fatal {
		p.t.Fatalf("refused with %+v, want fatal code %v", e, code)
	}
	p.hungUp()
}

// hungUp asserts that the hub has closed the connection, without a word more.
func (p *peer) hungUp() {
	p.t.Helper()
	if m, err := p.receive(); !errors.Is(err, protocol.ErrClosed) {
		p.t.Fatalf("the hub says %T %+v (%v), want the end of the connection", m, m, err)
	}
}

// alive asserts that the session goes on: it still answers.
func (p *peer) alive() {
	p.t.Helper()
	p.send(protocol.GetBlob{})
	p.refused(protocol.CodeNotFound)
}
