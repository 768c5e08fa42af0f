package adversary

import (
	"context"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// question is a shard as a player knows it.
type question struct {
	key   Key
	job   string
	shard uint64
}

// index is the shard's place in its round: the low 24 bits of its number, as
// everybody can see in a job's receipts.
func (q question) index() uint64 { return q.shard & (1<<24 - 1) }

// hand is the cards one key holds: the leases it was dealt, and which of its
// answers are false. Its conns fill it as messages pass, its device asks it
// what it is computing. It is safe for concurrent use.
type hand struct {
	id   [32]byte
	book *Book
	ring *ring // nil: it has no accomplices

	mu       sync.Mutex // guards what follows
	byToken  map[string]question
	byKey    map[Key]question
	untrue   map[claim]bool // answers that are lies
	accepted int            // verdicts that accepted a result
}

func newHand(id [32]byte, book *Book) *hand {
	return &hand{
		id: id, book: book,
		byToken: map[string]question{}, byKey: map[Key]question{}, untrue: map[claim]bool{},
	}
}

// claim is an answer to a question. The same bytes may be the truth about
// another.
type claim struct {
	key    Key
	output job.Hash
}

// lied notes that outputs are not the answer to k.
func (h *hand) lied(k Key, outputs [][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.untrue[claim{k, job.Sum(job.EncodeOutputs(outputs))}] = true
}

// find returns the newest lease with this key.
func (h *hand) find(k Key) (q question, accepted int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q = h.byKey[k]
	q.key = k
	return q, h.accepted
}

// key is what the lease of a token asks.
func (h *hand) key(token []byte) Key {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byToken[string(token)].key
}

func (h *hand) received(m protocol.Message) {
	switch m := m.(type) {
	case protocol.Lease:
		s, err := job.DecodeShard(m.Payload)
		if err != nil {
			return // the worker says so
		}
		q := question{key: keyOf(s), job: m.Job, shard: m.Shard}
		h.mu.Lock()
		h.byToken[string(m.Token)], h.byKey[q.key] = q, q
		h.mu.Unlock()
		if h.ring != nil {
			h.ring.hold(q.key, h.id)
		}
	case protocol.Verdict:
		switch m.Status {
		case protocol.StatusAccepted:
			h.book.heard(m.Token, true)
			h.mu.Lock()
			h.accepted++
			h.mu.Unlock()
		case protocol.StatusRejected:
			h.book.heard(m.Token, false)
		}
	case protocol.Error:
		if m.Code == protocol.CodeBadSeal || m.Code == protocol.CodeBadResult {
			h.book.heard(m.Ref, false)
		}
	}
}

func (h *hand) sent(m protocol.Message) {
	r, ok := m.(protocol.Result)
	if !ok {
		return
	}
	output := job.Sum(r.Outputs)
	h.mu.Lock()
	q, known := h.byToken[string(r.Token)]
	lie := h.untrue[claim{q.key, output}]
	h.mu.Unlock()
	if known && lie {
		h.book.told(r.Token, Lie{Volunteer: h.id, Job: q.job, Shard: q.shard, Key: q.key, Output: output})
	}
}

// tap is a connection that a hand looks over.
type tap struct {
	protocol.Conn
	hand *hand
}

// Send notes a lie before it leaves: the verdict may be quicker than Send.
func (t tap) Send(ctx context.Context, m protocol.Message) error {
	t.hand.sent(m)
	return t.Conn.Send(ctx, m)
}

func (t tap) Receive(ctx context.Context) (protocol.Message, error) {
	m, err := t.Conn.Receive(ctx)
	if err == nil {
		t.hand.received(m)
	}
	return m, err
}
