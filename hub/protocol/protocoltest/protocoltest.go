// Package protocoltest holds every transport to the rules of protocol.Frames
// and protocol.Conn. A transport's test holds a factory and one call to Run.
package protocoltest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// Run runs the suite. pair returns two connected ends; the suite closes them.
func Run(t *testing.T, pair func(t *testing.T) (a, b protocol.Frames)) {
	tests := []struct {
		name string
		run  func(t *testing.T, a, b protocol.Frames)
	}{
		{"EveryMessageBothWays", everyMessage},
		{"KeepsOrder", keepsOrder},
		{"LargestFrame", largestFrame},
		{"SurvivesMalformedFrames", survivesMalformed},
		{"RefusesOversizeOnSend", refusesOversize},
		{"ConcurrentSenders", concurrentSenders},
		{"SenderKeepsItsBytes", senderKeepsBytes},
		{"ReceiveHonoursContext", receiveContext},
		{"SendHonoursContext", sendContext},
		{"PeerCloseEndsReceive", peerClose},
		{"CloseUnblocksOwnReceive", ownClose},
		{"SendAfterClose", sendAfterClose},
		{"MessagesBeforeTheEnd", beforeTheEnd},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := pair(t)
			t.Cleanup(func() {
				for _, f := range []protocol.Frames{a, b, a} { // twice is allowed
					if err := f.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
			})
			test.run(t, a, b)
		})
	}
}

// exchange sends m from one end and receives it at the other.
func exchange(t *testing.T, from, to protocol.Conn, m protocol.Message) protocol.Message {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- from.Send(t.Context(), m) }()
	got, err := to.Receive(t.Context())
	if err != nil {
		t.Fatalf("Receive %v: %v", m.Type(), err)
	}
	if err := <-sent; err != nil {
		t.Fatalf("Send %v: %v", m.Type(), err)
	}
	return got
}

func everyMessage(t *testing.T, fa, fb protocol.Frames) {
	a, b := protocol.NewConn(fa), protocol.NewConn(fb)
	for _, m := range Messages() {
		if got := exchange(t, a, b, m); !reflect.DeepEqual(got, m) {
			t.Errorf("a to b: got %+v, want %+v", got, m)
		}
		if got := exchange(t, b, a, m); !reflect.DeepEqual(got, m) {
			t.Errorf("b to a: got %+v, want %+v", got, m)
		}
	}
}

func keepsOrder(t *testing.T, fa, fb protocol.Frames) {
	const n = 500
	a, b := protocol.NewConn(fa), protocol.NewConn(fb)
	sent := make(chan error, 1)
	go func() {
		for i := range uint64(n) {
			if err := a.Send(t.Context(), protocol.Want{Count: i}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range uint64(n) {
		got, err := b.Receive(t.Context())
		if err != nil {
			t.Fatalf("Receive %d: %v", i, err)
		}
		if want := (protocol.Want{Count: i}); got != want {
			t.Fatalf("message %d: got %+v, want %+v", i, got, want)
		}
	}
	if err := <-sent; err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func largestFrame(t *testing.T, fa, fb protocol.Frames) {
	data := bytes.Repeat([]byte{0xA5}, protocol.MaxFrame-1-32-4) // type, hash, 4-byte length
	got := exchange(t, protocol.NewConn(fa), protocol.NewConn(fb), protocol.Blob{Data: data})
	if blob, ok := got.(protocol.Blob); !ok || !bytes.Equal(blob.Data, data) {
		t.Fatalf("a blob of the largest size came over as %v", got.Type())
	}
}

func survivesMalformed(t *testing.T, a, b protocol.Frames) {
	large := make([]byte, protocol.MaxSmallFrame+1)
	large[0] = byte(protocol.TypeStatusUpdate)
	tests := []struct {
		name  string
		frame []byte
		want  protocol.Code
	}{
		{"empty", []byte{}, protocol.CodeMalformed},
		{"unknown type", []byte{250, 1, 2}, protocol.CodeUnknownType},
		{"truncated", []byte{byte(protocol.TypeOpen), 9, 1}, protocol.CodeMalformed},
		{"trailing", []byte{byte(protocol.TypeOpen), 0, 1}, protocol.CodeMalformed},
		{"over-long", large, protocol.CodeTooLarge},
	}
	conn := protocol.NewConn(b)
	for _, test := range tests {
		sent := make(chan error, 1)
		go func() { sent <- a.SendFrame(t.Context(), test.frame) }()
		_, err := conn.Receive(t.Context())
		var fe *protocol.FrameError
		if !errors.As(err, &fe) || fe.Code != test.want {
			t.Fatalf("%s frame: got error %v, want a FrameError with code %v", test.name, err, test.want)
		}
		if err := <-sent; err != nil {
			t.Fatalf("SendFrame %s: %v", test.name, err)
		}
		want := protocol.Want{Count: 7}
		if got := exchange(t, protocol.NewConn(a), conn, want); got != want {
			t.Fatalf("after the %s frame: got %+v, want %+v", test.name, got, want)
		}
	}
}

func refusesOversize(t *testing.T, fa, fb protocol.Frames) {
	a, b := protocol.NewConn(fa), protocol.NewConn(fb)
	err := a.Send(t.Context(), protocol.Goodbye{Reason: string(make([]byte, protocol.MaxText+1))})
	var fe *protocol.FrameError
	if !errors.As(err, &fe) || fe.Code != protocol.CodeTooLarge {
		t.Fatalf("got error %v, want a FrameError with code %v", err, protocol.CodeTooLarge)
	}
	want := protocol.Goodbye{Reason: "done"}
	if got := exchange(t, a, b, want); got != want {
		t.Fatalf("got %+v, want %+v: nothing of the refused message may travel", got, want)
	}
}

func concurrentSenders(t *testing.T, fa, fb protocol.Frames) {
	const senders, each = 8, 50
	a, b := protocol.NewConn(fa), protocol.NewConn(fb)
	var group sync.WaitGroup
	for s := range uint64(senders) {
		group.Go(func() {
			for i := range uint64(each) {
				if err := a.Send(t.Context(), protocol.Want{Device: s, Count: i}); err != nil {
					t.Errorf("Send: %v", err)
					return
				}
			}
		})
	}
	var next [senders]uint64
	for range senders * each {
		m, err := b.Receive(t.Context())
		if err != nil {
			t.Fatalf("Receive: %v", err)
		}
		want := m.(protocol.Want)
		if want.Count != next[want.Device] {
			t.Fatalf("sender %d: got message %d, want %d", want.Device, want.Count, next[want.Device])
		}
		next[want.Device]++
	}
	group.Wait()
}

func senderKeepsBytes(t *testing.T, a, b protocol.Frames) {
	frame := []byte{byte(protocol.TypeGoodbye), 2, 'o', 'k'}
	sent := make(chan error, 1)
	go func() {
		err := a.SendFrame(t.Context(), frame)
		clear(frame)
		sent <- err
	}()
	if err := <-sent; err != nil {
		t.Fatalf("SendFrame: %v", err)
	}
	got, err := protocol.NewConn(b).Receive(t.Context())
	if want := (protocol.Goodbye{Reason: "ok"}); err != nil || got != want {
		t.Fatalf("got %+v, %v, want %+v: the frame changed after SendFrame had returned", got, err, want)
	}
}

func receiveContext(t *testing.T, fa, fb protocol.Frames) {
	a, b := protocol.NewConn(fa), protocol.NewConn(fb)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Receive with an ended context: got %v, want %v", err, context.Canceled)
	}
	want := protocol.Want{Count: 3}
	if got := exchange(t, a, b, want); got != want {
		t.Fatalf("got %+v, want %+v: the cancelled Receive lost a message", got, want)
	}
}

func sendContext(t *testing.T, fa, _ protocol.Frames) {
	a := protocol.NewConn(fa)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { // nobody receives, so some Send must wait in the end
		for {
			if err := a.Send(ctx, protocol.Blob{Data: make([]byte, 1<<20)}); err != nil {
				failed <- err
				return
			}
		}
	}()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) && !errors.Is(err, protocol.ErrClosed) {
		t.Fatalf("Send: got %v, want %v", err, context.Canceled)
	}
}

func peerClose(t *testing.T, a, b protocol.Frames) {
	ended := make(chan error, 1)
	go func() {
		_, err := b.ReceiveFrame(t.Context())
		ended <- err
	}()
	if err := a.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := <-ended; err == nil {
		t.Fatal("Receive returned a frame that nobody sent")
	}
	if _, err := b.ReceiveFrame(t.Context()); err == nil {
		t.Fatal("a second Receive returned a frame that nobody sent")
	}
}

func ownClose(t *testing.T, a, _ protocol.Frames) {
	ended := make(chan error, 1)
	go func() {
		_, err := a.ReceiveFrame(t.Context())
		ended <- err
	}()
	if err := a.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := <-ended; !errors.Is(err, protocol.ErrClosed) {
		t.Fatalf("Receive: got %v, want %v", err, protocol.ErrClosed)
	}
}

func sendAfterClose(t *testing.T, a, _ protocol.Frames) {
	if err := a.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := protocol.NewConn(a).Send(t.Context(), protocol.Goodbye{}); !errors.Is(err, protocol.ErrClosed) {
		t.Fatalf("Send: got %v, want %v", err, protocol.ErrClosed)
	}
}

func beforeTheEnd(t *testing.T, fa, fb protocol.Frames) {
	a, b := protocol.NewConn(fa), protocol.NewConn(fb)
	want := protocol.Goodbye{Reason: "last words"}
	if err := a.Send(t.Context(), want); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if got, err := b.Receive(t.Context()); err != nil || got != want {
		t.Fatalf("Receive: got %+v, %v, want %+v", got, err, want)
	}
	if _, err := b.Receive(t.Context()); !errors.Is(err, protocol.ErrClosed) {
		t.Fatalf("Receive after the end: got %v, want %v", err, protocol.ErrClosed)
	}
}
