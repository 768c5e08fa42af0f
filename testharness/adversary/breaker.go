package adversary

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// breaker is a player that speaks the protocol by hand, one connection after
// the other.
type breaker struct {
	key    ed25519.PrivateKey
	hand   *hand
	device device.Device
	visits int          // connections it makes at most
	trick  func() trick // of each connection
}

var _ Player = (*breaker)(nil)

func newBreaker(seed uint64, who string, book *Book, lane device.Device, visits int, t func() trick) *breaker {
	key := keyFor(seed, who)
	return &breaker{key: key, hand: newHand(idOf(key), book), device: lane, visits: visits, trick: t}
}

func (b *breaker) IDs() [][32]byte { return [][32]byte{b.hand.id} }

// Play visits the hub as often as it may. Between visits it waits a little
// longer each time, as whoever wants to be let in does.
func (b *breaker) Play(ctx context.Context, dial Dial) error {
	defer b.device.Close()
	for visit := range b.visits {
		pause := time.NewTimer(patience(visit + 1))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
		frames, err := dial(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		err = newPeer(b.key, b.hand, b.device, b.trick(), frames).serve(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOver), errors.Is(err, protocol.ErrClosed):
		case errors.As(err, new(*protocol.FrameError)):
		default:
			return fmt.Errorf("adversary: visit %d: %w", visit, err)
		}
	}
	return nil
}

// gossip is what accomplices tell one another about answers: a place where one
// leaves the outputs to a question and another waits for them.
type gossip struct {
	mu      sync.Mutex // guards heard and changed
	heard   map[Key][][]byte
	changed chan struct{} // closed and replaced when heard grows
}

func newGossip() *gossip {
	return &gossip{heard: map[Key][][]byte{}, changed: make(chan struct{})}
}

func (g *gossip) tell(k Key, outputs [][]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard[k] = outputs
	close(g.changed)
	g.changed = make(chan struct{})
}

// hear waits until somebody has told the outputs to k.
func (g *gossip) hear(ctx context.Context, k Key) ([][]byte, error) {
	for {
		g.mu.Lock()
		outputs, ok := g.heard[k]
		changed := g.changed
		g.mu.Unlock()
		if ok {
			return outputs, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
