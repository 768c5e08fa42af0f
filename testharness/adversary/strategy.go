package adversary

import (
	"context"
	"slices"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Dial opens a connection to the hub, as often as a player asks.
type Dial func(ctx context.Context) (protocol.Frames, error)

// Player is one volunteer, honest or not. It has one life.
type Player interface {
	// Play volunteers until ctx ends, or until the player has nothing left to
	// try: it was turned away, or its trick is over. What it closes is closed
	// when it returns. An error is the harness's, never the hub's.
	Play(ctx context.Context, dial Dial) error
	// IDs lists the keys the player has used so far. It may be called while
	// Play runs.
	IDs() [][32]byte
}

// Fate is what is to become of a strategy's players where results are
// compared.
type Fate int

// The fates.
const (
	// Marked players gave proof against themselves: a wrong result that was
	// compared, or a broken seal.
	Marked Fate = iota
	// Exposable players are marked if their turn came while the job ran.
	Exposable
	// Tolerated players did nothing that could be held against them: they are
	// refused, outwaited or paid nothing, and keep an empty record.
	Tolerated
)

// Act is something that a cheat does to the hub: what must have happened at
// least once for a run to prove anything.
type Act string

// The acts.
const (
	Lied       Act = "told a lie"
	Greeted    Act = "answered the welcome in its own way"
	Took       Act = "dealt with a lease in its own way"
	Opened     Act = "dealt with the opening of its seal in its own way"
	Delivered  Act = "delivered in its own way"
	Challenged Act = "answered a challenge in its own way"
)

// Strategy is one way of cheating.
type Strategy struct {
	Name string
	Does string // what its players do
	Ends string // what is to happen to them
	Fate Fate
	Act  Act // what it is about
	// Steady strategies err at a rate that does not depend on what the hub
	// believes: a job's epsilon is a promise against them. Against the others
	// lies may be left under assurance audited.
	Steady bool
	// Accomplices is how many players return the same wrong bytes for the same
	// shard. Replicas have an honest majority with more replicas than that.
	Accomplices int
	// Cast makes the strategy's players for one run.
	Cast Cast
}

// Cast makes players. Each player's device is one that lane makes, and the
// player's to close.
type Cast func(seed uint64, book *Book, lane func() device.Device) Party

// Party is who plays a strategy.
type Party struct {
	Cheats []Player
	// Dupes are used by the cheats and keep every rule: nothing may happen to
	// them.
	Dupes []Player
}

// All returns every strategy: liars first, then those who lie about their lies,
// then those who break the protocol.
func All() []Strategy { return slices.Concat(liars(), litigants(), breakers()) }
