package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// link is one connection and its two goroutines. Sending has a goroutine of
// its own so that Run never waits for a slow hub, which might itself be
// waiting for Run.
type link struct {
	conn    protocol.Conn
	in      chan received
	out     chan protocol.Message // closed by Run to say that no more follows
	failed  chan error            // holds one: why sending ended early
	cancel  context.CancelFunc
	running sync.WaitGroup

	step    step
	consent protocol.Consent   // as it was signed for this connection
	renew   time.Time          // when to show it again: a hub may count it for a shorter time
	queue   []protocol.Message // what Run has decided to send; bounded by what is in hand
}

// step is how far the opening of a conversation has come.
type step int

const (
	greeting step = iota // hello sent
	agreeing             // consent sent
	open                 // consented: leases may come
)

// received is a message, or why there is none.
type received struct {
	message protocol.Message
	err     error
}

// newLink starts a link that lives until close, whatever becomes of the
// context of Run: a goodbye must still get out.
func newLink(conn protocol.Conn) *link {
	ctx, cancel := context.WithCancel(context.Background())
	k := &link{
		conn:   conn,
		in:     make(chan received),
		out:    make(chan protocol.Message),
		failed: make(chan error, 1),
		cancel: cancel,
	}
	k.running.Go(func() { k.receive(ctx) })
	k.running.Go(func() { k.send(ctx) })
	return k
}

func (k *link) receive(ctx context.Context) {
	for {
		m, err := k.conn.Receive(ctx)
		select {
		case k.in <- received{m, err}:
		case <-ctx.Done():
			return
		}
		if err != nil && frameError(err) == nil {
			return
		}
	}
}

func (k *link) send(ctx context.Context) {
	for {
		select {
		case m, more := <-k.out:
			if !more {
				return
			}
			if err := k.conn.Send(ctx, m); err != nil {
				k.failed <- err
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// close ends the connection and waits for both goroutines.
func (k *link) close() {
	k.cancel()
	k.conn.Close()
	k.running.Wait()
}

// next returns the channel and message to offer to the sender, or nil when
// there is nothing to send.
func (k *link) next() (chan<- protocol.Message, protocol.Message) {
	if k == nil || len(k.queue) == 0 {
		return nil, nil
	}
	return k.out, k.queue[0]
}

func frameError(err error) *protocol.FrameError {
	var fe *protocol.FrameError
	if errors.As(err, &fe) {
		return fe
	}
	return nil
}
