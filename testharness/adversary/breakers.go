package adversary

import (
	"bytes"
	"context"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Visits: how often a breaker comes back.
const (
	once  = 1
	often = 20
)

// breakers are the strategies that break the protocol's rules.
func breakers() []Strategy {
	return []Strategy{
		{
			Name: "seal-copier", Does: "seals rubbish and reveals what an accomplice who did the work reveals",
			Ends: "marked: what it reveals is not what it sealed", Fate: Marked, Act: Took,
			Cast: castCopier,
		},
		{
			Name: "seal-waiter", Does: "computes nothing and waits for another's answer before it seals",
			Ends: "outwaited: nothing is opened before everybody has sealed", Fate: Tolerated, Act: Took,
			Cast: visitor(often, func() trick {
				return trick{lease: func(ctx context.Context, p *peer, _ protocol.Lease) error { return p.want(ctx, 1) }}
			}),
		},
		{
			Name: "seal-breaker", Does: "reveals something else than it sealed",
			Ends: "marked at its first reveal", Fate: Marked, Act: Lied,
			Cast: visitor(often, func() trick {
				return trick{
					lease: func(ctx context.Context, p *peer, l protocol.Lease) error {
						if l.Sealed {
							return p.serveLease(ctx, l, nil)
						}
						return p.serveLease(ctx, l, firstBit) // no seal to break: a plain lie
					},
					open: func(ctx context.Context, p *peer, token []byte, sealed [][]byte) error {
						said := firstBit(sealed)
						p.hand.lied(p.hand.key(token), said)
						return p.deliver(ctx, token, said)
					},
				}
			}),
		},
		{
			Name: "seal-hoarder", Does: "seals and never reveals",
			Ends: "outwaited: another replica takes its place", Fate: Tolerated, Act: Opened,
			Cast: visitor(often, func() trick {
				return trick{open: func(context.Context, *peer, []byte, [][]byte) error { return nil }}
			}),
		},
		{
			Name: "double-spender", Does: "delivers each result twice, on two connections, and old ones again",
			Ends: "refused as duplicate or surplus: never paid twice", Fate: Tolerated, Act: Delivered,
			Cast: visitor(often, doubleSpender()),
		},
		{
			Name: "forger", Does: "alters tokens, uses another volunteer's, signs with another key",
			Ends: "refused: no such lease, bad signature", Fate: Tolerated, Act: Took,
			Cast: castForger,
		},
		{
			Name: "shape", Does: "delivers outputs of the wrong number or size",
			Ends: "marked at its first result", Fate: Marked, Act: Lied,
			Cast: visitor(often, func() trick {
				return alters(func(honest [][]byte) [][]byte {
					last := len(honest) - 1
					return append(copied(honest[:last]), append(bytes.Clone(honest[last]), 0, 0, 0, 0))
				})
			}),
		},
		{
			Name: "rubbish", Does: "delivers bytes that are no outputs at all",
			Ends: "marked at its first result", Fate: Marked, Act: Took,
			Cast: visitor(often, rubbish),
		},
		{
			Name: "staller", Does: "takes every lease it can get and never answers",
			Ends: "outwaited: overdue shards go to others", Fate: Tolerated, Act: Took,
			Cast: visitor(often, func() trick {
				return trick{lease: func(ctx context.Context, p *peer, _ protocol.Lease) error { return p.want(ctx, 1<<40) }}
			}),
		},
		{
			Name: "vanisher", Does: "hangs up on every lease and comes back",
			Ends: "outwaited: the lease goes to another at once", Fate: Tolerated, Act: Took,
			Cast: visitor(often, func() trick {
				return trick{lease: func(context.Context, *peer, protocol.Lease) error { return errOver }}
			}),
		},
		{
			Name: "returner", Does: "hands every lease back as soon as it comes and asks for more",
			Ends: "not offered the same shard again for a while", Fate: Tolerated, Act: Took,
			Cast: visitor(often, func() trick {
				return trick{lease: func(ctx context.Context, p *peer, l protocol.Lease) error {
					if err := p.conn.Send(ctx, protocol.Return{Tokens: [][]byte{l.Token}, Reason: "no"}); err != nil {
						return err
					}
					return p.want(ctx, 1)
				}}
			}),
		},
		{
			Name: "flooder", Does: "sends frames that are no messages, and messages that are the hub's",
			Ends: "its connection is ended, each time", Fate: Tolerated, Act: Greeted,
			Cast: visitor(often, func() trick { return trick{welcome: flood} }),
		},
		{
			Name: "consent-evader", Does: "asks for work without consent, with an expired one, with another's signature",
			Ends: "gets no lease", Fate: Tolerated, Act: Greeted,
			Cast: visitor(once, func() trick { return trick{welcome: evade} }),
		},
		{
			Name: "impostor", Does: "claims another volunteer's key, which it does not have",
			Ends: "gets no lease: it cannot sign the consent", Fate: Tolerated, Act: Greeted,
			Cast: castImpostor,
		},
		{
			Name: "lane-hopper", Does: "always wrong; claims another lane each time one is marked",
			Ends: "each lane is marked at its first comparison", Fate: Marked, Act: Lied, Steady: true,
			Cast: castHopper,
		},
	}
}

// visitor casts one breaker.
func visitor(visits int, t func() trick) Cast {
	return func(seed uint64, book *Book, lane func() device.Device) Party {
		return Party{Cheats: []Player{newBreaker(seed, "breaker", book, lane(), visits, t)}}
	}
}

// alters is the trick of answering with altered outputs, under all rules.
func alters(alter func(honest [][]byte) [][]byte) trick {
	return trick{lease: func(ctx context.Context, p *peer, l protocol.Lease) error { return p.serveLease(ctx, l, alter) }}
}
