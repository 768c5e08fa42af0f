package worker

import (
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// obey does what the newest wish says.
func (w *Worker) obey(timeout *time.Timer) {
	w.wishes.Lock()
	wish := w.wish
	w.wishes.Unlock()
	if wish == w.state {
		return
	}
	w.state, w.lastWait = wish, false
	w.update(func(s *Stats) { s.State = wish })
	switch wish {
	case StateStopped:
		w.end(nil)
		return
	case StateRunning:
		w.cfg.Events(Event{Kind: Started})
		return // settle asks for leases
	case StatePaused:
		w.handBack("paused", func(a *attempt) bool { return a.inHand() })
		w.forgetReplays("paused", func(*replay) bool { return true })
		w.cfg.Events(Event{Kind: Paused})
	case StateFinishing:
		w.handBack("finishing", func(a *attempt) bool { return a.phase == fetching })
		w.cfg.Events(Event{Kind: Finishing})
	}
	w.withdraw()
}

// withdraw takes back what was asked for and has not come.
func (w *Worker) withdraw() {
	for _, l := range w.lanes {
		w.withdrawFor(l)
	}
}

func (w *Worker) withdrawFor(l *lane) {
	if l.wanted > 0 && w.ready() {
		w.say(protocol.Want{Device: uint64(l.index)})
	}
	l.wanted = 0
}

// handBack returns the attempts that which names.
func (w *Worker) handBack(why string, which func(*attempt) bool) {
	var tokens [][]byte
	for _, a := range w.attempts {
		if which(a) {
			tokens = append(tokens, a.lease.Token)
			w.forget(a)
			w.returned(a, why)
		}
	}
	for len(tokens) > 0 {
		n := min(len(tokens), protocol.MaxTokens)
		w.giveBack(why, tokens[:n]...)
		tokens = tokens[n:]
	}
}

func (w *Worker) returned(a *attempt, why string) {
	e := a.event(Returned)
	e.Reason = why
	w.cfg.Events(e)
}

// giveBack tells the hub, if it is there; if not it has noticed already.
func (w *Worker) giveBack(why string, tokens ...[]byte) {
	if w.ready() {
		w.say(protocol.Return{Tokens: tokens, Reason: protocol.Clip(why)})
	}
}

// settle follows every event: it asks for what the lanes have room for, and
// ends a finishing worker that has nothing left to do.
func (w *Worker) settle(timeout *time.Timer) {
	if w.ending {
		return
	}
	if w.link != nil && len(w.link.queue) > maxQueue {
		w.lose(fmt.Errorf("worker: the hub keeps talking and does not listen"))
		return
	}
	if w.state == StateFinishing {
		w.finish(timeout)
		return
	}
	if !w.ready() || w.state != StateRunning {
		return
	}
	full := w.full()
	now := time.Now()
	for _, l := range w.lanes {
		n := w.cfg.InHand - l.held - l.wanted
		if n <= 0 || full || l.away || now.Before(l.restUntil) {
			continue
		}
		l.wanted += n
		w.say(protocol.Want{Device: uint64(l.index), Count: uint64(n)})
	}
}

// finish ends the worker when the last verdict is in. Once nothing is being
// computed the hub gets a while to speak.
func (w *Worker) finish(timeout *time.Timer) {
	if len(w.attempts) == 0 {
		w.end(nil)
		return
	}
	for _, a := range w.attempts {
		if a.inHand() {
			return
		}
	}
	if !w.lastWait {
		w.lastWait = true
		timeout.Reset(finishTime)
	}
}

// late is called when the handshake, or finishing, has taken too long.
func (w *Worker) late() {
	switch {
	case w.lastWait:
		w.end(nil)
	case w.link != nil && w.link.step != open:
		w.lose(fmt.Errorf("worker: the hub did not answer within %v", handshakeTime))
	}
}
