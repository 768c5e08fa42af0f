package protocol

import (
	"bytes"
	"context"
	"sync"
)

// pipeQueue is how many frames a pipe holds in each direction. A sender
// waits when it is full.
const pipeQueue = 16

// Pipe returns the two ends of a connection inside one process. Messages
// cross it as frames, so the ends share no memory.
func Pipe() (Conn, Conn) {
	a, b := FramePipe()
	return NewConn(a), NewConn(b)
}

// FramePipe is Pipe without the codec: for bridges, and for tests that send
// what no codec would.
func FramePipe() (Frames, Frames) {
	p := &pipe{closed: make(chan struct{})}
	ab, ba := make(chan []byte, pipeQueue), make(chan []byte, pipeQueue)
	return &pipeEnd{p, ba, ab}, &pipeEnd{p, ab, ba}
}

// pipe is closed once, for both ends.
type pipe struct {
	once   sync.Once
	closed chan struct{}
}

type pipeEnd struct {
	pipe    *pipe
	in, out chan []byte
}

var _ Frames = (*pipeEnd)(nil)

func (e *pipeEnd) SendFrame(ctx context.Context, frame []byte) error {
	select { // not left to chance when there is room as well
	case <-e.pipe.closed:
		return ErrClosed
	default:
	}
	select {
	case e.out <- bytes.Clone(frame):
		return nil
	case <-e.pipe.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *pipeEnd) ReceiveFrame(ctx context.Context) ([]byte, error) {
	select { // what has arrived comes before the end
	case frame := <-e.in:
		return frame, nil
	default:
	}
	select {
	case frame := <-e.in:
		return frame, nil
	case <-e.pipe.closed:
		select {
		case frame := <-e.in:
			return frame, nil
		default:
			return nil, ErrClosed
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e *pipeEnd) Close() error {
	e.pipe.once.Do(func() { close(e.pipe.closed) })
	return nil
}
