package court

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// ErrGone is wrapped by Ask's error when the party is not there to be asked.
// Its answer would not have come: nobody waits for the deadline.
var ErrGone = errors.New("court: the party is not connected")

// Party is one side of a dispute.
type Party interface {
	// Ask returns the party's answer to a question of the case. An error is why
	// there is none: the party refuses, has gone, or ctx has ended.
	Ask(ctx context.Context, id [32]byte, question []byte) (answer []byte, err error)
}

// Config is the rules of procedure. Every field is required.
type Config struct {
	AnswerTime time.Duration // for each answer
	MaxAnswer  int           // bytes of an answer that can be brought here
}

// Case is what is disputed.
type Case struct {
	Program []byte   // program.Encode
	Inputs  [][]byte // in the order of the program's inputs
	Claims  [2]Claim
	Nonce   [16]byte // not used before
	// Supplier is the party to ask for the op's inputs, should it come to that.
	Supplier int
}

// Claim is what one party has returned, and the key it signs with.
type Claim struct {
	Key     ed25519.PublicKey
	Outputs [][]byte // in the order of the program's outputs
}

// Ruling is how a dispute ended.
type Ruling struct {
	// Settled is set when there is a verdict. Without one nothing is known of
	// either party, and the shard must be run again: nobody was there, or the
	// op's inputs are too large to be brought here.
	Settled  bool
	Reason   string // why not
	Verdict  dispute.Verdict
	Evidence []byte // dispute.Replay makes the verdict from it
}

// Proven reports whether the party's own signed answers show it to be at fault.
// A fault that is not proven is one of absence, by our word alone. Neither says
// that the other party's result is right.
func (r Ruling) Proven(party int) bool {
	f := r.Verdict.Faults[party]
	return r.Settled && f != nil && !f.Absent
}

// Bytes is how many bytes of questions and answers were exchanged.
func (r Ruling) Bytes() int64 { return r.Verdict.Bytes[0] + r.Verdict.Bytes[1] }

// Conduct leads a dispute to its end. Both parties are asked at the same time.
// A party that does not answer in time, refuses, or sends what it has not signed
// has forfeited. An error is ours, or that of ctx: nobody is to blame for it.
func Conduct(ctx context.Context, c Config, cs Case, parties [2]Party) (Ruling, error) {
	open, err := cs.open()
	if err != nil {
		return Ruling{}, err
	}
	r, err := dispute.NewReferee(open, cs.Supplier)
	if err != nil {
		return Ruling{}, err
	}
	for len(r.Questions()) > 0 {
		questions := r.Questions()
		longest := make([]int, len(questions)) // before the first answer is in, which moves the referee on
		for i, q := range questions {
			if longest[i] = r.MaxAnswer(q); longest[i] > c.MaxAnswer {
				return Ruling{Reason: fmt.Sprintf("the inputs of op %d have up to %d bytes, an answer holds %d", q.Lo, longest[i], c.MaxAnswer)}, nil
			}
		}
		replies := c.ask(ctx, r.ID(), questions, parties)
		if err := ctx.Err(); err != nil {
			return Ruling{}, err
		}
		if unattended(questions, replies) {
			return Ruling{Reason: "neither party is there to be asked"}, nil
		}
		for i, q := range questions {
			if err := enter(r, q.Party, longest[i], replies[i]); err != nil {
				return Ruling{}, err
			}
		}
	}
	if r.Due() {
		if err := r.Judge(ctx, reference.Interpret); err != nil {
			return Ruling{}, err
		}
	}
	v, _ := r.Verdict()
	return Ruling{Settled: true, Verdict: v, Evidence: r.Evidence()}, nil
}

// open makes digests of what the case holds.
func (cs Case) open() (dispute.Case, error) {
	p, err := program.Decode(cs.Program)
	if err != nil {
		return dispute.Case{}, err
	}
	c := dispute.Case{Program: p, Inputs: digests(cs.Inputs), Nonce: cs.Nonce}
	for i, claim := range cs.Claims {
		c.Claims[i] = dispute.Claim{Key: claim.Key, Outputs: digests(claim.Outputs)}
	}
	return c, nil
}

func digests(values [][]byte) []trace.Digest {
	list := make([]trace.Digest, len(values))
	for i, v := range values {
		list[i] = trace.DigestOf(v)
	}
	return list
}

// reply is what came of one question.
type reply struct {
	answer []byte
	err    error
}

// ask asks everybody who is to be asked now, and waits for all.
func (c Config) ask(ctx context.Context, id [32]byte, questions []dispute.Question, parties [2]Party) []reply {
	ctx, cancel := context.WithTimeout(ctx, c.AnswerTime)
	defer cancel()
	replies := make([]reply, len(questions))
	var asked sync.WaitGroup
	for i, q := range questions {
		asked.Go(func() {
			answer, err := parties[q.Party].Ask(ctx, id, q.Encode())
			if err != nil && ctx.Err() != nil {
				err = fmt.Errorf("no answer within %v", c.AnswerTime)
			}
			replies[i] = reply{answer, err}
		})
	}
	asked.Wait()
	return replies
}

// unattended reports whether a dispute has lost both its parties.
func unattended(questions []dispute.Question, replies []reply) bool {
	gone := 0
	for _, r := range replies {
		if errors.Is(r.err, ErrGone) {
			gone++
		}
	}
	return len(questions) == 2 && gone == 2
}

// enter hands a reply to the referee. What the party has not signed cannot be
// held against it as an answer, but it is none either; what is longer than any
// answer would only swell the evidence.
func enter(r *dispute.Referee, party, longest int, reply reply) error {
	if reply.err != nil {
		return r.Forfeit(party, reply.err.Error())
	}
	if len(reply.answer) > longest {
		return r.Forfeit(party, fmt.Sprintf("an answer of %d bytes, where the longest has %d", len(reply.answer), longest))
	}
	a, err := dispute.DecodeAnswer(reply.answer)
	if err == nil {
		err = r.Answer(party, a)
	}
	if errors.Is(err, dispute.ErrDamaged) || errors.Is(err, dispute.ErrSignature) {
		return r.Forfeit(party, err.Error())
	}
	return err
}
