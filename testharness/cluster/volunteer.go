package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// Conduct is how a volunteer behaves. The zero Conduct is honest.
type Conduct struct {
	// Answer replaces the honest outputs of the n-th shard, from 0.
	Answer func(n int, honest [][]byte) [][]byte
	// Reveal replaces what is shown after it was sealed.
	Reveal func(sealed [][]byte) [][]byte
	// Vanish ends the connection without a word instead of answering the n-th
	// shard.
	Vanish func(n int) bool
	// Mute takes the n-th lease and does nothing about it.
	Mute func(n int) bool
	// Hide never shows what it has sealed.
	Hide bool
}

// Volunteer is a volunteer of the tests: the protocol's other side in its
// plainest form, with a Conduct.
type Volunteer struct {
	Key     ed25519.PrivateKey
	Conduct Conduct
	// Lane is the device it claims; "cpu" when empty.
	Lane string
	// Want is how many leases it keeps asking for; 0 means 2.
	Want int
	// Saw, unless nil, gets every message from the hub.
	Saw func(protocol.Message)

	mu       sync.Mutex
	leases   int
	verdicts map[protocol.Status]int
	refusals map[protocol.Code]int
	credit   int64
}

// NewVolunteer makes an honest volunteer whose key depends on seed alone.
func NewVolunteer(seed string) *Volunteer {
	sum := sha256.Sum256([]byte(seed))
	return &Volunteer{Key: ed25519.NewKeyFromSeed(sum[:])}
}

// ID is the volunteer's public key.
func (v *Volunteer) ID() [32]byte { return [32]byte(v.Key.Public().(ed25519.PublicKey)) }

// Leases is how many leases it has got.
func (v *Volunteer) Leases() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.leases
}

// Credit is what its verdicts paid.
func (v *Volunteer) Credit() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.credit
}

// Verdicts is how many verdicts of a status it has got.
func (v *Volunteer) Verdicts(s protocol.Status) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.verdicts[s]
}

// Refusals is how many errors of a code it has got.
func (v *Volunteer) Refusals(c protocol.Code) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.refusals[c]
}

// errVanish ends a connection as a closed laptop does.
var errVanish = errors.New("cluster: vanished")

// Serve computes over conn until it ends, and closes it.
func (v *Volunteer) Serve(ctx context.Context, conn protocol.Conn) error {
	defer conn.Close()
	c := &connection{v: v, conn: conn, sealed: map[string][][]byte{}}
	err := c.serve(ctx)
	if errors.Is(err, errVanish) || errors.Is(err, protocol.ErrClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

// connection is one stay at the hub.
type connection struct {
	v      *Volunteer
	conn   protocol.Conn
	early  []protocol.Message // came while something else was awaited
	sealed map[string][][]byte
}

func (c *connection) serve(ctx context.Context) error {
	lane := c.v.Lane
	if lane == "" {
		lane = "cpu"
	}
	err := c.conn.Send(ctx, protocol.Hello{
		MinVersion: 1, MaxVersion: protocol.Version, Volunteer: c.v.ID(), Agent: "cluster/1",
		Devices: []protocol.Device{{Lane: lane, Threads: 1}},
	})
	if err != nil {
		return err
	}
	for {
		m, err := c.next(ctx)
		if err != nil {
			return err
		}
		if c.v.Saw != nil {
			c.v.Saw(m)
		}
		if err := c.act(ctx, m); err != nil {
			return err
		}
	}
}

func (c *connection) next(ctx context.Context) (protocol.Message, error) {
	if len(c.early) > 0 {
		m := c.early[0]
		c.early = c.early[1:]
		return m, nil
	}
	return c.conn.Receive(ctx)
}

func (c *connection) act(ctx context.Context, m protocol.Message) error {
	switch m := m.(type) {
	case protocol.Welcome:
		return c.conn.Send(ctx, Consent(c.v.Key, m.Nonce, m.Now))
	case protocol.Consented:
		return c.want(ctx, max(c.v.Want, 2))
	case protocol.Lease:
		return c.compute(ctx, m)
	case protocol.Open:
		return c.open(ctx, m)
	case protocol.Verdict:
		c.v.mu.Lock()
		defer c.v.mu.Unlock()
		if c.v.verdicts == nil {
			c.v.verdicts = map[protocol.Status]int{}
		}
		c.v.verdicts[m.Status]++
		c.v.credit += m.Credit
	case protocol.Revoke:
		delete(c.sealed, string(m.Token))
	case protocol.Error:
		c.v.mu.Lock()
		defer c.v.mu.Unlock()
		if c.v.refusals == nil {
			c.v.refusals = map[protocol.Code]int{}
		}
		c.v.refusals[m.Code]++
		if m.Fatal {
			return protocol.ErrClosed
		}
	case protocol.Goodbye:
		return protocol.ErrClosed
	}
	return nil
}

// Consent is a consent record as a test's volunteer gives it.
func Consent(key ed25519.PrivateKey, nonce [32]byte, now time.Time) protocol.Consent {
	return protocol.SignConsent(key, nonce, protocol.Consent{
		Origin: "testharness", Runs: "shards of this test", Issued: now, Expires: now.Add(time.Hour),
	})
}

func (c *connection) want(ctx context.Context, n int) error {
	return c.conn.Send(ctx, protocol.Want{Device: 0, Count: uint64(n)})
}

func (c *connection) compute(ctx context.Context, l protocol.Lease) error {
	c.v.mu.Lock()
	n := c.v.leases
	c.v.leases++
	c.v.mu.Unlock()
	conduct := c.v.Conduct
	if conduct.Vanish != nil && conduct.Vanish(n) {
		return errVanish
	}
	if conduct.Mute != nil && conduct.Mute(n) {
		return nil
	}
	if err := c.want(ctx, 1); err != nil {
		return err
	}
	outputs, err := c.honest(ctx, l)
	if errors.Is(err, errNoBlob) { // the round has moved on
		return c.conn.Send(ctx, protocol.Return{Tokens: [][]byte{l.Token}, Reason: "input is gone"})
	}
	if err != nil {
		return err
	}
	if conduct.Answer != nil {
		outputs = conduct.Answer(n, outputs)
	}
	if !l.Sealed {
		return c.deliver(ctx, l.Token, outputs)
	}
	seal := protocol.SealOf(sha256.Sum256(job.EncodeOutputs(outputs)), c.v.ID(), l.Nonce)
	c.sealed[string(l.Token)] = outputs
	return c.conn.Send(ctx, protocol.Seal{Token: l.Token, Seal: seal})
}

func (c *connection) open(ctx context.Context, m protocol.Open) error {
	outputs, ok := c.sealed[string(m.Token)]
	if !ok || c.v.Conduct.Hide {
		return nil
	}
	delete(c.sealed, string(m.Token))
	if c.v.Conduct.Reveal != nil {
		outputs = c.v.Conduct.Reveal(outputs)
	}
	return c.deliver(ctx, m.Token, outputs)
}

func (c *connection) deliver(ctx context.Context, token []byte, outputs [][]byte) error {
	return c.conn.Send(ctx, protocol.SignResult(c.v.Key, protocol.Result{Token: token, Outputs: job.EncodeOutputs(outputs), Millis: 1}))
}

// honest computes a lease's outputs, asking the hub for the blobs.
func (c *connection) honest(ctx context.Context, l protocol.Lease) ([][]byte, error) {
	s, err := job.DecodeShard(l.Payload)
	if err != nil {
		return nil, err
	}
	if _, err := c.blob(ctx, s.Program); err != nil {
		return nil, err
	}
	inputs := make([][]byte, len(s.Inputs))
	for i, in := range s.Inputs {
		if inputs[i] = in.Data; in.Data == nil {
			if inputs[i], err = c.blob(ctx, in.Blob); err != nil {
				return nil, err
			}
		}
	}
	return ComputeChain(inputs)
}

var errNoBlob = errors.New("cluster: no such blob")

// blob asks for a blob and keeps what else comes for later.
func (c *connection) blob(ctx context.Context, h job.Hash) ([]byte, error) {
	if err := c.conn.Send(ctx, protocol.GetBlob{Hash: h}); err != nil {
		return nil, err
	}
	for {
		m, err := c.conn.Receive(ctx)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case protocol.Blob:
			if m.Hash == h && job.Sum(m.Data) == h {
				return m.Data, nil
			}
			return nil, fmt.Errorf("cluster: blob %v is not what was asked for", h)
		case protocol.Error:
			if string(m.Ref) == string(h[:]) {
				return nil, errNoBlob
			}
		}
		c.early = append(c.early, m)
	}
}
