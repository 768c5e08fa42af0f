package dispute

import (
	"crypto/ed25519"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/trace"
)

// judging comes after the last question.
const judging = Supply + 1

// Referee leads one dispute. It is not safe for concurrent use.
type Referee struct {
	c  Case
	id trace.Digest

	phase    Kind
	lo, size int // the ops among which the first difference lies
	supplier int // the party asked for the op's inputs
	waiting  [2]bool
	roots    [2]trace.Digest
	node     [2]trace.Digest    // what each party has above those ops
	children [2][2]trace.Digest // of the node, as answered in this round
	outputs  [2][]trace.Digest  // of the op, as revealed
	values   [][]byte           // the op's inputs
	verdict  Verdict
	settled  bool
	log      []Entry
}

// Verdict is how a dispute ended.
type Verdict struct {
	Op     int    // the first op in which the traces differ; -1 if it was not reached
	Name   string // that op's
	Rounds int    // of Descend
	Reruns int    // ops run by the referee: 1, or 0 if a fault showed earlier
	Bytes  [2]int64
	Faults [2]*Fault // of each party; nil for one that is not refuted
}

// Fault says why a party lost.
type Fault struct {
	Absent bool // it did not answer, by the referee's word; its signed answers prove every other fault
	Kind   Kind // the question it lost at; judged faults have 0
	Text   string
}

// NewReferee opens a case. supplier is the party to ask for inputs, should it
// come to that: the one with the better connection, say.
func NewReferee(c Case, supplier int) (*Referee, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if supplier < 0 || supplier > 1 {
		return nil, fmt.Errorf("dispute: supplier is %d, want 0 or 1", supplier)
	}
	r := &Referee{c: c, id: c.ID(), supplier: supplier, size: len(c.Program.Nodes()), verdict: Verdict{Op: -1}}
	r.ask(Commit)
	return r, nil
}

// ID names the case.
func (r *Referee) ID() trace.Digest { return r.id }

// Questions are the questions that are open now, one a party at most. There
// are none once the dispute is settled or Judge is due.
func (r *Referee) Questions() []Question {
	var open []Question
	for party, waiting := range r.waiting {
		if waiting {
			open = append(open, r.question(party))
		}
	}
	return open
}

func (r *Referee) question(party int) Question {
	return Question{Party: party, Kind: r.phase, Lo: r.lo, Size: r.size}
}

// Due tells whether it is time to Judge.
func (r *Referee) Due() bool { return r.phase == judging && !r.settled }

// Verdict returns the verdict once there is one.
func (r *Referee) Verdict() (Verdict, bool) { return r.verdict, r.settled }

// Answer takes a party's answer to the question that is open. An error means
// that it was not taken; an answer that is wrong is taken, and loses. The
// referee keeps what the answer holds.
func (r *Referee) Answer(party int, a Answer) error {
	if party < 0 || party > 1 || !r.waiting[party] {
		return ErrUnasked
	}
	q := r.question(party)
	if !ed25519.Verify(r.c.Claims[party].Key, signed(r.id, q, &a), a.Signature) {
		return ErrSignature
	}
	r.log = append(r.log, Entry{Party: party, Answer: &a})
	r.verdict.Bytes[party] += int64(len(q.Encode()) + len(a.Encode()))
	if text := r.take(party, a); text != "" {
		r.verdict.Faults[party] = &Fault{Kind: q.Kind, Text: text}
	}
	r.waiting[party] = false
	r.advance()
	return nil
}

// Forfeit ends the dispute for a party that cannot or will not answer what is
// asked of it.
func (r *Referee) Forfeit(party int, reason string) error {
	if party < 0 || party > 1 || !r.waiting[party] {
		return ErrUnasked
	}
	reason = reason[:min(len(reason), maxReason)]
	r.log = append(r.log, Entry{Party: party, Reason: reason})
	r.verdict.Bytes[party] += int64(len(r.question(party).Encode()))
	r.verdict.Faults[party] = &Fault{Absent: true, Kind: r.phase, Text: reason}
	r.waiting[party] = false
	r.advance()
	return nil
}

// advance goes on to the next question once all answers to this one are in.
func (r *Referee) advance() {
	if r.waiting != [2]bool{} {
		return
	}
	if r.verdict.Faults != [2]*Fault{} {
		r.settled = true
		return
	}
	switch r.phase {
	case Commit:
		if r.roots[0] == r.roots[1] {
			r.settled = true // and the outputs are the same: both traces lead to them
			return
		}
		r.node = r.roots
		r.narrow()
	case Descend:
		r.verdict.Rounds++
		left, side := trace.Split(r.size), 0
		if r.children[0][0] == r.children[1][0] {
			side = 1
			r.lo, r.size = r.lo+left, r.size-left
		} else {
			r.size = left
		}
		r.node = [2]trace.Digest{r.children[0][side], r.children[1][side]}
		r.narrow()
	case Reveal:
		r.phase = Supply
		if len(r.c.Program.Nodes()[r.lo].In) == 0 {
			r.phase = judging
			return
		}
		r.waiting[r.supplier] = true
	default:
		r.phase = judging
	}
}

// narrow asks for what is below the current node.
func (r *Referee) narrow() {
	if r.size > 1 {
		r.ask(Descend)
		return
	}
	r.verdict.Op, r.verdict.Name = r.lo, r.c.Program.Nodes()[r.lo].Def.Name
	r.ask(Reveal)
}

func (r *Referee) ask(k Kind) { r.phase, r.waiting = k, [2]bool{true, true} }
