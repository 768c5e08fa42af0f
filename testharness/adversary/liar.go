package adversary

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// liar is the honest worker over a crooked device.
type liar struct {
	seed   uint64
	name   string
	book   *Book
	ring   *ring
	mind   mind
	detail string // of its lane; empty: the lane's own
	lives  int    // how often it comes back under another key after it was turned away
	device device.Device

	mu   sync.Mutex // guards used
	used []ed25519.PrivateKey
}

var _ Player = (*liar)(nil)

func (l *liar) IDs() [][32]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([][32]byte, len(l.used))
	for i, k := range l.used {
		ids[i] = idOf(k)
	}
	return ids
}

// Play lives all of its lives.
func (l *liar) Play(ctx context.Context, dial Dial) error {
	defer l.device.Close()
	for life := 0; life <= l.lives && ctx.Err() == nil; life++ {
		key := keyFor(l.seed, fmt.Sprint(l.name, " ", life))
		l.mu.Lock()
		l.used = append(l.used, key)
		l.mu.Unlock()
		h := newHand(idOf(key), l.book)
		h.ring = l.ring
		dev := &crooked{Device: l.device, hand: h, mind: l.mind, detail: l.detail}
		over := func(ctx context.Context) (protocol.Conn, error) {
			frames, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return tap{protocol.NewConn(frames), h}, nil
		}
		if _, err := volunteer(ctx, key, dev, over, nil); err != nil {
			return err
		}
	}
	return nil
}

// alone casts one liar.
func alone(m func(seed uint64) mind) Cast {
	return func(seed uint64, book *Book, lane func() device.Device) Party {
		return Party{Cheats: []Player{&liar{seed: seed, name: "liar", book: book, mind: m(seed), device: lane()}}}
	}
}

// together casts n liars of one mind.
func together(n int, detail string, m func(seed uint64, r *ring) mind) Cast {
	return func(seed uint64, book *Book, lane func() device.Device) Party {
		r := newRing(seed)
		shared := m(seed, r)
		players := make([]Player, n)
		for i := range players {
			players[i] = &liar{
				seed: seed, name: fmt.Sprint("member ", i), book: book, ring: r, mind: shared, detail: detail, device: lane(),
			}
		}
		return Party{Cheats: players}
	}
}
