package protocol

import "context"

// Conn carries messages between one volunteer and one hub, in order and
// without loss until it ends.
type Conn interface {
	// Send queues or writes m. It may be called from any goroutine; messages
	// of one goroutine keep their order. It waits while the peer is slow,
	// until ctx ends. m's bytes are the conn's until Send returns, the
	// caller's again afterwards. A message over a limit is refused with a
	// *FrameError and nothing is sent. Any other error ends the connection.
	Send(ctx context.Context, m Message) error

	// Receive returns the next message; its bytes are the caller's. One
	// goroutine at a time. A *FrameError means that the peer sent something
	// that is no message: the connection goes on. When ctx ends, Receive
	// returns its error and loses nothing. Any other error, ErrClosed among
	// them, is final; messages that arrived before the end come first.
	Receive(ctx context.Context) (Message, error)

	// Close ends the connection at once and unblocks both ends. It may be
	// called from any goroutine and more than once. What the conn started
	// has ended when it returns.
	Close() error
}

// Frames is what a transport provides: whole frames, in order. The rules are
// Conn's, with frames in place of messages: ReceiveFrame hands its slice over,
// and refuses a frame over its limit with a *FrameError.
type Frames interface {
	SendFrame(ctx context.Context, frame []byte) error
	ReceiveFrame(ctx context.Context) ([]byte, error)
	Close() error
}

// NewConn returns the Conn over a transport.
func NewConn(f Frames) Conn { return conn{f} }

type conn struct{ frames Frames }

func (c conn) Send(ctx context.Context, m Message) error {
	frame, err := Encode(m)
	if err != nil {
		return err
	}
	return c.frames.SendFrame(ctx, frame)
}

func (c conn) Receive(ctx context.Context) (Message, error) {
	frame, err := c.frames.ReceiveFrame(ctx)
	if err != nil {
		return nil, err
	}
	return Decode(frame)
}

func (c conn) Close() error { return c.frames.Close() }

// RemoteAddr returns where the peer is, as "host:port"; "" where the transport
// does not know.
func (c conn) RemoteAddr() string {
	if t, ok := c.frames.(interface{ RemoteAddr() string }); ok {
		return t.RemoteAddr()
	}
	return ""
}
