package worker

import (
	"fmt"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// turned takes a lane's word about its device.
func (w *Worker) turned(r report) {
	l := r.lane
	switch r.turn {
	case Lost:
		l.away = true
		w.withdrawFor(l)
	case Reopened:
		l.away, l.failures = false, 0
	case Dropped:
		w.drop(l, r.err)
	}
	w.cfg.Events(Event{Kind: r.turn, Device: l.index, Lane: l.caps.Lane, Reason: reason(r.err)})
	if r.turn == Dropped && w.devicesLeft() == 0 {
		w.end(fmt.Errorf("%w: %s: %w", ErrNoDevice, l.caps.Lane, r.err))
	}
}

// drop ends the use of a lane. What it had in hand goes back; what it has
// computed stays.
func (w *Worker) drop(l *lane, cause error) {
	l.away, l.dropped = true, true
	w.withdrawFor(l)
	w.handBack("the device is gone", func(a *attempt) bool { return a.lane == l && a.inHand() })
	w.update(func(s *Stats) { s.Devices[l.index].Dropped = true })
	w.unfit = append(w.unfit, protocol.Lane{
		Lane:   l.caps.Lane,
		Detail: protocol.Clip(l.caps.Detail),
		Reason: protocol.Clip(cause.Error()),
	})
	if w.ready() {
		w.reportUnfit()
	}
}

// devicesLeft does not count the sandbox: who has lost the last device may have
// others to go on with, and offers the sandbox again beside them.
func (w *Worker) devicesLeft() int {
	n := 0
	for _, l := range w.lanes[:len(w.cfg.Devices)] {
		if !l.dropped {
			n++
		}
	}
	return n
}

// reportUnfit tells the hub which lanes of this machine are not used: it
// collects what fails where.
func (w *Worker) reportUnfit() {
	if len(w.unfit) > 0 {
		w.say(protocol.Unfit{Lanes: w.unfit[max(len(w.unfit)-protocol.MaxUnfit, 0):]})
	}
}
