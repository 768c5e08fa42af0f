package adversary

import (
	"context"
	"crypto/ed25519"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// litigants are the strategies that lie and then have to stand by it: the hub
// asks whose results differ to replay them.
func litigants() []Strategy {
	return []Strategy{
		{
			Name: "challenge-refuser", Does: "always wrong, and refuses every question about it",
			Ends: "marked: an audit follows where nobody plays", Fate: Marked, Act: Challenged, Steady: true,
			Cast: visitor(once, func() trick {
				t := alters(firstBit)
				t.challenge = func(ctx context.Context, p *peer, c protocol.Challenge) error {
					return p.conn.Send(ctx, protocol.Response{Token: c.Token, Case: c.Case, Refusal: "no comment"})
				}
				return t
			}),
		},
		{
			Name: "challenge-mute", Does: "always wrong, and does not answer questions about it",
			Ends: "marked: its time to answer runs out and an audit follows", Fate: Marked, Act: Challenged, Steady: true,
			Cast: visitor(once, func() trick {
				t := alters(firstBit)
				t.challenge = func(context.Context, *peer, protocol.Challenge) error { return nil }
				return t
			}),
		},
		{
			Name: "challenge-dodger", Does: "always wrong, hangs up when it is asked about it and comes back",
			Ends: "marked: an audit follows where nobody plays", Fate: Marked, Act: Challenged, Steady: true,
			Cast: visitor(often, func() trick {
				t := alters(firstBit)
				t.challenge = func(context.Context, *peer, protocol.Challenge) error { return errOver }
				return t
			}),
		},
		{
			Name: "challenge-rambler", Does: "always wrong, and answers questions about it with rubbish",
			Ends: "marked: what it does not sign counts as no answer, and an audit follows", Fate: Marked, Act: Challenged, Steady: true,
			Cast: visitor(once, func() trick {
				t := alters(firstBit)
				t.challenge = func(ctx context.Context, p *peer, c protocol.Challenge) error {
					return p.conn.Send(ctx, protocol.Response{Token: c.Token, Case: c.Case, Answer: []byte("as I said")})
				}
				return t
			}),
		},
		{
			Name: "challenge-liar", Does: "always wrong, and stands by it with a trace that is right but for the ops that made its lie",
			Ends: "marked: the dispute finds the op and runs it", Fate: Marked, Act: Challenged, Steady: true,
			Cast: visitor(once, func() trick {
				t := alters(firstBit)
				t.challenge = (&perjury{}).answer
				return t
			}),
		},
		{
			Name: "challenge-denier", Does: "always wrong, and stands by it with a trace that contradicts it",
			Ends: "marked: its trace is not of what it claimed", Fate: Marked, Act: Challenged, Steady: true,
			Cast: visitor(once, func() trick {
				t := alters(firstBit)
				t.challenge = (&perjury{contrite: true}).answer
				return t
			}),
		},
		{
			Name: "scapegoat", Does: "one lies; another, who has returned the right result, plays falsely in the dispute and takes the blame",
			Ends: "both marked: that one party is at fault makes nobody right, and an audit follows", Fate: Marked, Act: Challenged,
			Cast: castScapegoat,
		},
	}
}

// castScapegoat casts a liar who stands by its lie and one who loses disputes
// on purpose.
func castScapegoat(seed uint64, book *Book, lane func() device.Device) Party {
	liar := newBreaker(seed, "liar", book, lane(), once, func() trick {
		t := alters(firstBit)
		t.challenge = (&perjury{}).answer
		return t
	})
	goat := newBreaker(seed, "goat", book, lane(), once, func() trick {
		return trick{challenge: (&perjury{}).answer}
	})
	return Party{Cheats: []Player{liar, goat}}
}

// firstBit lies in the lowest bit of the last element, always the same way.
func firstBit(honest [][]byte) [][]byte {
	c := copied(honest)
	if last := c[len(c)-1]; len(last) > 0 {
		last[(len(last)-1)&^3] ^= 1
	}
	return c
}

// perjury is a false witness in one dispute after the other: its traces are
// true except, unless it is contrite, for the lie.
type perjury struct {
	contrite bool
	witness  map[[32]byte]*dispute.Player
}

func (j *perjury) answer(ctx context.Context, p *peer, c protocol.Challenge) error {
	w := j.witness[c.Case]
	if w == nil {
		var err error
		if w, err = j.testify(ctx, p, c.Payload); err != nil {
			return p.conn.Send(ctx, protocol.Response{Token: c.Token, Case: c.Case, Refusal: protocol.Clip(err.Error())})
		}
		if j.witness == nil {
			j.witness = map[[32]byte]*dispute.Player{}
		}
		j.witness[c.Case] = w
	}
	q, err := dispute.DecodeQuestion(c.Question)
	if err != nil {
		return err
	}
	a, err := w.Answer(ctx, c.Case, q)
	if err != nil {
		return err
	}
	return p.conn.Send(ctx, protocol.Response{Token: c.Token, Case: c.Case, Answer: a.Encode()})
}

// testify makes up a trace of a shard.
func (j *perjury) testify(ctx context.Context, p *peer, payload []byte) (*dispute.Player, error) {
	prog, inputs, err := p.bring(ctx, payload)
	if err != nil {
		return nil, err
	}
	truth, outputs, err := trace.Record(ctx, p.device, prog, inputs, trace.Config{})
	if err != nil {
		return nil, err
	}
	t := truth
	if !j.contrite {
		if t, err = twist(prog, truth, firstBit(outputs)); err != nil {
			return nil, err
		}
	}
	return witness(p.key, t, p.device, prog, inputs), nil
}

func witness(key ed25519.PrivateKey, t *trace.Trace, dev device.Device, prog *program.Program, inputs [][]byte) *dispute.Player {
	return &dispute.Player{Trace: t, Key: key, Values: func(ctx context.Context, values []int) ([][]byte, error) {
		return trace.Values(ctx, dev, prog, inputs, values)
	}}
}

// twist is a trace in which the program's outputs are others.
func twist(prog *program.Program, truth *trace.Trace, outputs [][]byte) (*trace.Trace, error) {
	values := make([]trace.Digest, prog.Values())
	for v := range values {
		values[v] = truth.Value(v)
	}
	for i, out := range prog.Outputs() {
		values[out.Value] = trace.DigestOf(outputs[i])
	}
	return trace.New(prog, values)
}
