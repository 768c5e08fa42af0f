package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/court"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// ErrUnasked means that nothing was asked that this answers, or not any more.
var ErrUnasked = errors.New("engine: nothing was asked that this answers")

// Dispute is how a dispute between two results of a shard ended.
type Dispute struct {
	Job      string
	Shard    ShardID
	A, B     volunteer.ID
	Op       int    // the first op in which they differ; -1 if it was not reached
	Name     string // that op's
	Rounds   int
	Bytes    int64    // of questions and answers
	Faults   [2]Fault // of A and of B
	Refuted  [2]bool  // what became of their results afterwards, by an audit; not stored with the dispute
	Evidence job.Hash // a pinned blob, which `shoal dispute replay` makes the verdict from
	At       time.Time
}

// Fault is why a party lost a dispute; the zero Fault is of one that did not.
type Fault struct {
	Text   string
	Absent bool // it did not answer, by the hub's word alone; every other fault is proven by what it signed
}

// ChallengeNotice asks a question of a dispute. Payload is shared: it must not
// be changed.
type ChallengeNotice struct {
	Token    []byte
	Device   int
	Case     [32]byte
	Question []byte
	Payload  []byte // the shard, with the first question that the connection is asked; nil afterwards
}

func (ChallengeNotice) notice() {}

// asked is a question that waits for its answer.
type asked struct {
	token []byte
	reply chan<- response // holds one
}

type response struct {
	answer []byte
	err    error
}

// ask asks a question and waits for the answer, until ctx ends or the volunteer
// has left.
func (m *Member) ask(ctx context.Context, n ChallengeNotice) ([]byte, error) {
	reply := make(chan response, 1)
	e := m.engine
	e.mu.Lock()
	if m.deaf || m.asked[n.Case] != nil {
		e.mu.Unlock()
		return nil, court.ErrGone
	}
	if m.asked == nil {
		m.asked = map[[32]byte]*asked{}
	}
	m.asked[n.Case] = &asked{n.Token, reply}
	m.notify(n)
	e.mu.Unlock()
	select {
	case r := <-reply:
		return r.answer, r.err
	case <-ctx.Done():
		e.mu.Lock()
		delete(m.asked, n.Case)
		e.mu.Unlock()
		return nil, ctx.Err()
	}
}

// Respond takes the volunteer's answer to a challenge, or its refusal. It
// returns ErrUnasked where there is no such challenge.
func (m *Member) Respond(token []byte, id [32]byte, answer []byte, refusal string) error {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	q := m.asked[id]
	if q == nil || !bytes.Equal(q.token, token) {
		return ErrUnasked
	}
	delete(m.asked, id)
	r := response{answer: answer}
	if refusal != "" {
		r = response{err: errors.New("refused: " + refusal)}
	}
	q.reply <- r
	return nil
}

// CannotRespond notes that the volunteer does not know what a challenge is. It
// refuses all that it is asked.
func (m *Member) CannotRespond() {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.abandon(errors.New("refused: its software knows no disputes"))
}

// abandon ends every question that waits, with the reason. The caller holds mu.
func (m *Member) abandon(err error) {
	for id, q := range m.asked {
		delete(m.asked, id)
		q.reply <- response{err: err}
	}
}

// litigant is a volunteer as a party to a dispute, on whichever connection it
// has.
type litigant struct {
	engine  *Engine
	result  Result
	payload []byte
	told    *Member // has the payload
}

// Ask implements court.Party.
func (l *litigant) Ask(ctx context.Context, id [32]byte, question []byte) ([]byte, error) {
	m, dev := l.engine.reach(l.result, l.told)
	if m == nil {
		return nil, court.ErrGone
	}
	n := ChallengeNotice{Token: l.result.Token, Device: dev, Case: id, Question: question}
	if m != l.told {
		n.Payload, l.told = l.payload, m
	}
	return m.ask(ctx, n)
}

// reach finds the connection to ask about a result, and the device: the one it
// was asked on before, or one with a device of the lane that computed it, or
// any, since honest devices agree.
func (e *Engine) reach(r Result, before *Member) (found *Member, dev int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.config.Now()
	best := 0
	e.connected(r.Volunteer, func(m *Member) {
		if m.deaf || !m.consent.After(now) {
			return
		}
		i := slices.IndexFunc(m.devices, func(d Device) bool { return d.Lane == r.Lane })
		rank := 1
		switch {
		case m == before:
			rank = 3
		case i >= 0:
			rank = 2
		}
		if rank > best {
			best, found, dev = rank, m, max(i, 0)
		}
	})
	return found, dev
}

// hearings lets a volunteer be part of one dispute at a time, so that none is
// asked more than it can answer in time.
type hearings struct {
	mu   sync.Mutex
	over map[volunteer.ID]chan struct{} // of those who are in one: closed when it ends
}

// enter waits until neither a nor b is in a dispute.
func (h *hearings) enter(ctx context.Context, a, b volunteer.ID) (leave func(), err error) {
	for {
		h.mu.Lock()
		wait := h.over[a]
		if wait == nil {
			wait = h.over[b]
		}
		if wait == nil {
			over := make(chan struct{})
			if h.over == nil {
				h.over = map[volunteer.ID]chan struct{}{}
			}
			h.over[a], h.over[b] = over, over
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				delete(h.over, a)
				delete(h.over, b)
				close(over)
			}, nil
		}
		h.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// dispute has a and b, which have returned different outputs for s, play it out,
// and pins the evidence. A ruling that is not settled says nothing of either.
//
// Absence refutes nothing: a liar would only have to wait until the other has
// closed its tab. Nor does a proven fault of one make the other right. Where no
// fault is proven, the shard must be run again.
func (e *Engine) dispute(ctx context.Context, j *jobRun, s *shard, a, b Result) (court.Ruling, Dispute, error) {
	if s.program.Task != nil {
		return court.Ruling{Reason: "a module leaves no trace"}, Dispute{}, nil
	}
	leave, err := e.hearings.enter(ctx, a.Volunteer, b.Volunteer)
	if err != nil {
		return court.Ruling{}, Dispute{}, err
	}
	defer leave()
	e.mu.Lock()
	playable := e.playable([]Result{a, b}) // what others did while this one waited counts
	e.mu.Unlock()
	if !playable {
		return court.Ruling{Reason: "one of them was proved wrong, or stayed away, meanwhile"}, Dispute{}, nil
	}
	results := [2]Result{a, b}
	c, err := e.dispatch(ctx, j, s, results)
	if err != nil {
		return court.Ruling{}, Dispute{}, fmt.Errorf("engine: dispute over shard %v: %w", s.id, err)
	}
	var parties [2]court.Party
	for i, r := range results {
		parties[i] = &litigant{engine: e, result: r, payload: s.payload}
	}
	rules := court.Config{AnswerTime: min(answerTime, e.config.Scheduler.LeaseTime), MaxAnswer: maxAnswer}
	ruling, err := court.Conduct(ctx, rules, c, parties)
	if err != nil || !ruling.Settled {
		return ruling, Dispute{}, err
	}
	h, err := j.holder.Put(ctx, ruling.Evidence)
	if err != nil {
		return ruling, Dispute{}, stored(err)
	}
	if err := e.pin(ctx, h, int64(len(ruling.Evidence))); err != nil {
		return ruling, Dispute{}, err
	}
	v := ruling.Verdict
	d := Dispute{
		Job: j.record.ID, Shard: s.id, A: a.Volunteer, B: b.Volunteer,
		Op: v.Op, Name: v.Name, Rounds: v.Rounds, Bytes: ruling.Bytes(), Evidence: h, At: e.config.Now(),
	}
	for i, f := range v.Faults {
		if f != nil {
			d.Faults[i] = Fault{Text: f.Text, Absent: f.Absent}
			if f.Absent { // before anybody whose turn is next asks it again
				e.stayedAway(results[i].Volunteer)
			}
		}
	}
	e.log.Info("dispute settled", "job", d.Job, "shard", d.Shard.String(), "op", d.Op, "name", d.Name, "rounds", d.Rounds, "bytes", d.Bytes,
		"a", a.Volunteer.Short(), "fault_a", d.Faults[0].Text, "b", b.Volunteer.Short(), "fault_b", d.Faults[1].Text)
	return ruling, d, nil
}

func (e *Engine) stayedAway(v volunteer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.absent[v] = true
}

// answerTime is how long a question of a dispute may stay unanswered: a replay
// of a shard, and no more, since the job waits for it.
const answerTime = 20 * time.Second

// maxAnswer is protocol.MaxAnswer, which the engine does not know: what a frame
// can hold beside the rest of a response.
const maxAnswer = 64<<20 - 4<<10

// dispatch collects what a dispute is about.
func (e *Engine) dispatch(ctx context.Context, j *jobRun, s *shard, results [2]Result) (court.Case, error) {
	c := court.Case{Inputs: make([][]byte, len(s.shard.Inputs))}
	var err error
	if c.Program, err = j.holder.Get(ctx, s.shard.Program); err != nil {
		return c, err
	}
	for i, in := range s.shard.Inputs {
		if c.Inputs[i] = in.Data; in.Data == nil {
			if c.Inputs[i], err = j.holder.Get(ctx, in.Blob); err != nil {
				return c, err
			}
		}
	}
	for i, r := range results {
		encoded, err := j.holder.Get(ctx, r.Output)
		if err != nil {
			return c, err
		}
		c.Claims[i].Key = ed25519.PublicKey(r.Volunteer[:])
		if c.Claims[i].Outputs, err = job.DecodeOutputs(encoded); err != nil {
			return c, err
		}
	}
	_, err = io.ReadFull(e.config.Rand, c.Nonce[:])
	return c, err
}
