package adversary

import (
	"slices"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
)

// Key names a question: a program and the bytes of its inputs. Two replicas of
// a shard have the same key, and so has the shard in its receipt.
type Key job.Hash

// KeyOf returns the key of a program and the hashes of its inputs.
func KeyOf(program job.Hash, inputs []job.Hash) Key {
	b := slices.Clone(program[:])
	for _, h := range inputs {
		b = append(b, h[:]...)
	}
	return Key(job.Sum(b))
}

// keyOf returns the key of a shard as it travels.
func keyOf(s job.Shard) Key {
	inputs := make([]job.Hash, len(s.Inputs))
	for i, in := range s.Inputs {
		if inputs[i] = in.Blob; in.Data != nil {
			inputs[i] = job.Sum(in.Data)
		}
	}
	return KeyOf(s.Program, inputs)
}

// Lie is one false result that reached the hub.
type Lie struct {
	Volunteer [32]byte
	Job       string
	Shard     uint64
	Key       Key
	Output    job.Hash // of the encoded outputs
	// Believed and Caught are what the hub has said of it: a verdict that
	// accepts; one that rejects, or a refusal. A lie may be believed first and
	// caught later; neither means that it came too late, or that the volunteer
	// had hung up before it heard.
	Believed, Caught bool
}

// Book is the account of what the players of one run have done: the lies they
// told and the tricks they played. It is safe for concurrent use.
type Book struct {
	mu   sync.Mutex // guards lies and acts
	lies map[string]*Lie
	acts map[Act]int
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{lies: map[string]*Lie{}, acts: map[Act]int{}} }

// Acts is how often something was done.
func (b *Book) Acts(a Act) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.acts[a]
}

func (b *Book) acted(a Act) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acts[a]++
}

// Lies returns what has been told so far.
func (b *Book) Lies() []Lie {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Lie, 0, len(b.lies))
	for _, l := range b.lies {
		list = append(list, *l)
	}
	return list
}

// told enters a lie under the token of its lease. The same again changes
// nothing.
func (b *Book) told(token []byte, l Lie) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lies[string(token)] == nil {
		b.lies[string(token)] = &l
		b.acts[Lied]++
	}
}

// heard notes the hub's word about the lie under a token, if there is one.
func (b *Book) heard(token []byte, believed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch l := b.lies[string(token)]; {
	case l == nil:
	case believed:
		l.Believed = true
	default:
		l.Caught = true
	}
}
