// Package wsconn carries the protocol over a WebSocket, for native programs
// on either side. One frame is one binary message.
//
// It owns liveness (pings) and transport limits. It refuses to know what the
// frames say, how the WebSocket was opened, and whose it is.
package wsconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// Options tune a connection. Zero fields get the defaults named beside them.
type Options struct {
	Ping   time.Duration // 15 s; time between pings; a peer silent for two of them is gone
	Write  time.Duration // 60 s; time one frame may take to leave, at least
	Queue  int           // 4; received frames kept for Receive; reading pauses when full
	Linger time.Duration // 500 ms; time Close gives the peer to take what was sent
	Closed string        // reason in the close frame, for people
}

func (o Options) withDefaults() Options {
	if o.Ping <= 0 {
		o.Ping = 15 * time.Second
	}
	if o.Write <= 0 {
		o.Write = 60 * time.Second
	}
	if o.Queue <= 0 {
		o.Queue = 4
	}
	if o.Linger <= 0 {
		o.Linger = 500 * time.Millisecond
	}
	return o
}

// New returns the protocol connection over ws, which it owns from now on. It
// starts a goroutine that reads, and one for each ping while that leaves; Close
// waits for them.
func New(ws *websocket.Conn, opts Options) protocol.Conn {
	return protocol.NewConn(NewFrames(ws, opts))
}

// NewFrames is New without the codec.
func NewFrames(ws *websocket.Conn, opts Options) protocol.Frames {
	opts = opts.withDefaults()
	f := &frames{
		ws:      ws,
		opts:    opts,
		in:      make(chan received, opts.Queue),
		writing: make(chan struct{}, 1),
		closing: make(chan struct{}),
	}
	ws.SetReadLimit(protocol.MaxFrame)
	ws.SetPongHandler(func(string) error { return f.alive() })
	ping := ws.PingHandler() // answers with a pong
	ws.SetPingHandler(func(data string) error { return errors.Join(f.alive(), ping(data)) })
	f.running.Go(f.read)
	f.running.Add(1) // until the timer is stopped
	f.patience.Lock()
	f.pinger = time.AfterFunc(opts.Ping, f.ping)
	f.patience.Unlock()
	return f
}

type frames struct {
	ws      *websocket.Conn
	opts    Options
	in      chan received // closed by the reader, after its last error
	writing chan struct{} // holds a token while a frame is being written
	closing chan struct{}
	close   sync.Once
	running sync.WaitGroup

	patience sync.Mutex  // guards the read deadline and the timer, which Close is the last to set
	last     time.Time   // the deadline Close has set; nothing moves it further
	pinger   *time.Timer // not a goroutine: a hub has a thousand idle volunteers
}

// received is a frame, or why there is none: a *protocol.FrameError, or the
// error that ended the connection, always last.
type received struct {
	frame []byte
	err   error
}

var _ protocol.Frames = (*frames)(nil)

// alive extends the peer's time: it has just shown a sign of life.
func (f *frames) alive() error {
	f.patience.Lock()
	defer f.patience.Unlock()
	if !f.last.IsZero() {
		return nil
	}
	return f.ws.SetReadDeadline(time.Now().Add(2 * f.opts.Ping))
}

func (f *frames) read() {
	defer close(f.in)
	for {
		r := f.readOne()
		select {
		case f.in <- r:
		case <-f.closing: // nobody listens: what still comes is thrown away
		}
		if r.err != nil && !recoverable(r.err) {
			f.ws.Close() // fails writers at once
			return
		}
	}
}

func (f *frames) readOne() received {
	// The deadline counts from here, not from the last frame: while the queue
	// was full nobody listened for pongs.
	if err := f.alive(); err != nil {
		return received{err: ended(err)}
	}
	kind, r, err := f.ws.NextReader()
	if err != nil {
		return received{err: ended(err)}
	}
	if kind != websocket.BinaryMessage {
		return received{err: &protocol.FrameError{Code: protocol.CodeMalformed, Detail: "text message; frames are binary"}}
	}
	var first [1]byte
	switch _, err := io.ReadFull(r, first[:]); {
	case err == io.EOF:
		return received{frame: []byte{}} // the codec says what is wrong with it
	case err != nil:
		return received{err: ended(err)}
	}
	limit := protocol.FrameLimit(protocol.Type(first[0]))
	frame, err := readBounded(r, first[0], limit, f.alive)
	switch {
	case err != nil:
		return received{err: ended(err)}
	case len(frame) > limit: // NextReader skips the rest
		return received{err: &protocol.FrameError{
			Code:   protocol.CodeTooLarge,
			Frame:  protocol.Type(first[0]),
			Detail: fmt.Sprintf("frame has more than %d bytes", limit),
		}}
	}
	return received{frame: frame}
}

// readBounded reads the rest of a message, at most one byte over limit. The
// slice grows with what has arrived, never with what was announced. progress
// is called as bytes come in.
func readBounded(r io.Reader, first byte, limit int, progress func() error) ([]byte, error) {
	frame := append(make([]byte, 0, 512), first)
	for len(frame) <= limit {
		if len(frame) == cap(frame) {
			frame = append(frame, 0)[:len(frame)]
		}
		n, err := r.Read(frame[len(frame):min(cap(frame), limit+1)])
		frame = frame[:len(frame)+n]
		if err == io.EOF {
			return frame, nil
		}
		if err := errors.Join(err, progress()); err != nil {
			return nil, err
		}
	}
	return frame, nil
}

func recoverable(err error) bool {
	var fe *protocol.FrameError
	return errors.As(err, &fe)
}

// ended turns the transport's word for an orderly end into ErrClosed.
func ended(err error) error {
	if errors.Is(err, net.ErrClosed) || websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		return protocol.ErrClosed
	}
	return fmt.Errorf("wsconn: %w", err)
}

// ping is called by the timer, on a goroutine of its own.
func (f *frames) ping() {
	// An error shows up in the reader as well, which reports it.
	_ = f.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(f.opts.Ping))
	f.patience.Lock()
	defer f.patience.Unlock()
	if !f.last.IsZero() {
		f.running.Done() // Close came too late to stop it
		return
	}
	f.pinger.Reset(f.opts.Ping)
}

// RemoteAddr returns where the peer is.
func (f *frames) RemoteAddr() string { return f.ws.RemoteAddr().String() }

// SendFrame implements protocol.Frames. A ctx that ends while bytes are on
// their way ends the connection, since half a frame cannot be taken back.
func (f *frames) SendFrame(ctx context.Context, frame []byte) error {
	select {
	case <-f.closing:
		return protocol.ErrClosed
	default:
	}
	select {
	case f.writing <- struct{}{}:
	case <-f.closing:
		return protocol.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.writing }()
	if err := f.ws.SetWriteDeadline(time.Now().Add(f.opts.Write)); err != nil {
		return ended(err)
	}
	stop := context.AfterFunc(ctx, func() { f.ws.Close() })
	defer stop()
	if err := f.ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return ended(err)
	}
	return nil
}

// ReceiveFrame implements protocol.Frames.
func (f *frames) ReceiveFrame(ctx context.Context) ([]byte, error) {
	select { // what has arrived comes before the end of ctx
	case r, ok := <-f.in:
		return r.unless(!ok)
	default:
	}
	select {
	case r, ok := <-f.in:
		return r.unless(!ok)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r received) unless(over bool) ([]byte, error) {
	if over {
		return nil, protocol.ErrClosed
	}
	return r.frame, r.err
}

// Close implements protocol.Frames. It reads on for a moment, until the peer
// has answered the close frame: closing a socket with unread bytes in it
// makes the peer lose what was sent last.
func (f *frames) Close() error {
	f.close.Do(func() {
		close(f.closing)
		f.patience.Lock()
		f.last = time.Now().Add(f.opts.Linger)
		_ = f.ws.SetReadDeadline(f.last)
		if f.pinger.Stop() {
			f.running.Done()
		}
		f.patience.Unlock()
		msg := websocket.FormatCloseMessage(websocket.CloseNormalClosure, clip(f.opts.Closed))
		_ = f.ws.WriteControl(websocket.CloseMessage, msg, f.last)
	})
	f.running.Wait()
	f.ws.Close()
	return nil
}

// clip fits a reason into a control frame, which holds 125 bytes.
func clip(reason string) string { return reason[:min(len(reason), 120)] }
