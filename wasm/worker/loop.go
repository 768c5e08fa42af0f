package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// loop is Run's goroutine: one event at a time, until w.ending.
func (w *Worker) loop(ctx context.Context) error {
	var (
		dials   = make(chan dialled)
		dialing sync.WaitGroup
		tick    = time.NewTicker(tickTime)
		timeout = time.NewTimer(0) // of the handshake, or of finishing
	)
	defer tick.Stop()
	defer timeout.Stop()
	<-timeout.C
	dctx, stopDialing := context.WithCancel(ctx)
	defer func() {
		stopDialing()
		dialing.Wait()
	}()
	dial := func() {
		var pause time.Duration
		if w.failures > 0 {
			pause = w.cfg.Backoff(w.failures)
		}
		w.cfg.Events(Event{Kind: Connecting, Wait: pause, Reason: reason(w.lastFailure)})
		dialing.Go(func() {
			conn, err := w.dial(dctx, pause)
			select {
			case dials <- dialled{conn, err}:
			case <-dctx.Done():
				if conn != nil {
					conn.Close()
				}
			}
		})
	}

	dial()
	for !w.ending {
		var in <-chan received
		var failed <-chan error
		if w.link != nil {
			in, failed = w.link.in, w.link.failed
		}
		out, head := w.link.next()
		select {
		case <-ctx.Done():
			w.end(context.Cause(ctx))
		case <-w.poke:
			w.obey(timeout)
		case d := <-dials:
			if d.err != nil {
				w.unreachable(d.err, true)
			} else {
				w.greet(d.conn)
				timeout.Reset(handshakeTime)
			}
		case out <- head:
			w.link.queue = w.link.queue[1:]
		case err := <-failed:
			if frameError(err) != nil {
				w.end(fmt.Errorf("worker: %w", err)) // ours: it would fail again
			} else {
				w.lose(err)
			}
		case r := <-in:
			w.receive(r)
		case r := <-w.reports:
			w.heard(r)
		case q := <-w.asked:
			w.ask(q)
		case <-tick.C:
			w.sweep(time.Now())
		case <-timeout.C:
			w.late()
		}
		w.settle(timeout)
		if !w.ending && w.redial {
			w.redial = false
			dial()
		}
	}
	w.leave()
	return w.err
}

// dial waits, then tries once.
func (w *Worker) dial(ctx context.Context, pause time.Duration) (protocol.Conn, error) {
	if err := wait(ctx, pause); err != nil {
		return nil, err
	}
	return w.cfg.Dial(ctx)
}

// end makes the loop its last round; the first reason counts.
func (w *Worker) end(err error) {
	if !w.ending {
		w.ending, w.err = true, err
	}
}

// unreachable counts a try that led nowhere, or a connection that ended. The
// latter alone is no reason to give up.
func (w *Worker) unreachable(err error, nowhere bool) {
	w.failures++
	w.lastFailure = err
	w.redial = true
	switch {
	case w.cfg.Conn != nil:
		w.end(fmt.Errorf("worker: connection ended: %w", err))
	case nowhere && w.cfg.GiveUp > 0 && w.failures >= w.cfg.GiveUp:
		w.end(fmt.Errorf("%w after %d tries: %w", ErrUnreachable, w.failures, err))
	}
}

// lose drops the connection. What is computed is kept for the next one.
func (w *Worker) lose(err error) {
	nowhere := w.link.step != open
	w.link.close()
	w.link = nil
	for _, l := range w.lanes {
		l.wanted = 0
	}
	w.update(func(s *Stats) { s.Connected = false })
	w.cfg.Events(Event{Kind: Disconnected, Reason: reason(err)})
	w.unreachable(err, nowhere)
}

// leave says goodbye, if there is anyone to say it to, and lets the hub close:
// a connection that is closed from here may lose its last words.
func (w *Worker) leave() {
	if w.link == nil {
		return
	}
	w.say(protocol.Goodbye{Reason: protocol.Clip(reason(w.err))})
	deadline := time.NewTimer(flushTime)
	defer deadline.Stop()
	all := false // has been handed to the sender
	for over := false; !over; {
		out, head := w.link.next()
		if out == nil && !all {
			all = true
			close(w.link.out)
		}
		select {
		case out <- head:
			w.link.queue = w.link.queue[1:]
		case r := <-w.link.in:
			over = r.err != nil && frameError(r.err) == nil
		case err := <-w.link.failed:
			over = err != nil
		case <-deadline.C:
			over = true
		}
	}
	w.link.close()
	w.link = nil
}

// say queues a message for the connection there is.
func (w *Worker) say(m protocol.Message) { w.link.queue = append(w.link.queue, m) }

// ready reports whether leases may be asked for and results delivered.
func (w *Worker) ready() bool { return w.link != nil && w.link.step == open }
