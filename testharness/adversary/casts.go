package adversary

import (
	"context"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// castCopier casts one who works and one who copies. The former is honest to
// the hub: it is the latter's seal that does not hold.
func castCopier(seed uint64, book *Book, lane func() device.Device) Party {
	g := newGossip()
	source := newBreaker(seed, "source", book, lane(), often, func() trick {
		return trick{open: func(ctx context.Context, p *peer, token []byte, sealed [][]byte) error {
			g.tell(p.hand.key(token), sealed)
			return p.deliver(ctx, token, sealed)
		}}
	})
	copier := newBreaker(seed, "copier", book, lane(), often, func() trick {
		return trick{
			lease: func(ctx context.Context, p *peer, l protocol.Lease) error {
				if err := p.want(ctx, 1); err != nil {
					return err
				}
				if !l.Sealed { // nobody to copy from
					return p.deliver(ctx, l.Token, [][]byte{[]byte("rubbish")})
				}
				return p.seal(ctx, l, [][]byte{[]byte("rubbish")}, nil)
			},
			open: func(ctx context.Context, p *peer, token []byte, _ [][]byte) error {
				// Whoever hears nothing for a while reveals what it has.
				wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				outputs, err := g.hear(wait, p.hand.key(token))
				if err != nil {
					outputs = [][]byte{[]byte("rubbish")}
				}
				return p.deliver(ctx, token, outputs)
			},
		}
	})
	return Party{Cheats: []Player{copier}, Dupes: []Player{source}}
}

// castForger casts two: one who lends its tokens, and one who abuses them. The
// lender works honestly.
func castForger(seed uint64, book *Book, lane func() device.Device) Party {
	var mu sync.Mutex
	var lent []byte
	lender := newBreaker(seed, "lender", book, lane(), often, func() trick {
		return trick{lease: func(ctx context.Context, p *peer, l protocol.Lease) error {
			mu.Lock()
			lent = l.Token
			mu.Unlock()
			return p.serveLease(ctx, l, nil)
		}}
	})
	stranger := keyFor(seed, "stranger")
	forger := newBreaker(seed, "forger", book, lane(), often, func() trick {
		return trick{lease: func(ctx context.Context, p *peer, l protocol.Lease) error {
			mu.Lock()
			theirs := lent
			mu.Unlock()
			return p.forge(ctx, l, theirs, stranger)
		}}
	})
	return Party{Cheats: []Player{forger}, Dupes: []Player{lender}}
}

// castImpostor casts an honest volunteer and one who claims to be it, and
// would love to have it marked.
func castImpostor(seed uint64, book *Book, lane func() device.Device) Party {
	victim := newBreaker(seed, "victim", book, lane(), often, func() trick { return trick{} })
	own := keyFor(seed, "impostor")
	impostor := newBreaker(seed, "impostor", book, lane(), often, func() trick {
		t := alters(func(honest [][]byte) [][]byte { return zeros(honest) })
		t.hello = func(*peer) protocol.Hello {
			return protocol.Hello{
				MinVersion: 1, MaxVersion: protocol.Version, Volunteer: victim.hand.id, Agent: "adversary/1",
				Devices: []protocol.Device{{Lane: "cpu", Detail: "by hand", Threads: 1}},
			}
		}
		t.welcome = func(ctx context.Context, p *peer) error {
			// Its signature is good, its key is not the one in hello.
			if err := p.conn.Send(ctx, protocol.SignConsent(own, p.welcome.Nonce, agreement(time.Now()))); err != nil {
				return err
			}
			return p.want(ctx, 4)
		}
		return t
	})
	return Party{Cheats: []Player{impostor}, Dupes: []Player{victim}}
}

// castHopper casts a liar that offers another lane after each mark.
func castHopper(seed uint64, book *Book, lane func() device.Device) Party {
	names := []string{"cpu", "wasm", "webgpu", "webgl", "vulkan", "cuda"}
	next := 0
	t := func() trick {
		t := alters(func(honest [][]byte) [][]byte { return nudged(dice(seed, "hopper", 0), honest) })
		t.lane = names[next%len(names)]
		next++
		t.verdict = func(_ context.Context, _ *peer, v protocol.Verdict) error {
			if v.Status == protocol.StatusRejected {
				return errOver // on to the next lane
			}
			return nil
		}
		return t
	}
	return Party{Cheats: []Player{newBreaker(seed, "hopper", book, lane(), len(names), t)}}
}
