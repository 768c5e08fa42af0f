package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// heard takes a lane's word.
func (w *Worker) heard(r report) {
	if r.attempt == nil {
		w.turned(r)
		return
	}
	a := r.attempt
	if a.replay != nil {
		w.replayed(a, r)
		return
	}
	stats := func(f func(d *DeviceStats)) { w.update(func(s *Stats) { f(&s.Devices[a.lane.index]) }) }
	if !r.started {
		stats(func(d *DeviceStats) { d.Job, d.Shard = "", 0 })
	}
	if w.attempts[string(a.lease.Token)] != a {
		return // paused, revoked or otherwise forgotten meanwhile
	}
	if r.started {
		a.phase = computing
		stats(func(d *DeviceStats) { d.Job, d.Shard = a.lease.Job, a.lease.Shard })
		w.cfg.Events(a.event(Computing))
		return
	}
	if r.err != nil {
		w.failed(a, r.err)
		return
	}
	a.lane.failures = 0
	a.lane.held--
	a.outputs, a.sum, a.took = r.outputs, r.sum, r.took
	stats(func(d *DeviceStats) {
		d.Computed++
		d.Busy += r.took
		d.Ops += r.ops
	})
	w.update(func(s *Stats) { s.Computed++ })
	e := a.event(Computed)
	e.Took, e.Ops = r.took, r.ops
	w.cfg.Events(e)
	a.phase = delivered
	if a.lease.Sealed {
		a.phase = sealed
	}
	w.countWaiting()
	w.deliver(a)
}

// failed hands back an attempt that could not be computed. A device that
// keeps failing rests.
func (w *Worker) failed(a *attempt, err error) {
	l := a.lane
	w.forget(a)
	if errors.Is(err, device.ErrLost) {
		l.away = true // until turned hears otherwise
	}
	w.giveBack(err.Error(), a.lease.Token)
	w.returned(a, err.Error())
	if l.failures++; l.failures >= maxFailures {
		l.restUntil = time.Now().Add(restTime)
		l.failures = 0
	}
}

// deliver says what the hub is to know next of a computed attempt. Without a
// connection it is said after the next handshake.
func (w *Worker) deliver(a *attempt) {
	if !w.ready() {
		return
	}
	a.retry = false
	if a.phase == sealed {
		w.say(protocol.Seal{Token: a.lease.Token, Seal: protocol.SealOf(a.sum, w.id, a.lease.Nonce)})
		w.cfg.Events(a.event(Sealed))
		return
	}
	w.say(protocol.SignResult(w.cfg.Key, protocol.Result{
		Token:   a.lease.Token,
		Outputs: a.outputs,
		Millis:  uint64(a.took.Milliseconds()),
	}))
	w.cfg.Events(a.event(Delivered))
}

// forget drops an attempt; a lane that still works on it is told to stop.
func (w *Worker) forget(a *attempt) {
	if w.attempts[string(a.lease.Token)] != a {
		return
	}
	if a.inHand() {
		a.lane.held--
	}
	a.cancel()
	delete(w.attempts, string(a.lease.Token))
	w.countWaiting()
}

func (w *Worker) countWaiting() {
	n, _ := w.waiting()
	w.update(func(s *Stats) { s.Waiting = n })
}

// waiting counts results that are computed and not judged, and their bytes.
func (w *Worker) waiting() (n int, bytes int64) {
	for _, a := range w.attempts {
		if !a.inHand() {
			n++
			bytes += int64(len(a.outputs))
		}
	}
	return n, bytes
}

// full reports whether so many results wait that no more are to be made.
func (w *Worker) full() bool {
	n, bytes := w.waiting()
	return n >= w.cfg.MaxWaiting || bytes >= w.cfg.WaitingBytes
}

// relieve hands one sealed result back when nothing but sealed results is
// left and no more may be made: the volunteers whose replicas are awaited may
// be full as well, each waiting for another.
func (w *Worker) relieve() {
	if w.state != StateRunning || !w.ready() || !w.full() {
		return
	}
	var oldest *attempt
	for _, a := range w.attempts {
		if a.phase != sealed {
			return
		}
		if oldest == nil || a.deadline.Before(oldest.deadline) {
			oldest = a
		}
	}
	w.handBack("too many sealed results wait to be opened", func(a *attempt) bool { return a == oldest })
}

// sweep forgets results that nobody will ask for any more, says again what
// the hub could not take, and shows the consent again before the hub takes it
// for expired. It is still the person's: Expires is signed.
func (w *Worker) sweep(now time.Time) {
	if w.ready() && now.After(w.link.renew) && now.Before(w.cfg.Consent.Expires) {
		w.link.renew = now.Add(renewTime)
		w.say(w.link.consent)
	}
	for _, a := range w.attempts {
		switch {
		case a.inHand():
		case now.After(a.deadline.Add(graceTime)):
			w.forget(a)
			w.returned(a, "no word from the hub long after the deadline")
		case a.retry:
			w.deliver(a)
		}
	}
	w.forgetReplays("", func(r *replay) bool { return !r.busy && now.After(r.used.Add(replayTime)) })
	w.relieve()
}

// ask passes on a lane's question for a blob.
func (w *Worker) ask(q *question) {
	w.questions[q.hash] = append(w.questions[q.hash], q)
	if w.ready() {
		w.say(protocol.GetBlob{Hash: q.hash})
	}
}

// answer answers everyone who waits for h.
func (w *Worker) answer(h job.Hash, a answer) {
	for _, q := range w.questions[h] {
		q.answer <- a
	}
	delete(w.questions, h)
}

var errNoBlob = fmt.Errorf("worker: the hub does not have it: %w", fs.ErrNotExist)
