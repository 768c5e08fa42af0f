package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// greet opens the conversation on a new connection.
func (w *Worker) greet(conn protocol.Conn) {
	w.link = newLink(conn)
	hello := protocol.Hello{
		MinVersion: protocol.Version,
		MaxVersion: protocol.Version,
		Volunteer:  w.id,
		Agent:      w.cfg.Agent,
	}
	for _, l := range w.lanes {
		hello.Devices = append(hello.Devices, protocol.Device{
			Lane:    l.caps.Lane,
			Detail:  protocol.Clip(l.caps.Detail),
			Threads: uint64(max(l.caps.Threads, 0)),
			Memory:  uint64(max(l.caps.Memory, 0)),
		})
	}
	w.say(hello)
}

// receive takes one message, or what came instead.
func (w *Worker) receive(r received) {
	if fe := frameError(r.err); fe != nil {
		w.say(fe.Reply())
		return
	}
	if r.err != nil {
		w.lose(r.err)
		return
	}
	switch m := r.message.(type) {
	case protocol.Welcome:
		w.welcomed(m)
	case protocol.Consented:
		w.consented(m)
	case protocol.Lease:
		w.leased(m)
	case protocol.Open:
		w.opened(m)
	case protocol.Verdict:
		w.judged(m)
	case protocol.Revoke:
		w.revoked(m)
	case protocol.Challenge:
		w.challenged(m)
	case protocol.Blob:
		w.answer(m.Hash, answer{data: m.Data})
	case protocol.StatusUpdate:
		w.cfg.Events(Event{Kind: Progress, JSON: m.JSON})
	case protocol.Goodbye:
		w.lose(fmt.Errorf("worker: the hub says goodbye: %s", m.Reason))
	case protocol.Error:
		w.refused(m)
	default:
		w.say(protocol.Error{Code: protocol.CodeUnexpected, Message: m.Type().String() + " is not for volunteers"})
	}
}

// welcomed answers with the consent, signed over the welcome's nonce.
func (w *Worker) welcomed(m protocol.Welcome) {
	if w.link.step != greeting {
		w.say(protocol.Error{Code: protocol.CodeUnexpected, Message: "a second welcome"})
		return
	}
	if m.Version != protocol.Version {
		w.end(fmt.Errorf("%w: it chose version %d, we offered %d", ErrRefused, m.Version, protocol.Version))
		return
	}
	now := time.Now()
	w.ahead = m.Now.Sub(now)
	record := w.cfg.Consent
	if !record.Expires.IsZero() && !now.Before(record.Expires) {
		w.end(fmt.Errorf("%w: it expired at %v", ErrConsent, record.Expires))
		return
	}
	w.link.consent = protocol.SignConsent(w.cfg.Key, m.Nonce, record)
	w.link.step = agreeing
	w.say(w.link.consent)
	w.update(func(s *Stats) { s.Hub = m.Hub })
}

// consented opens the connection for work, and says again what the last one
// may have lost.
func (w *Worker) consented(m protocol.Consented) {
	w.link.renew = w.local(m.Expires).Add(-renewTime)
	if w.link.step != agreeing {
		return // the consent was renewed
	}
	w.link.step = open
	w.failures, w.lastFailure = 0, nil
	hub := ""
	w.update(func(s *Stats) { s.Connected, hub = true, s.Hub })
	w.cfg.Events(Event{Kind: Connected, Hub: hub})
	w.reportUnfit()
	for h := range w.questions {
		w.say(protocol.GetBlob{Hash: h})
	}
	for _, a := range w.attempts {
		if !a.inHand() {
			if a.lease.Sealed {
				a.phase = sealed // the hub has forgotten the seal with the connection
			}
			w.deliver(a)
		}
	}
}

// leased takes on a lease that was asked for.
func (w *Worker) leased(m protocol.Lease) {
	if m.Device >= uint64(len(w.lanes)) {
		w.giveBack("no such device", m.Token)
		return
	}
	l := w.lanes[m.Device]
	_, known := w.attempts[string(m.Token)]
	switch {
	case known:
		return // after a reconnect: we are at it
	case l.dropped:
		w.giveBack("the device is gone", m.Token)
		return
	case w.state != StateRunning:
		w.giveBack(string(w.state), m.Token)
		return
	case l.held >= maxInHand:
		w.giveBack("not asked for", m.Token)
		return
	}
	l.wanted = max(l.wanted-1, 0)
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{lease: m, lane: l, ctx: ctx, cancel: cancel, deadline: w.local(m.Deadline)}
	select {
	case l.queue <- a:
	default: // full of what was handed back while the device would not let go
		cancel()
		w.giveBack("busy", m.Token)
		return
	}
	l.held++
	w.attempts[string(m.Token)] = a
	w.cfg.Events(a.event(Leased))
}

// opened delivers what was sealed.
func (w *Worker) opened(m protocol.Open) {
	a := w.attempts[string(m.Token)]
	if a == nil || a.inHand() {
		w.say(protocol.Error{Code: protocol.CodeBadLease, Message: "nothing is sealed under this lease", Ref: m.Token})
		return
	}
	a.phase = delivered
	w.deliver(a)
}

// judged books a verdict. The first one ends the attempt here, since the hub
// has the result; of a pending one only its name is kept, to tell whom the
// second verdict is about.
func (w *Worker) judged(m protocol.Verdict) {
	token := string(m.Token)
	e := w.pending[token]
	if a := w.attempts[token]; a != nil && a.phase == delivered {
		e = a.event(Judged)
		w.forget(a)
	}
	delete(w.pending, token)
	if m.Status == protocol.StatusPending && len(w.pending) < maxPending {
		w.pending[token] = e
	}
	e.Kind, e.Status, e.Credit, e.Reason = Judged, m.Status, m.Credit, m.Reason
	w.update(func(s *Stats) {
		s.Credit += m.Credit
		switch m.Status {
		case protocol.StatusAccepted:
			s.Accepted++
		case protocol.StatusRejected:
			s.Rejected++
		}
	})
	w.cfg.Events(e)
}

func (w *Worker) revoked(m protocol.Revoke) {
	a := w.attempts[string(m.Token)]
	if a == nil {
		return
	}
	w.forget(a)
	e := a.event(Revoked)
	e.Reason = m.Reason
	w.cfg.Events(e)
}

// refused takes the hub's no: to a result, to a question, or to us.
func (w *Worker) refused(m protocol.Error) {
	e := Event{Kind: Refused, Code: m.Code, Reason: m.Message}
	if a := w.attempts[string(m.Ref)]; a != nil && !a.inHand() {
		e.Job, e.Shard, e.Device = a.lease.Job, a.lease.Shard, a.lane.index
		switch m.Code {
		case protocol.CodeInternal, protocol.CodeBusy, protocol.CodeClosing:
			a.retry = true
		default:
			w.forget(a)
		}
	}
	w.cfg.Events(e)
	if len(m.Ref) == len(job.Hash{}) && m.Code == protocol.CodeNotFound {
		w.answer(job.Hash(m.Ref), answer{err: errNoBlob})
	}
	if err := refusal(m, len(w.lanes)); err != nil {
		w.end(err)
		return
	}
	if m.Fatal || w.link.step != open {
		w.lose(m)
	}
}
