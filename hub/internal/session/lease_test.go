package session_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// leased is a volunteer with the lease of a job's only shard, and the shard's
// honest outputs.
func (d *desk) leased(name string) (*peer, protocol.Lease, []byte) {
	d.t.Helper()
	p := d.agreed(name)
	p.send(protocol.Want{Count: 1})
	l := next[protocol.Lease](p)
	s, err := job.DecodeShard(l.Payload)
	must(d.t, err)
	outputs, err := cluster.ExecuteChain(d.t.Context(), s, d.blobs)
	must(d.t, err)
	return p, l, job.EncodeOutputs(outputs)
}

func (p *peer) result(token, outputs []byte) protocol.Result {
	return protocol.SignResult(p.key, protocol.Result{Token: token, Outputs: outputs, Millis: 1})
}

func TestResult(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.submit(2) // of which one stays open, and with it the round
		p, l, outputs := d.leased("p")
		p.send(p.result(l.Token, outputs))
		if v := next[protocol.Verdict](p); !bytes.Equal(v.Token, l.Token) || v.Status != protocol.StatusAccepted || v.Credit == 0 {
			t.Errorf("the verdict is %+v", v)
		}
		p.send(p.result(l.Token, outputs)) // the verdict may have been lost on the way
		if e := p.refused(protocol.CodeDuplicate); !bytes.Equal(e.Ref, l.Token) {
			t.Errorf("the error is about %x, want %x", e.Ref, l.Token)
		}
	})
}

// A result of a job that has ended is nobody's fault.
func TestLateResult(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.submit(1)
		p, l, outputs := d.leased("p")
		must(t, d.engine.Cancel(t.Context(), l.Job, "enough"))
		next[protocol.Revoke](p)
		p.send(p.result(l.Token, outputs))
		if v := next[protocol.Verdict](p); v.Status != protocol.StatusSurplus || v.Credit != 0 {
			t.Errorf("the verdict is %+v", v)
		}
	})
}

// What a lease or a result must prove before the engine hears of it. Each
// refusal names the lease, and costs nothing: the honest result still counts.
func TestLeaseIsTheVolunteersOwn(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.submit(1)
		p, l, outputs := d.leased("p")
		q := d.agreed("q")
		forger, err := lease.NewSigner(bytes.Repeat([]byte{1}, lease.MinKey))
		must(t, err)
		genuine, err := d.signer.Verify(l.Token)
		must(t, err)
		forged, err := forger.Sign(genuine)
		must(t, err)
		unsigned := p.result(l.Token, outputs)
		unsigned.Signature[0]++
		swapped := p.result(l.Token, outputs)
		swapped.Outputs = bytes.Repeat([]byte{7}, len(outputs))
		for name, c := range map[string]struct {
			from    *peer
			message protocol.Message
			code    protocol.Code
			token   []byte
		}{
			"result for another's lease":   {q, q.result(l.Token, outputs), protocol.CodeBadLease, l.Token},
			"seal for another's lease":     {q, protocol.Seal{Token: l.Token}, protocol.CodeBadLease, l.Token},
			"result for a forged lease":    {p, p.result(forged, outputs), protocol.CodeBadLease, forged},
			"seal for a forged lease":      {p, protocol.Seal{Token: forged}, protocol.CodeBadLease, forged},
			"seal for a lease without one": {p, protocol.Seal{Token: l.Token}, protocol.CodeBadSeal, l.Token},
			"another signature":            {p, unsigned, protocol.CodeBadSignature, l.Token},
			"other outputs than signed":    {p, swapped, protocol.CodeBadSignature, l.Token},
		} {
			c.from.send(c.message)
			if e := next[protocol.Error](c.from); e.Code != c.code || e.Fatal || !bytes.Equal(e.Ref, c.token) {
				t.Errorf("%s: %+v, want code %v about the token and not fatal", name, e, c.code)
			}
		}
		p.send(p.result(l.Token, outputs))
		if v := next[protocol.Verdict](p); v.Status != protocol.StatusAccepted {
			t.Errorf("the honest result gets %+v", v)
		}
	})
}

func TestWantIsChecked(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		p := d.agreed("p")
		p.send(protocol.Want{Device: 1, Count: 1}) // it has one device, 0
		p.refused(protocol.CodeUnexpected)
		p.send(protocol.Want{Device: 1 << 63, Count: 1})
		p.refused(protocol.CodeUnexpected)
		p.alive()
	})
}

// A device that has returned what cannot be is told so, and no more than that
// is lost: the session goes on.
func TestDeniedDevice(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		d.submit(1)
		p, l, _ := d.leased("p")
		p.send(p.result(l.Token, job.EncodeOutputs([][]byte{{1}})))
		p.refused(protocol.CodeBadResult)
		p.send(protocol.Want{Count: 1})
		p.refused(protocol.CodeDenied)
		p.alive()
	})
}

// A lease goes to the next volunteer at once when its holder gives it back or
// leaves, however it leaves: no time passes.
func TestLeaseGoesOn(t *testing.T) {
	for name, leave := range map[string]func(p *peer, l protocol.Lease, end context.CancelFunc){
		"returned": func(p *peer, l protocol.Lease, _ context.CancelFunc) {
			p.send(protocol.Return{Tokens: [][]byte{l.Token}})
		},
		"goodbye":        func(p *peer, _ protocol.Lease, _ context.CancelFunc) { p.send(protocol.Goodbye{}) },
		"connection cut": func(p *peer, _ protocol.Lease, _ context.CancelFunc) { p.conn.Close() },
		"session ended":  func(_ *peer, _ protocol.Lease, end context.CancelFunc) { end() },
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				all := d.conns
				var end context.CancelFunc
				d.conns, end = context.WithCancel(all) // p's alone
				defer end()
				d.submit(1)
				p, l, _ := d.leased("p")
				d.conns = all
				q := d.agreed("q")
				q.send(protocol.Want{Count: 1})
				q.alive() // and nothing to do yet
				start := time.Now()
				leave(p, l, end)
				if again := next[protocol.Lease](q); again.Job != l.Job || again.Shard != l.Shard || bytes.Equal(again.Token, l.Token) {
					t.Errorf("the next volunteer gets %+v, want another lease of %s %d", again, l.Job, l.Shard)
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("it came %v later", took)
				}
			})
		})
	}
}

// A result for a lease from an earlier connection counts: the token carries
// all that matters.
func TestResultAfterReconnect(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.submit(1)
		p, l, outputs := d.leased("p")
		p.conn.Close()
		if n := d.volunteers(); n != 0 {
			t.Errorf("%d volunteers are here after the only one has left", n)
		}
		p = d.agreed("p")
		p.send(p.result(l.Token, outputs))
		if v := next[protocol.Verdict](p); v.Status != protocol.StatusAccepted {
			t.Errorf("the verdict is %+v", v)
		}
	})
}

func TestBlob(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		data := []byte("a program")
		h, err := d.blobs.Put(t.Context(), data)
		must(t, err)
		p.send(protocol.GetBlob{Hash: h})
		if b := next[protocol.Blob](p); b.Hash != h || !bytes.Equal(b.Data, data) {
			t.Errorf("the blob is %+v", b)
		}
		unknown := sha256.Sum256(nil)
		p.send(protocol.GetBlob{Hash: unknown})
		if e := p.refused(protocol.CodeNotFound); !bytes.Equal(e.Ref, unknown[:]) {
			t.Errorf("the error is about %x, want %x", e.Ref, unknown)
		}
		h, err = d.blobs.Put(t.Context(), make([]byte, protocol.MaxFrame))
		must(t, err)
		p.send(protocol.GetBlob{Hash: h})
		if e := p.refused(protocol.CodeTooLarge); !bytes.Equal(e.Ref, h[:]) {
			t.Errorf("the error is about %x, want %x", e.Ref, h)
		}
	})
}
