package engine

import (
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
)

// Event is one thing that happened to a job.
type Event struct {
	Type     string      `json:"type"` // report | progress | state
	Report   *job.Report `json:"report,omitempty"`
	Progress *Progress   `json:"progress,omitempty"`
	State    State       `json:"state,omitempty"`
	Reason   string      `json:"reason,omitempty"`
}

// Progress says how far the current round is.
type Progress struct {
	Round    int `json:"round"`
	Accepted int `json:"accepted"`
	Shards   int `json:"shards"`
}

// subscriberQueue bounds what waits for one subscriber. Who falls further
// behind is dropped, and may subscribe again.
const subscriberQueue = 256

// broker hands events to whoever subscribed to their job.
type broker struct {
	mu          sync.Mutex
	closed      bool
	subscribers map[string]map[chan Event]bool // by job
}

func newBroker() *broker { return &broker{subscribers: map[string]map[chan Event]bool{}} }

// subscribe returns a job's events from now on. The channel is closed when
// the subscriber is too slow, on cancel, and when the engine stops.
func (b *broker) subscribe(id string) (events <-chan Event, cancel func()) {
	c := make(chan Event, subscriberQueue)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		close(c)
		return c, func() {}
	}
	if b.subscribers[id] == nil {
		b.subscribers[id] = map[chan Event]bool{}
	}
	b.subscribers[id][c] = true
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.drop(id, c)
	}
}

// drop ends one subscription, once. The caller holds mu.
func (b *broker) drop(id string, c chan Event) {
	if !b.subscribers[id][c] {
		return
	}
	delete(b.subscribers[id], c)
	if len(b.subscribers[id]) == 0 {
		delete(b.subscribers, id)
	}
	close(c)
}

func (b *broker) publish(id string, ev Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.subscribers[id] {
		select {
		case c <- ev:
		default:
			b.drop(id, c)
		}
	}
}

// close ends every subscription, and those to come.
func (b *broker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for id, set := range b.subscribers {
		for c := range set {
			b.drop(id, c)
		}
	}
}
