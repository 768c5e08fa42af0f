package adversary

import (
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Details of the lanes of players who must look related to one another: a hub
// that is told so never asks one of them about another.
const (
	OneAdapter   = "one adapter of a single machine"
	BrokenDriver = "adapter with a broken driver"
)

// Constants of the liars. They suit jobs of some dozen shards.
const (
	someRate = 0.3
	rareRate = 0.15
	wakes    = 4 // shards a sleeper is honest for
	trusted  = 4 // accepted results after which a builder thinks it is believed
	agesBy   = 0.03
	gang     = 2
	machine  = 3 // keys of a sybil
	rebirths = 4
)

// liars are the strategies that answer falsely and keep every rule.
func liars() []Strategy {
	return []Strategy{
		{
			Name: "always", Does: "flips a bit of every result",
			Ends: "marked at its first comparison", Fate: Marked, Act: Lied, Steady: true,
			Cast: alone(always),
		},
		{
			Name: "noise", Does: "returns random bytes of the right size, outside the declared ranges",
			Ends: "marked at its first comparison; the job is not harmed by the ranges", Fate: Marked, Act: Lied, Steady: true,
			Cast: alone(func(seed uint64) mind {
				return func(t *turn) [][]byte { return noise(dice(seed, "noise", uint64(t.n)), t.honest) }
			}),
		},
		{
			Name: "random", Does: "lies at a steady rate of 30 %",
			Ends: "marked at its first lie that is compared", Fate: Exposable, Act: Lied, Steady: true,
			Cast: alone(func(seed uint64) mind { return random(seed, someRate) }),
		},
		{
			Name: "lazy-zeros", Does: "computes nothing and returns zeros",
			Ends: "marked at its first comparison", Fate: Marked, Act: Lied, Steady: true,
			Cast: alone(func(uint64) mind { return func(t *turn) [][]byte { return zeros(t.honest) } }),
		},
		{
			Name: "lazy-stale", Does: "returns its previous result again",
			Ends: "marked at its second result", Fate: Marked, Act: Lied, Steady: true,
			Cast: alone(func(uint64) mind { return stale(new(pool)) }),
		},
		{
			Name: "lazy-pool", Does: "two volunteers return whatever either computed for another shard",
			Ends: "marked; where both hold one shard their rubbish may agree", Fate: Marked, Act: Lied, Steady: true, Accomplices: gang,
			Cast: together(gang, "", func(uint64, *ring) mind { return stale(new(pool)) }),
		},
		{
			Name: "off-by-one", Does: "changes the lowest bit of one element of one result in three",
			Ends: "marked at its first lie that is compared: equality knows no tolerance", Fate: Exposable, Act: Lied, Steady: true,
			Cast: alone(func(seed uint64) mind { return random(seed, 1.0/3) }),
		},
		{
			Name: "climber", Does: "negates every gradient: plausible, within all ranges, and against the training",
			Ends: "marked at its first comparison", Fate: Marked, Act: Lied, Steady: true,
			Cast: alone(func(uint64) mind { return func(t *turn) [][]byte { return negated(t.honest) } }),
		},
		Sleeper(wakes),
		{
			Name: "builder", Does: "honest until some of its results were accepted, then lies rarely",
			Ends: "marked at the first lie that is checked", Fate: Exposable, Act: Lied,
			Cast: alone(func(seed uint64) mind {
				rarely := random(seed, rareRate)
				return func(t *turn) [][]byte {
					if t.accepted < trusted {
						return t.honest
					}
					return rarely(t)
				}
			}),
		},
		{
			Name: "targeted", Does: "lies about shard 1 of every round and about nothing else",
			Ends: "marked at the first such shard that is compared", Fate: Exposable, Act: Lied,
			Cast: alone(func(seed uint64) mind {
				return func(t *turn) [][]byte {
					if t.index() != 1 {
						return t.honest
					}
					return nudged(dice(seed, "targeted", t.shard), t.honest)
				}
			}),
		},
		{
			Name: "drift", Does: "ageing: its rate of errors grows with every shard",
			Ends: "marked at its first error that is compared", Fate: Exposable, Act: Lied,
			Cast: alone(func(seed uint64) mind {
				return func(t *turn) [][]byte { return random(seed, agesBy*float64(t.n+1))(t) }
			}),
		},
		{
			Name: "ring", Does: "two volunteers who lie, alike, only about shards that both hold",
			Ends: "outvoted and marked where the majority is honest or an auditor looks", Fate: Exposable, Act: Lied, Accomplices: gang,
			Cast: together(gang, "", func(_ uint64, r *ring) mind {
				return func(t *turn) [][]byte {
					if !r.lies(t.key) {
						return t.honest
					}
					return nudged(dice(r.secret, "ring", t.key.number()), t.honest)
				}
			}),
		},
		{
			Name: "reckless-ring", Does: "as the ring, until it feels safe: then its members lie on their own as well",
			Ends: "marked, and what they vouched for together is run again and undone", Fate: Exposable, Act: Lied, Accomplices: gang,
			Cast: together(gang, "", func(_ uint64, r *ring) mind {
				return func(t *turn) [][]byte {
					if !r.lies(t.key) && t.accepted < trusted {
						return t.honest
					}
					return nudged(dice(r.secret, "ring", t.key.number()), t.honest)
				}
			}),
		},
		{
			Name: "sybil", Does: "three keys on one machine that tell the same lies",
			Ends: "never asked to vouch for one another; marked", Fate: Marked, Act: Lied, Accomplices: machine,
			Cast: together(machine, OneAdapter, func(_ uint64, r *ring) mind {
				return func(t *turn) [][]byte { return nudged(dice(r.secret, "sybil", t.key.number()), t.honest) }
			}),
		},
		{
			Name: "faulty-driver", Does: "two volunteers whose driver fails alike on one shard in three: no ill will",
			Ends: "never asked to vouch for one another; their lane is marked or closed", Fate: Exposable, Act: Lied, Steady: true, Accomplices: gang,
			Cast: together(gang, BrokenDriver, func(uint64, *ring) mind {
				return func(t *turn) [][]byte {
					if t.key.number()%3 != 0 {
						return t.honest
					}
					return nudged(dice(0, "driver", t.key.number()), t.honest)
				}
			}),
		},
		{
			Name: "whitewash", Does: "always wrong; comes back under a new key each time it is turned away",
			Ends: "each key is marked at its first comparison and has gained nothing", Fate: Marked, Act: Lied, Steady: true,
			Cast: func(seed uint64, book *Book, lane func() device.Device) Party {
				return Party{Cheats: []Player{&liar{seed: seed, name: "whitewash", book: book, mind: always(seed), lives: rebirths, device: lane()}}}
			},
		},
	}
}

func always(seed uint64) mind { return random(seed, 1) }

// random lies at a rate, by dice that depend on the seed and on how many
// shards came before.
func random(seed uint64, rate float64) mind {
	return func(t *turn) [][]byte {
		r := dice(seed, "random", uint64(t.n))
		if r.Float64() >= rate {
			return t.honest
		}
		return nudged(r, t.honest)
	}
}

// stale returns another shard's answer, once there is one.
func stale(p *pool) mind {
	return func(t *turn) [][]byte {
		if old := p.other(t.key, t.honest); old != nil {
			return old
		}
		return t.honest
	}
}

// Sleeper is the strategy of being honest for some shards before being always
// wrong.
func Sleeper(after int) Strategy {
	return Strategy{
		Name: "sleeper", Does: "honest for its first shards, then always wrong",
		Ends: "marked at its first lie that is compared; what it did alone is done again", Fate: Exposable, Act: Lied,
		Cast: alone(func(seed uint64) mind {
			return func(t *turn) [][]byte {
				if t.n < after {
					return t.honest
				}
				return nudged(dice(seed, "sleeper", uint64(t.n)), t.honest)
			}
		}),
	}
}
