package browser

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/browser/promise"
)

const (
	maxBuffered  = 4 << 20               // bytes the browser may hold before a sender waits
	bufferedPoll = 5 * time.Millisecond  // there is no event for "the buffer has drained"
	maxReceived  = 2 * protocol.MaxFrame // bytes kept for Receive; a hub that sends more is left
)

// Dial opens a conversation with the hub at an http or https address.
func Dial(ctx context.Context, hub string) (protocol.Conn, error) {
	url := "ws" + strings.TrimPrefix(strings.TrimSuffix(hub, "/"), "http") + "/v1/volunteer"
	s := &socket{changed: make(chan struct{}, 1), opened: make(chan struct{}), ended: make(chan struct{})}
	if err := promise.Try(func() { s.ws = js.Global().Get("WebSocket").New(url, protocol.Subprotocol) }); err != nil {
		return nil, err
	}
	s.ws.Set("binaryType", "arraybuffer")
	s.on("onopen", func(js.Value) { close(s.opened) })
	s.on("onmessage", s.message)
	s.on("onclose", func(e js.Value) {
		if e.Get("wasClean").Bool() {
			s.end(protocol.ErrClosed)
			return
		}
		s.end(fmt.Errorf("browser: websocket closed with code %d %s", e.Get("code").Int(), e.Get("reason").String()))
	})
	s.on("onerror", func(js.Value) {}) // says nothing; onclose follows
	select {
	case <-s.opened:
		return protocol.NewConn(s), nil
	case <-s.ended:
		s.Close()
		return nil, s.why()
	case <-ctx.Done():
		s.Close()
		return nil, ctx.Err()
	}
}

// socket is a browser's WebSocket as protocol.Frames. Its callbacks run on
// the event loop and never wait: they fill queue, which Receive empties.
type socket struct {
	ws      js.Value
	funcs   []js.Func
	names   []string
	opened  chan struct{}
	changed chan struct{} // holds one: queue has grown
	ended   chan struct{} // closed once err is set
	closing sync.Once

	out js.Value // Uint8Array of SendFrame, which does not wait between filling and sending it

	mu       sync.Mutex // guards what follows
	queue    []queued
	received int // bytes in queue
	err      error
}

// queued is a frame, or what is wrong with it.
type queued struct {
	frame []byte
	err   error
}

var _ protocol.Frames = (*socket)(nil)

func (s *socket) on(name string, f func(event js.Value)) {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any {
		f(promise.First(args))
		return nil
	})
	s.funcs = append(s.funcs, fn)
	s.names = append(s.names, name)
	s.ws.Set(name, fn)
}

func (s *socket) message(event js.Value) {
	data := event.Get("data")
	if data.Type() == js.TypeString {
		s.push(queued{err: &protocol.FrameError{Code: protocol.CodeMalformed, Detail: "text message; frames are binary"}})
		return
	}
	if size := data.Get("byteLength").Int(); size > protocol.MaxFrame {
		s.push(queued{err: &protocol.FrameError{Code: protocol.CodeTooLarge, Detail: "frame has " + strconv.Itoa(size) + " bytes"}})
		return
	}
	s.push(queued{frame: toGo(data)})
}

func (s *socket) push(q queued) {
	s.mu.Lock()
	s.queue = append(s.queue, q)
	s.received += len(q.frame)
	over := s.received > maxReceived || len(s.queue) > maxReceived/protocol.MaxSmallFrame
	s.mu.Unlock()
	if over {
		s.end(fmt.Errorf("browser: the hub sends faster than this volunteer can listen"))
		s.ws.Call("close")
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// end records why the connection is over; the first reason counts.
func (s *socket) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.ended)
	}
}

func (s *socket) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// SendFrame implements protocol.Frames.
func (s *socket) SendFrame(ctx context.Context, frame []byte) error {
	for {
		select {
		case <-s.ended:
			return s.why()
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if s.ws.Get("bufferedAmount").Int() < maxBuffered {
			return promise.Try(func() { s.ws.Call("send", s.outgoing(frame)) })
		}
		t := time.NewTimer(bufferedPoll)
		select {
		case <-t.C:
		case <-s.ended:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// outgoing copies a frame into the array that all frames leave from: send
// copies it at once, and an array of megabytes for each result would wait long
// for the browser's collector.
func (s *socket) outgoing(frame []byte) js.Value {
	if s.out.IsUndefined() || s.out.Length() < len(frame) {
		s.out = js.Global().Get("Uint8Array").New(len(frame))
	}
	js.CopyBytesToJS(s.out, frame)
	return s.out.Call("subarray", 0, len(frame))
}

// ReceiveFrame implements protocol.Frames.
func (s *socket) ReceiveFrame(ctx context.Context) ([]byte, error) {
	for {
		if q, ok := s.pop(); ok {
			return q.frame, q.err
		}
		select {
		case <-s.changed:
		case <-s.ended:
			if q, ok := s.pop(); ok {
				return q.frame, q.err
			}
			return nil, s.why()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *socket) pop() (queued, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return queued{}, false
	}
	q := s.queue[0]
	s.queue = s.queue[1:]
	s.received -= len(q.frame)
	return q, true
}

// Close implements protocol.Frames. What was sent still leaves: the browser
// sees to it.
func (s *socket) Close() error {
	s.closing.Do(func() {
		s.end(protocol.ErrClosed)
		for i, name := range s.names {
			s.ws.Set(name, js.Null())
			s.funcs[i].Release()
		}
		s.ws.Call("close", 1000)
	})
	return nil
}
