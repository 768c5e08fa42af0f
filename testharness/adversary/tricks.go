package adversary

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// rubbish is sealed and revealed by the rules, and means nothing.
func rubbish() trick {
	raw := []byte("no outputs at all")
	return trick{
		lease: func(ctx context.Context, p *peer, l protocol.Lease) error {
			if err := p.want(ctx, 1); err != nil {
				return err
			}
			if !l.Sealed {
				return p.conn.Send(ctx, protocol.SignResult(p.key, protocol.Result{Token: l.Token, Outputs: raw}))
			}
			p.sealed[string(l.Token)] = nil
			return p.conn.Send(ctx, protocol.Seal{Token: l.Token, Seal: protocol.SealOf(job.Sum(raw), p.hand.id, l.Nonce)})
		},
		open: func(ctx context.Context, p *peer, token []byte, _ [][]byte) error {
			return p.conn.Send(ctx, protocol.SignResult(p.key, protocol.Result{Token: token, Outputs: raw}))
		},
	}
}

// doubleSpender remembers every result it has delivered and delivers them all
// again, also over later connections.
func doubleSpender() func() trick {
	var mu sync.Mutex
	var spent []protocol.Result
	return func() trick {
		verdicts := 0
		return trick{
			deliver: func(ctx context.Context, p *peer, r protocol.Result) error {
				mu.Lock()
				spent = append(spent, r)
				mu.Unlock()
				if err := p.conn.Send(ctx, r); err != nil {
					return err
				}
				return p.conn.Send(ctx, r)
			},
			verdict: func(ctx context.Context, p *peer, _ protocol.Verdict) error {
				if verdicts++; verdicts%4 != 0 {
					return nil
				}
				mu.Lock()
				old := newest(spent)
				mu.Unlock()
				for _, r := range old {
					if err := p.conn.Send(ctx, r); err != nil {
						return err
					}
				}
				if verdicts > 8 {
					return errOver // the same again over another connection
				}
				return nil
			},
		}
	}
}

// newest returns the newest few results: a conversation has a limit of
// refusals.
func newest(spent []protocol.Result) []protocol.Result {
	return append([]protocol.Result(nil), spent[max(0, len(spent)-6):]...)
}

// forge tries everything that a signature must stop.
func (p *peer) forge(ctx context.Context, l protocol.Lease, theirs []byte, stranger ed25519.PrivateKey) error {
	outputs, err := p.honest(ctx, l)
	if err != nil {
		return p.want(ctx, 1) // the round has moved on
	}
	altered := bytes.Clone(l.Token)
	altered[len(altered)/2] ^= 1
	own := p.result(l.Token, outputs)
	unsigned := own
	unsigned.Signature = [64]byte{}
	other := own
	other.Outputs = job.EncodeOutputs(zeros(outputs)) // under the signature of the right ones
	attempts := []protocol.Message{
		p.result(altered, outputs),
		p.result(nil, outputs),
		protocol.SignResult(stranger, protocol.Result{Token: l.Token, Outputs: own.Outputs}),
		unsigned,
		other,
		protocol.Seal{Token: altered},
	}
	if theirs != nil {
		attempts = append(attempts, p.result(theirs, outputs), protocol.Seal{Token: theirs})
	}
	for _, m := range attempts {
		if err := p.conn.Send(ctx, m); err != nil {
			return err
		}
	}
	if err := p.conn.Send(ctx, protocol.Return{Tokens: [][]byte{l.Token, altered}, Reason: "forged enough"}); err != nil {
		return err
	}
	return p.want(ctx, 1)
}

// flood says nothing that makes sense, until the hub hangs up.
func flood(ctx context.Context, p *peer) error {
	r := dice(7, "flood", 0)
	for range 200 {
		frame := make([]byte, 1+r.IntN(64))
		for i := range frame {
			frame[i] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			var err error
			if frame, err = protocol.Encode(protocol.Verdict{Status: protocol.StatusAccepted, Credit: 1 << 40}); err != nil {
				return err
			}
		}
		if err := p.frames.SendFrame(ctx, frame); err != nil {
			return err
		}
	}
	return errOver
}

// evade asks for work with everything but a good consent, and keeps asking.
func evade(ctx context.Context, p *peer) error {
	now := time.Now()
	expired := agreement(now)
	expired.Issued, expired.Expires = now.Add(-2*time.Hour), now.Add(-time.Hour)
	early := agreement(now)
	early.Issued, early.Expires = now.Add(time.Hour), now.Add(2*time.Hour)
	nothing := agreement(now)
	nothing.Runs = ""
	var stale [32]byte
	for _, c := range []protocol.Consent{
		agreement(now), // unsigned
		protocol.SignConsent(keyFor(0, "somebody else"), p.welcome.Nonce, agreement(now)),
		protocol.SignConsent(p.key, stale, agreement(now)),
		protocol.SignConsent(p.key, p.welcome.Nonce, expired),
		protocol.SignConsent(p.key, p.welcome.Nonce, early),
		protocol.SignConsent(p.key, p.welcome.Nonce, nothing),
	} {
		if err := p.want(ctx, 4); err != nil {
			return err
		}
		if err := p.conn.Send(ctx, c); err != nil {
			return err
		}
	}
	return p.want(ctx, 4)
}
