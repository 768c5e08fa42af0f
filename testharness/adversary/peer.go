package adversary

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// peer is one connection of a breaker: the protocol by hand, honest but for
// what its trick replaces. One goroutine owns it.
type peer struct {
	key    ed25519.PrivateKey
	hand   *hand
	device device.Device
	trick  trick
	frames protocol.Frames
	conn   protocol.Conn

	welcome protocol.Welcome
	early   []protocol.Message // came while a blob was awaited
	sealed  map[string][][]byte
	blobs   map[job.Hash][]byte
}

// trick replaces parts of an honest conversation. A nil part is honest.
type trick struct {
	hello   func(p *peer) protocol.Hello
	welcome func(ctx context.Context, p *peer) error // after Welcome: consent, or whatever else
	lease   func(ctx context.Context, p *peer, l protocol.Lease) error
	open    func(ctx context.Context, p *peer, token []byte, sealed [][]byte) error
	deliver func(ctx context.Context, p *peer, r protocol.Result) error
	verdict func(ctx context.Context, p *peer, v protocol.Verdict) error
	// challenge answers a question of a dispute. Honest is to say what older
	// volunteers say: that they do not know such a message.
	challenge func(ctx context.Context, p *peer, c protocol.Challenge) error
	lane      string // "cpu" when empty
}

// errOver ends a connection in the middle of it, without a word.
var errOver = errors.New("adversary: the connection has served its purpose")

func newPeer(key ed25519.PrivateKey, h *hand, dev device.Device, t trick, frames protocol.Frames) *peer {
	return &peer{
		key: key, hand: h, device: dev, trick: t, frames: frames, conn: tap{protocol.NewConn(frames), h},
		sealed: map[string][][]byte{}, blobs: map[job.Hash][]byte{},
	}
}

// serve converses until the connection ends.
func (p *peer) serve(ctx context.Context) error {
	defer p.conn.Close()
	hello := protocol.Hello{
		MinVersion: 1, MaxVersion: protocol.Version, Volunteer: p.hand.id, Agent: "adversary/1",
		Devices: []protocol.Device{{Lane: p.lane(), Detail: "by hand", Threads: 1}},
	}
	if p.trick.hello != nil {
		hello = p.trick.hello(p)
	}
	if err := p.conn.Send(ctx, hello); err != nil {
		return err
	}
	for {
		m, err := p.next(ctx)
		if err != nil {
			return err
		}
		if err := p.act(ctx, m); err != nil {
			return err
		}
	}
}

func (p *peer) lane() string {
	if p.trick.lane != "" {
		return p.trick.lane
	}
	return "cpu"
}

func (p *peer) next(ctx context.Context) (protocol.Message, error) {
	if len(p.early) > 0 {
		m := p.early[0]
		p.early = p.early[1:]
		return m, nil
	}
	return p.conn.Receive(ctx)
}

func (p *peer) act(ctx context.Context, m protocol.Message) error {
	switch m := m.(type) {
	case protocol.Welcome:
		p.welcome = m
		if p.trick.welcome != nil {
			p.hand.book.acted(Greeted)
			return p.trick.welcome(ctx, p)
		}
		return p.consent(ctx)
	case protocol.Consented:
		return p.want(ctx, 2)
	case protocol.Lease:
		if p.trick.lease != nil {
			p.hand.book.acted(Took)
			return p.trick.lease(ctx, p, m)
		}
		return p.serveLease(ctx, m, nil)
	case protocol.Open:
		outputs, ok := p.sealed[string(m.Token)]
		if !ok {
			return nil
		}
		if p.trick.open != nil {
			p.hand.book.acted(Opened)
			return p.trick.open(ctx, p, m.Token, outputs)
		}
		return p.deliver(ctx, m.Token, outputs)
	case protocol.Verdict:
		if p.trick.verdict != nil {
			return p.trick.verdict(ctx, p, m)
		}
	case protocol.Challenge:
		if p.trick.challenge != nil {
			p.hand.book.acted(Challenged)
			return p.trick.challenge(ctx, p, m)
		}
		return p.conn.Send(ctx, protocol.Error{Code: protocol.CodeUnknownType, Message: "challenges are not known here"})
	case protocol.Revoke:
		delete(p.sealed, string(m.Token))
	case protocol.Error:
		if m.Fatal {
			return protocol.ErrClosed
		}
	case protocol.Goodbye:
		return protocol.ErrClosed
	}
	return nil
}

func (p *peer) consent(ctx context.Context) error {
	return p.conn.Send(ctx, protocol.SignConsent(p.key, p.welcome.Nonce, agreement(time.Now())))
}

func (p *peer) want(ctx context.Context, n uint64) error {
	return p.conn.Send(ctx, protocol.Want{Count: n})
}

// serveLease computes a lease, lets alter replace the outputs unless it is
// nil, and seals or delivers what comes out.
func (p *peer) serveLease(ctx context.Context, l protocol.Lease, alter func(honest [][]byte) [][]byte) error {
	if err := p.want(ctx, 1); err != nil {
		return err
	}
	outputs, err := p.honest(ctx, l)
	if errors.Is(err, fs.ErrNotExist) { // the round has moved on
		return p.conn.Send(ctx, protocol.Return{Tokens: [][]byte{l.Token}, Reason: "input is gone"})
	}
	if err != nil {
		return err
	}
	if alter != nil {
		said := alter(outputs)
		if !equal(said, outputs) {
			p.hand.lied(p.hand.key(l.Token), said)
		}
		outputs = said
	}
	if !l.Sealed {
		return p.deliver(ctx, l.Token, outputs)
	}
	return p.seal(ctx, l, outputs, outputs)
}

// seal sends the seal of some outputs and keeps others to be revealed.
func (p *peer) seal(ctx context.Context, l protocol.Lease, outputs, later [][]byte) error {
	p.sealed[string(l.Token)] = later
	sum := sha256.Sum256(job.EncodeOutputs(outputs))
	return p.conn.Send(ctx, protocol.Seal{Token: l.Token, Seal: protocol.SealOf(sum, p.hand.id, l.Nonce)})
}

func (p *peer) result(token []byte, outputs [][]byte) protocol.Result {
	return protocol.SignResult(p.key, protocol.Result{Token: token, Outputs: job.EncodeOutputs(outputs), Millis: 1})
}

func (p *peer) deliver(ctx context.Context, token []byte, outputs [][]byte) error {
	if p.trick.deliver != nil {
		p.hand.book.acted(Delivered)
		return p.trick.deliver(ctx, p, p.result(token, outputs))
	}
	return p.conn.Send(ctx, p.result(token, outputs))
}

// honest computes a lease's outputs.
func (p *peer) honest(ctx context.Context, l protocol.Lease) ([][]byte, error) {
	prog, inputs, err := p.bring(ctx, l.Payload)
	if err != nil {
		return nil, err
	}
	return device.Run(ctx, p.device, prog, inputs)
}

// bring fetches what a shard is made of.
func (p *peer) bring(ctx context.Context, payload []byte) (*program.Program, [][]byte, error) {
	s, err := job.DecodeShard(payload)
	if err != nil {
		return nil, nil, err
	}
	code, err := p.blob(ctx, s.Program)
	if err != nil {
		return nil, nil, err
	}
	prog, err := program.Decode(code)
	if err != nil {
		return nil, nil, err
	}
	inputs := make([][]byte, len(s.Inputs))
	for i, in := range s.Inputs {
		if inputs[i] = in.Data; in.Data == nil {
			if inputs[i], err = p.blob(ctx, in.Blob); err != nil {
				return nil, nil, err
			}
		}
	}
	return prog, inputs, nil
}

// blob asks the hub for a blob and keeps what else comes for later.
func (p *peer) blob(ctx context.Context, h job.Hash) ([]byte, error) {
	if data, ok := p.blobs[h]; ok {
		return data, nil
	}
	if err := p.conn.Send(ctx, protocol.GetBlob{Hash: h}); err != nil {
		return nil, err
	}
	for {
		m, err := p.conn.Receive(ctx)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case protocol.Blob:
			if m.Hash != h || job.Sum(m.Data) != h {
				return nil, fmt.Errorf("adversary: the hub gave another blob than %v", h)
			}
			p.blobs[h] = m.Data
			return m.Data, nil
		case protocol.Error:
			if string(m.Ref) == string(h[:]) {
				return nil, fmt.Errorf("adversary: blob %v: %w", h, fs.ErrNotExist)
			}
		}
		p.early = append(p.early, m)
	}
}
