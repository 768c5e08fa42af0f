package adversary

import (
	"maps"
	"slices"
	"sync"
)

// ring is what accomplices share: who holds which shard, and a secret. They
// lie only about a shard that two of them hold, so that each vouches for the
// other; whether they do is settled once for each shard, when the first of
// them is asked. It is safe for concurrent use.
type ring struct {
	secret uint64

	mu      sync.Mutex // guards holders and plots
	holders map[Key]map[[32]byte]bool
	plots   map[Key]bool
}

func newRing(secret uint64) *ring {
	return &ring{secret: secret, holders: map[Key]map[[32]byte]bool{}, plots: map[Key]bool{}}
}

// hold notes that a member was dealt a shard.
func (r *ring) hold(k Key, id [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holders[k] == nil {
		r.holders[k] = map[[32]byte]bool{}
	}
	r.holders[k][id] = true
}

// lies reports whether the ring lies about a shard.
func (r *ring) lies(k Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	plot, settled := r.plots[k]
	if !settled {
		plot = len(r.holders[k]) > 1
		r.plots[k] = plot
	}
	return plot
}

// pool is what the lazy share: an answer to some question, whatever it was.
type pool struct {
	mu      sync.Mutex // guards answers
	answers map[Key][][]byte
}

// other returns an answer of the right shape to another question than k, or
// nil, and adds the right answer to k for others to use.
func (p *pool) other(k Key, honest [][]byte) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil {
		p.answers = map[Key][][]byte{}
	}
	var found [][]byte
	for _, key := range slices.SortedFunc(maps.Keys(p.answers), func(a, b Key) int { return slices.Compare(a[:], b[:]) }) {
		if key != k && fits(p.answers[key], honest) {
			found = p.answers[key]
			break
		}
	}
	p.answers[k] = copied(honest)
	return found
}
