package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// peer is one side of a conversation, said word by word.
type peer struct {
	t      *testing.T
	ctx    context.Context
	v      *Volunteer
	conn   protocol.Conn
	frames protocol.Frames
}

// connect opens a connection without a word.
func connect(t *testing.T, x *Cluster, seed string) *peer {
	t.Helper()
	near, far := protocol.FramePipe()
	x.Hub.Connect(protocol.NewConn(far))
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(func() {
		cancel()
		near.Close()
	})
	return &peer{t, ctx, NewVolunteer(seed), protocol.NewConn(near), near}
}

func (p *peer) send(m protocol.Message) {
	p.t.Helper()
	if err := p.conn.Send(p.ctx, m); err != nil {
		p.t.Fatalf("send %v: %v", m.Type(), err)
	}
}

// receive returns the next message that is no status update.
func (p *peer) receive() protocol.Message {
	p.t.Helper()
	for {
		m, err := p.conn.Receive(p.ctx)
		if err != nil {
			p.t.Fatalf("receive: %v", err)
		}
		if m.Type() != protocol.TypeStatusUpdate {
			return m
		}
	}
}

// expect returns the next message, which must be an M.
func expect[M protocol.Message](p *peer) M {
	p.t.Helper()
	m := p.receive()
	want, ok := m.(M)
	if !ok {
		p.t.Fatalf("got %v %+v, want %v", m.Type(), m, want.Type())
	}
	return want
}

// refused expects an error frame that leaves the connection open.
func (p *peer) refused(code protocol.Code, ref []byte) {
	p.t.Helper()
	e := expect[protocol.Error](p)
	if e.Code != code || e.Fatal || !bytes.Equal(e.Ref, ref) || e.Message == "" {
		p.t.Fatalf("got %+v, want code %v about %x and no end", e, code, ref)
	}
}

// ended expects the connection to be over.
func (p *peer) ended() {
	p.t.Helper()
	for {
		m, err := p.conn.Receive(p.ctx)
		if errors.Is(err, protocol.ErrClosed) {
			return
		}
		if err != nil || m.Type() != protocol.TypeStatusUpdate {
			p.t.Fatalf("got %v, %v; want the end", m, err)
		}
	}
}

func (p *peer) hello() protocol.Hello {
	return protocol.Hello{MinVersion: 1, MaxVersion: 1, Volunteer: p.v.ID(), Devices: []protocol.Device{{Lane: "cpu"}}}
}

func (p *peer) greet() protocol.Welcome {
	p.t.Helper()
	p.send(p.hello())
	return expect[protocol.Welcome](p)
}

// join connects and consents.
func join(t *testing.T, x *Cluster, seed string) *peer {
	t.Helper()
	p := connect(t, x, seed)
	w := p.greet()
	p.send(Consent(p.v.Key, w.Nonce, w.Now))
	expect[protocol.Consented](p)
	return p
}

func (p *peer) lease() protocol.Lease {
	p.t.Helper()
	p.send(protocol.Want{Count: 1})
	return expect[protocol.Lease](p)
}

// outputs computes a lease honestly.
func (p *peer) outputs(l protocol.Lease) [][]byte {
	p.t.Helper()
	c := &connection{v: p.v, conn: p.conn}
	out, err := c.honest(p.ctx, l)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(c.early) != 0 {
		for _, m := range c.early {
			if m.Type() != protocol.TypeStatusUpdate {
				p.t.Fatalf("unexpected %v", m.Type())
			}
		}
	}
	return out
}

func (p *peer) result(l protocol.Lease, outputs [][]byte) protocol.Result {
	return protocol.SignResult(p.v.Key, protocol.Result{Token: l.Token, Outputs: job.EncodeOutputs(outputs)})
}

func (p *peer) seal(l protocol.Lease, outputs [][]byte) protocol.Seal {
	return protocol.Seal{Token: l.Token, Seal: protocol.SealOf(sha256.Sum256(job.EncodeOutputs(outputs)), p.v.ID(), l.Nonce)}
}

func (p *peer) verdict(want protocol.Status) protocol.Verdict {
	p.t.Helper()
	v := expect[protocol.Verdict](p)
	if v.Status != want {
		p.t.Fatalf("got verdict %v (%s), want %v", v.Status, v.Reason, want)
	}
	return v
}

func TestGreeting(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	for name, c := range map[string]struct {
		say  func(p *peer)
		code protocol.Code
	}{
		"something else first": {func(p *peer) { p.send(protocol.Want{Count: 1}) }, protocol.CodeUnexpected},
		"too new":              {func(p *peer) { h := p.hello(); h.MinVersion, h.MaxVersion = 9, 12; p.send(h) }, protocol.CodeVersion},
		"no devices":           {func(p *peer) { h := p.hello(); h.Devices = nil; p.send(h) }, protocol.CodeMalformed},
		"long lane": {func(p *peer) {
			h := p.hello()
			h.Devices[0].Lane = strings.Repeat("x", 200)
			p.send(h)
		}, protocol.CodeMalformed},
		"noise": {func(p *peer) {
			if err := p.frames.SendFrame(p.ctx, []byte{1, 0xff}); err != nil {
				p.t.Fatal(err)
			}
		}, protocol.CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, x, "ann")
			c.say(p)
			if e := expect[protocol.Error](p); e.Code != c.code || !e.Fatal {
				t.Errorf("got %+v, want fatal %v", e, c.code)
			}
			p.ended()
		})
	}
	t.Run("twice", func(t *testing.T) {
		p := connect(t, x, "ann")
		p.greet()
		p.send(p.hello())
		p.refused(protocol.CodeUnexpected, nil)
	})
}

func TestConsentIsRequired(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	x.Submit(ChainFile("consent", 1, 1, 1))
	old := connect(t, x, "ann").greet()
	p := connect(t, x, "ann")
	w := p.greet()
	p.send(protocol.Want{Count: 1})
	p.refused(protocol.CodeConsentRequired, nil)

	good := Consent(p.v.Key, w.Nonce, w.Now)
	for name, c := range map[string]struct {
		record protocol.Consent
		code   protocol.Code
	}{
		"another connection's":  {Consent(p.v.Key, old.Nonce, w.Now), protocol.CodeBadSignature},
		"somebody else's":       {Consent(NewVolunteer("bob").Key, w.Nonce, w.Now), protocol.CodeBadSignature},
		"altered":               {func() protocol.Consent { c := good; c.Limits = "none"; return c }(), protocol.CodeBadSignature},
		"expired":               {Consent(p.v.Key, w.Nonce, w.Now.Add(-2*time.Hour)), protocol.CodeConsentInvalid},
		"from the future":       {Consent(p.v.Key, w.Nonce, w.Now.Add(2*time.Hour)), protocol.CodeConsentInvalid},
		"to nothing particular": {protocol.SignConsent(p.v.Key, w.Nonce, protocol.Consent{Origin: "x", Issued: w.Now, Expires: w.Now.Add(time.Hour)}), protocol.CodeConsentInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			p.send(c.record)
			p.refused(c.code, nil)
			p.send(protocol.Want{Count: 1})
			p.refused(protocol.CodeConsentRequired, nil)
		})
	}
	p.send(good)
	expect[protocol.Consented](p)
	p.lease()

	p.send(protocol.SignConsent(p.v.Key, w.Nonce, protocol.Consent{Origin: "x", Runs: "y", Issued: w.Now, Expires: w.Now.Add(1e6 * time.Hour)}))
	if c := expect[protocol.Consented](p); c.Expires.After(w.Now.Add(31 * 24 * time.Hour)) {
		t.Errorf("consent counts until %v: for ever is too long", c.Expires)
	}
	p.send(protocol.Want{Device: 1, Count: 1})
	p.refused(protocol.CodeUnexpected, nil)
}

func TestResultIsRefused(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	x.Submit(ChainFile("refused", 100, 1, 1))
	p := join(t, x, "ann")
	l := p.lease()
	out := p.outputs(l)
	good := p.result(l, out)

	forged := good
	forged.Token = bytes.Clone(good.Token)
	forged.Token[3] ^= 1
	p.send(forged)
	p.refused(protocol.CodeBadLease, forged.Token)

	unsigned := good
	unsigned.Signature = [64]byte{}
	p.send(unsigned)
	p.refused(protocol.CodeBadSignature, l.Token)

	other := join(t, x, "bob")
	other.send(other.result(l, out)) // ann's lease in bob's hands
	other.refused(protocol.CodeBadLease, l.Token)

	p.send(p.seal(l, out)) // a lease without seal
	p.refused(protocol.CodeBadSeal, l.Token)

	p.send(good)
	if v := p.verdict(protocol.StatusAccepted); v.Credit != 3 {
		t.Errorf("paid %d, want 3 for %d operations", v.Credit, ChainOps)
	}
	next := p.lease() // a lease of the next round: the last one is folded
	p.send(good)      // again: settled, never paid twice
	p.verdict(protocol.StatusSurplus)

	for name, frame := range map[string][]byte{
		"empty": {}, "unknown type": {200, 1, 2}, "cut short": {byte(protocol.TypeResult), 5, 1}, "trailing": {byte(protocol.TypeWant), 0, 0, 0},
	} {
		if err := p.frames.SendFrame(p.ctx, frame); err != nil {
			t.Fatal(name, err)
		}
		if e := expect[protocol.Error](p); e.Fatal || (e.Code != protocol.CodeMalformed && e.Code != protocol.CodeUnknownType) {
			t.Errorf("%s frame: %+v", name, e)
		}
	}
	p.send(protocol.Welcome{}) // a hub's word
	p.refused(protocol.CodeUnexpected, nil)
	var missing [32]byte
	p.send(protocol.GetBlob{Hash: missing})
	p.refused(protocol.CodeNotFound, missing[:])
	p.send(p.result(next, p.outputs(next))) // after all that the connection still works
	p.verdict(protocol.StatusAccepted)

	for {
		if err := p.frames.SendFrame(p.ctx, []byte{200}); err != nil {
			break // ended by the hub
		}
		if e := expect[protocol.Error](p); e.Fatal {
			p.ended()
			break
		}
	}
}

func TestSecondResultWhileReplicasAreMissing(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	x.Submit(ChainFile("seals", 1, 1, 2))
	ann, bob := join(t, x, "ann"), join(t, x, "bob")
	a, b := ann.lease(), bob.lease()
	if !a.Sealed || !b.Sealed || a.Shard != b.Shard {
		t.Fatalf("leases of two replicas: %+v, %+v", a, b)
	}
	out := ann.outputs(a)
	ann.send(ann.result(a, out))
	ann.refused(protocol.CodeBadSeal, a.Token) // no seal yet
	ann.send(ann.seal(a, out))
	ann.send(ann.result(a, out))
	ann.refused(protocol.CodeBadSeal, a.Token) // bob could still copy it
	bob.send(bob.seal(b, out))
	expect[protocol.Open](ann)
	expect[protocol.Open](bob)
	ann.send(ann.result(a, out))
	ann.verdict(protocol.StatusPending)
	ann.send(ann.result(a, out))
	ann.refused(protocol.CodeDuplicate, a.Token)
	ann.send(ann.seal(a, out))
	ann.refused(protocol.CodeDuplicate, a.Token)
	bob.send(bob.result(b, out))
	if v := bob.verdict(protocol.StatusAccepted); v.Credit != 3 {
		t.Errorf("bob is paid %d, want 3", v.Credit)
	}
	if v := ann.verdict(protocol.StatusAccepted); v.Credit != 3 || !bytes.Equal(v.Token, a.Token) {
		t.Errorf("ann's second verdict is %+v, want 3 credits for her lease", v)
	}
}

// A mismatch asks for one further replica; the loser earns nothing and gets
// no more leases.
func TestMismatch(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	id := x.Submit(ChainFile("mismatch", 1, 1, 2))
	ann, bad, cyd := join(t, x, "ann"), join(t, x, "bad"), join(t, x, "cyd")
	a, b := ann.lease(), bad.lease()
	right := ann.outputs(a)
	wrong := lie(bad.outputs(b))
	ann.send(ann.seal(a, right))
	bad.send(bad.seal(b, wrong))
	expect[protocol.Open](ann)
	expect[protocol.Open](bad)
	ann.send(ann.result(a, right))
	ann.verdict(protocol.StatusPending)
	bad.send(bad.result(b, wrong))
	bad.verdict(protocol.StatusPending)

	c := cyd.lease()
	cyd.send(cyd.seal(c, right))
	expect[protocol.Open](cyd) // the others have shown theirs
	cyd.send(cyd.result(c, right))
	cyd.verdict(protocol.StatusAccepted)
	ann.verdict(protocol.StatusAccepted)
	if v := bad.verdict(protocol.StatusRejected); v.Credit != 0 || v.Reason == "" {
		t.Errorf("the loser's verdict is %+v, want no credit and a reason", v)
	}
	bad.send(protocol.Want{Count: 1})
	bad.refused(protocol.CodeDenied, nil)
	x.Done(id, "mismatch", 1, 1, 2)
}

// A lease given before a restart is good after it; one whose deadline has
// passed is not.
func TestLeaseOutlivesHub(t *testing.T) {
	var ahead atomic.Int64
	config := Config(t.TempDir())
	config.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	x := Start(t, config)
	id := x.Submit(ChainFile("outlives", 2, 1, 1))
	p := join(t, x, "ann")
	first := p.lease()
	out := p.outputs(first)
	x.Stop()
	if e := expect[protocol.Goodbye](p); e.Reason == "" {
		t.Error("the hub went without a reason")
	}

	x = Start(t, config)
	p = join(t, x, "ann")
	p.send(p.result(first, out))
	p.verdict(protocol.StatusAccepted)
	second := p.lease()
	out = p.outputs(second)
	p.send(protocol.Goodbye{})
	p.ended()

	ahead.Store(int64(3 * time.Hour))
	p = join(t, x, "ann")
	p.send(p.result(second, out))
	p.refused(protocol.CodeLeaseExpired, second.Token)
	again := p.lease()
	p.send(p.result(again, out))
	p.verdict(protocol.StatusAccepted)
	x.Done(id, "outlives", 2, 1, 1)
}

// What a volunteer hands back, or leaves behind by saying goodbye, goes to
// the next one at once.
func TestReturnAndGoodbye(t *testing.T) {
	config := Config(t.TempDir())
	config.BackupAfter, config.LeaseTime = time.Hour, time.Hour
	now := time.Now() // it stands still: after a pause ann would be offered the shard again
	config.Now = func() time.Time { return now }
	x := Start(t, config)
	x.Submit(ChainFile("return", 1, 1, 1))
	ann, bob, cyd := join(t, x, "ann"), join(t, x, "bob"), join(t, x, "cyd")
	l := ann.lease()
	ann.send(protocol.Want{Count: 1}) // not again to who hands it back
	ann.send(protocol.Return{Tokens: [][]byte{l.Token, []byte("nonsense")}, Reason: "battery"})
	bob.lease()
	bob.send(protocol.Goodbye{Reason: "bye"})
	bob.ended()
	cyd.lease()
}

// A silent volunteer's shard is backed up; whoever is late earns nothing and
// is told to stop.
func TestBackup(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	id := x.Submit(ChainFile("backup", 1, 1, 1))
	slow, fast := join(t, x, "slow"), join(t, x, "fast")
	late := slow.lease()
	out := slow.outputs(late)
	l := fast.lease() // once the slow one is overdue
	fast.send(fast.result(l, out))
	fast.verdict(protocol.StatusAccepted)
	if r := expect[protocol.Revoke](slow); !bytes.Equal(r.Token, late.Token) {
		t.Errorf("revoked %x, want %x", r.Token, late.Token)
	}
	slow.send(slow.result(late, out))
	if v := slow.verdict(protocol.StatusSurplus); v.Credit != 0 {
		t.Errorf("a late result was paid %d", v.Credit)
	}
	x.Done(id, "backup", 1, 1, 1)
}

func TestResultForCancelledJob(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	id := x.Submit(ChainFile("cancelled", 5, 1, 1))
	p := join(t, x, "ann")
	l := p.lease()
	out := p.outputs(l)
	if err := x.Client.Cancel(x.ctx, id); err != nil {
		t.Fatal(err)
	}
	expect[protocol.Revoke](p)
	p.send(p.result(l, out))
	p.verdict(protocol.StatusSurplus)
}
