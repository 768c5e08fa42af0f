package export

import (
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// apart is how long before one another the keys of volunteers were made of whom
// that is not known: those who came at one time would look related.
const apart = 2 * time.Minute

// kinship tells which volunteers look related, without telling who they are.
type kinship struct {
	of      map[Volunteer]Identity
	builds  numbers
	blocks  numbers
	cleared map[Volunteer]bool // the hub has not held them to be related, whatever they look like
}

// newKinship finds out whom the hub has let vouch for one another although they
// look related by what is kept of them: its operator has other rules.
func newKinship(h *History) *kinship {
	k := &kinship{of: map[Volunteer]Identity{}, builds: numbers{}, blocks: numbers{}, cleared: map[Volunteer]bool{}}
	for _, id := range h.Identities {
		k.of[id.Volunteer] = id
	}
	for _, s := range h.Shards {
		for i, a := range s.Results {
			for _, b := range s.Results[:i] {
				if trust.Related(k.identity(a.Volunteer, a.Lane, a.Class), k.identity(b.Volunteer, b.Lane, b.Class)) {
					k.cleared[a.Volunteer], k.cleared[b.Volunteer] = true, true
				}
			}
		}
	}
	return k
}

func (k *kinship) identity(v Volunteer, lane, class string) trust.Identity {
	id := trust.Identity{Block: k.of[v].Block, Created: k.of[v].First, Build: k.of[v].Agent}
	if isDriven(lane) {
		id.Class = class
	}
	return id
}

// describe puts into e what may relate w to others: builds and blocks are numbers.
func (k *kinship) describe(w *person, e *incident.Event, began time.Time) {
	id, known := k.of[w.key]
	if !known || k.cleared[w.key] {
		e.Created, e.Build = -time.Duration(w.number)*apart, fmt.Sprintf("of volunteer %d", w.number)
		return
	}
	e.Created = max(min(id.First.Sub(began), incident.MaxTime), -incident.MaxTime)
	e.Build = k.builds.name("build", id.Agent)
	if id.Block != "" {
		e.Block = k.blocks.name("block", id.Block)
	}
}

// numbers are names that tell only what is the same.
type numbers map[string]int

func (n numbers) name(kind, of string) string {
	if n[of] == 0 {
		n[of] = len(n) + 1
	}
	return fmt.Sprintf("%s %d", kind, n[of])
}
