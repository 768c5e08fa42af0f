package main

import (
	"context"
	"errors"
	"time"
	"unsafe"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// The host's functions. A blocking read of standard input would stop every
// goroutine of this single-threaded program, the computing one included; so
// frames are polled for. hostDial and hostSend may block: they are quick, or
// there is nothing better to do.
//
//go:wasmimport shoal dial
func hostDial() int32 // 0: connected; 1: could not

//go:wasmimport shoal frame_size
func hostFrameSize() int32 // of the frame that is next; or noFrame, frameEnd

//go:wasmimport shoal frame_read
func hostFrameRead(to unsafe.Pointer, size int32) // takes the frame

//go:wasmimport shoal frame_send
func hostFrameSend(from unsafe.Pointer, size int32) int32 // 0: sent; 1: the connection is over

//go:wasmimport shoal hang_up
func hostHangUp()

//go:wasmimport shoal stopping
func hostStopping() int32 // 1: the host asks for a goodbye

const (
	noFrame  = -1
	frameEnd = -2

	pollSoon  = time.Millisecond     // while frames are coming
	pollLater = 5 * time.Millisecond // after pollPatience polls for nothing

	pollPatience = 100
)

// onStop is called once when the host asks for a goodbye.
var onStop func()

func dial(context.Context) (protocol.Conn, error) {
	if stop := onStop; hostStopping() == 1 && stop != nil {
		onStop = nil
		stop()
	}
	if hostDial() != 0 {
		return nil, errors.New("worker: the host could not reach the hub")
	}
	return protocol.NewConn(&frames{}), nil
}

// frames is the host's connection as protocol.Frames.
type frames struct{ closed bool }

var _ protocol.Frames = (*frames)(nil)

func (f *frames) SendFrame(_ context.Context, frame []byte) error {
	if f.closed || hostFrameSend(unsafe.Pointer(unsafe.SliceData(frame)), int32(len(frame))) != 0 {
		return protocol.ErrClosed
	}
	return nil
}

func (f *frames) ReceiveFrame(ctx context.Context) ([]byte, error) {
	for polls := 0; ; polls++ {
		if f.closed {
			return nil, protocol.ErrClosed
		}
		if stop := onStop; stop != nil && hostStopping() == 1 {
			onStop = nil
			stop()
		}
		switch size := hostFrameSize(); size {
		case noFrame:
		case frameEnd:
			return nil, protocol.ErrClosed
		default:
			frame := make([]byte, size)
			hostFrameRead(unsafe.Pointer(unsafe.SliceData(frame)), size)
			return frame, nil
		}
		pause := pollSoon
		if polls > pollPatience {
			pause = pollLater
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

func (f *frames) Close() error {
	if !f.closed {
		f.closed = true
		hostHangUp()
	}
	return nil
}
