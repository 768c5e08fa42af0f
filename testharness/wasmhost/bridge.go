package wasmhost

import (
	"context"
	"errors"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// frameQueue is how many frames wait for the guest; the connection is not
// read from while they do.
const frameQueue = 16

// What frame_size says when there is no frame.
const (
	noFrame  = -1
	frameEnd = -2
)

// bridge lends the guest one connection at a time. The guest is single
// threaded: its calls come one after the other, from Run's goroutine. One
// more goroutine per connection receives.
type bridge struct {
	host context.Context // when it ends the guest is asked to say goodbye
	dial func(ctx context.Context) (protocol.Conn, error)
	simd module

	conn   protocol.Conn
	frames chan []byte // closed when the connection is over
	next   []byte      // taken from frames, and not yet read by the guest
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newBridge(host context.Context, dial func(context.Context) (protocol.Conn, error)) *bridge {
	return &bridge{host: host, dial: dial}
}

// export defines the functions that main_wasip1.go imports.
func (b *bridge) export(ctx context.Context, runtime wazero.Runtime) error {
	m := runtime.NewHostModuleBuilder("shoal")
	m.NewFunctionBuilder().WithFunc(b.connect).Export("dial")
	m.NewFunctionBuilder().WithFunc(b.size).Export("frame_size")
	m.NewFunctionBuilder().WithFunc(b.read).Export("frame_read")
	m.NewFunctionBuilder().WithFunc(b.send).Export("frame_send")
	m.NewFunctionBuilder().WithFunc(b.hangUp).Export("hang_up")
	m.NewFunctionBuilder().WithFunc(b.stopping).Export("stopping")
	m.NewFunctionBuilder().WithFunc(b.simd.pages).Export("simd_pages")
	m.NewFunctionBuilder().WithFunc(b.simd.grow).Export("simd_grow")
	m.NewFunctionBuilder().WithFunc(b.simd.write).Export("simd_write")
	m.NewFunctionBuilder().WithFunc(b.simd.read).Export("simd_read")
	m.NewFunctionBuilder().WithFunc(b.simd.run).Export("simd_run")
	_, err := m.Instantiate(ctx)
	return err
}

func (b *bridge) connect(ctx context.Context) int32 {
	b.close()
	conn, err := b.dial(b.host)
	if err != nil {
		return 1
	}
	receiving, cancel := context.WithCancel(ctx)
	b.conn, b.cancel, b.frames = conn, cancel, make(chan []byte, frameQueue)
	b.wait.Go(func() { receive(receiving, conn, b.frames) })
	return 0
}

// receive turns what arrives into frames for the guest. Frames that are no
// messages are answered here: the guest's codec would only say the same.
func receive(ctx context.Context, conn protocol.Conn, frames chan<- []byte) {
	defer close(frames)
	for {
		m, err := conn.Receive(ctx)
		var fe *protocol.FrameError
		if errors.As(err, &fe) {
			err = conn.Send(ctx, fe.Reply())
			if err == nil {
				continue
			}
		}
		if err != nil {
			return
		}
		frame, err := protocol.Encode(m)
		if err != nil {
			return
		}
		select {
		case frames <- frame:
		case <-ctx.Done():
			return
		}
	}
}

func (b *bridge) size() int32 {
	if b.next == nil {
		select {
		case frame, open := <-b.frames:
			if !open {
				return frameEnd
			}
			b.next = frame
		default:
			if b.conn == nil {
				return frameEnd
			}
			return noFrame
		}
	}
	return int32(len(b.next))
}

func (b *bridge) read(_ context.Context, guest api.Module, to, size uint32) {
	if uint32(len(b.next)) != size || !guest.Memory().Write(to, b.next) {
		panic("wasmhost: frame_read: not the size of the next frame, or outside the memory")
	}
	b.next = nil
}

func (b *bridge) send(ctx context.Context, guest api.Module, from, size uint32) int32 {
	frame, ok := guest.Memory().Read(from, size)
	if !ok {
		panic("wasmhost: frame_send: outside the memory")
	}
	if b.conn == nil {
		return 1
	}
	m, err := protocol.Decode(frame)
	if err != nil {
		panic(err) // the guest's codec is ours
	}
	if err := b.conn.Send(ctx, m); err != nil {
		return 1
	}
	return 0
}

func (b *bridge) stopping() int32 {
	if b.host.Err() != nil {
		return 1
	}
	return 0
}

func (b *bridge) hangUp() { b.close() }

// close ends the connection, if there is one.
func (b *bridge) close() {
	if b.conn == nil {
		return
	}
	b.cancel()
	b.conn.Close()
	b.wait.Wait()
	b.conn, b.next = nil, nil
}
