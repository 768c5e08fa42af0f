package trust

import (
	"math"
	"time"
)

// Record is the evidence in favour of one device. The zero Record is that of a
// stranger. It grows by verified work only, never by age or uptime, and fades
// with every result delivered and every day passed, because a rate may drift.
type Record struct {
	Verified float64   // results found right, faded
	At       time.Time // of the last update
}

// Memory says how fast evidence fades.
type Memory struct {
	Results float64       // delivering this many fades evidence to 1/e
	Age     time.Duration // and so does the passing of this much time
}

// DefaultMemory suits devices that deliver tens of thousands of results a year.
func DefaultMemory() Memory { return Memory{Results: 100_000, Age: 3 * 365 * 24 * time.Hour} }

// After returns the record after delivered further results, of which verified
// were found right.
func (m Memory) After(r Record, delivered, verified int64, at time.Time) Record {
	kept := -float64(delivered) / m.Results
	if !r.At.IsZero() && at.After(r.At) {
		kept -= float64(at.Sub(r.At)) / float64(m.Age)
	}
	return Record{Verified: r.Verified*math.Exp(kept) + float64(verified), At: at}
}

// Identity is what the hub can see of a volunteer besides its results.
type Identity struct {
	Block   string    // network address block
	Created time.Time // when its key was first seen
	Build   string    // of the software
	Class   string    // of the device: lane, adapter, driver
}

// sameBirth is how close in time two keys are that one person may have made.
const sameBirth = time.Minute

// Related reports whether two volunteers look as if one person, or one bug,
// stood behind both; then neither may vouch for the other. It is suspicion,
// not proof: it never costs anybody more than a shard that goes to a third.
func Related(a, b Identity) bool {
	if a.Block != "" && a.Block == b.Block || a.Class != "" && a.Class == b.Class {
		return true
	}
	gap := a.Created.Sub(b.Created).Abs()
	return a.Build == b.Build && gap < sameBirth && !a.Created.IsZero() && !b.Created.IsZero()
}
