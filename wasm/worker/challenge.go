package worker

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

const (
	maxReplays = 4                // disputes whose traces are kept; a hub leads one at a time
	replayTime = 10 * time.Minute // a trace is kept after the last question, and a question may wait for its turn
)

// replay is one dispute about a result of this volunteer: its shard, run again
// with a trace. Only the digests stay between questions; what the shard reads is
// in the caches of blobs or fetched again.
type replay struct {
	id      [32]byte
	token   []byte // of the result, as last named
	key     ed25519.PrivateKey
	payload []byte // the shard
	lane    *lane
	ctx     context.Context // ends when the replay is forgotten
	cancel  context.CancelFunc
	used    time.Time // when it was last asked
	busy    bool      // its lane is at work on the question

	// Owned by the lane while busy, and by Run otherwise.
	question dispute.Question
	trace    *trace.Trace // nil before the first answer
	answer   []byte
}

// replayer is a computer whose programs leave traces.
type replayer interface {
	// replay is prepare for a question: the work answers it.
	replay(ctx context.Context, s job.Shard, r *replay) (work, error)
}

// challenged takes a question about a disputed result.
func (w *Worker) challenged(m protocol.Challenge) {
	if err := w.question(m); err != nil {
		w.decline(m.Token, m.Case, err.Error())
	}
}

// question answers m from the trace, or has the lane do it that computed the
// result. An error is the reason for not answering.
func (w *Worker) question(m protocol.Challenge) error {
	q, err := dispute.DecodeQuestion(m.Question)
	switch {
	case err != nil:
		return err
	case !w.ready():
		return errors.New("worker: nothing is agreed to on this connection")
	case w.state == StatePaused:
		return errors.New("worker: paused")
	}
	r, err := w.replayOf(m)
	if err != nil {
		return err
	}
	r.token, r.used, r.question = m.Token, time.Now(), q
	if r.trace != nil && q.Kind != dispute.Supply {
		// Looked up and signed: too little to wait for the device.
		if err := r.play(r.ctx, nil); err != nil {
			return err
		}
		w.respond(r)
		return nil
	}
	a := &attempt{
		lease: protocol.Lease{Token: m.Token, Payload: r.payload}, lane: r.lane,
		ctx: r.ctx, cancel: r.cancel, deadline: r.used.Add(replayTime), replay: r,
	}
	select {
	case r.lane.queue <- a:
		r.busy = true
		return nil
	default:
		return errors.New("worker: busy")
	}
}

// replayOf returns the case that m belongs to, which it may be the first to
// name. A case that nobody asks about at the moment makes room for it.
func (w *Worker) replayOf(m protocol.Challenge) (*replay, error) {
	if r := w.replays[m.Case]; r != nil {
		if r.busy {
			return nil, errors.New("worker: the last question of this case is still being answered")
		}
		return r, nil
	}
	switch {
	case len(m.Payload) == 0:
		return nil, errors.New("worker: this case is not known here any more")
	case m.Device >= uint64(len(w.lanes)):
		return nil, fmt.Errorf("worker: no device %d", m.Device)
	case w.lanes[m.Device].away:
		return nil, errors.New("worker: the device is gone")
	}
	if len(w.replays) >= maxReplays {
		var oldest *replay
		for _, r := range w.replays {
			if !r.busy && (oldest == nil || r.used.Before(oldest.used)) {
				oldest = r
			}
		}
		if oldest == nil {
			return nil, fmt.Errorf("worker: busy with %d other disputes", len(w.replays))
		}
		w.forgetReplay(oldest, "")
	}
	r := &replay{id: m.Case, key: w.cfg.Key, payload: m.Payload, lane: w.lanes[m.Device]}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	w.replays[m.Case] = r
	return r, nil
}

// replayed takes the lane's word about a question.
func (w *Worker) replayed(a *attempt, rep report) {
	r := a.replay
	if rep.started {
		return
	}
	if w.replays[r.id] != r {
		return // forgotten meanwhile, and the hub knows
	}
	if rep.err != nil {
		w.forgetReplay(r, rep.err.Error())
		return
	}
	r.busy = false
	w.respond(r)
}

// respond tells the hub what was answered. Without a connection nobody waits
// for it any more.
func (w *Worker) respond(r *replay) {
	if w.ready() {
		w.say(protocol.Response{Token: r.token, Case: r.id, Answer: r.answer})
	}
	r.answer = nil
}

func (w *Worker) decline(token []byte, id [32]byte, why string) {
	if w.ready() {
		w.say(protocol.Response{Token: token, Case: id, Refusal: protocol.Clip(why)})
	}
}

// forgetReplay drops a case. Whoever waits for an answer is told why there is
// none.
func (w *Worker) forgetReplay(r *replay, why string) {
	r.cancel()
	delete(w.replays, r.id)
	if r.busy {
		w.decline(r.token, r.id, why)
	}
}

// forgetReplays drops the cases that which names.
func (w *Worker) forgetReplays(why string, which func(*replay) bool) {
	for _, r := range w.replays {
		if which(r) {
			w.forgetReplay(r, why)
		}
	}
}

// play answers the question. Without a trace, and to supply inputs, it needs
// the device: it runs in run's hands.
func (r *replay) play(ctx context.Context, run *rerun) error {
	if r.trace == nil {
		t, _, err := trace.Record(ctx, run.dev, run.program, run.inputs, trace.Config{Stretch: run.stretch})
		if err != nil {
			return err
		}
		r.trace = t
	}
	player := dispute.Player{Trace: r.trace, Key: r.key, Values: func(ctx context.Context, values []int) ([][]byte, error) {
		return trace.Values(ctx, run.dev, run.program, run.inputs, values)
	}}
	answer, err := player.Answer(ctx, r.id, r.question)
	if err != nil {
		return err
	}
	r.answer = answer.Encode()
	if len(r.answer) > protocol.MaxAnswer {
		return fmt.Errorf("worker: the answer has %d bytes, a response holds %d", len(r.answer), protocol.MaxAnswer)
	}
	return nil
}

// rerun is what a shard is run again with.
type rerun struct {
	dev     device.Device
	program *program.Program
	inputs  [][]byte
	stretch int64 // bytes of outputs that are exposed at once
}

var _ replayer = (*programs)(nil)

// replay implements replayer. The device is the one that there is when the turn
// comes, as it is for shards.
func (p *programs) replay(ctx context.Context, s job.Shard, r *replay) (work, error) {
	prog, inputs, err := p.bring(ctx, s)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([][]byte, int64, error) {
		return nil, 0, r.play(ctx, &rerun{p.dev, prog, inputs, min(trace.DefaultStretch, p.maxMemory/8)})
	}, nil
}
