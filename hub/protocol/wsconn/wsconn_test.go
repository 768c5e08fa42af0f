package wsconn_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/protocoltest"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sockets returns the two ends of one WebSocket over the loopback interface.
func sockets(t *testing.T) (dialled, accepted *websocket.Conn) {
	t.Helper()
	got := make(chan *websocket.Conn, 1)
	upgrader := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			close(got)
			return
		}
		got <- ws
	}))
	t.Cleanup(server.Close)
	dialer := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, _, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return ws, <-got
}

func TestConn(t *testing.T) {
	protocoltest.Run(t, func(t *testing.T) (a, b protocol.Frames) {
		dialled, accepted := sockets(t)
		return wsconn.NewFrames(dialled, wsconn.Options{}), wsconn.NewFrames(accepted, wsconn.Options{})
	})
}

// A peer that answers no pings is given up, although its socket stays open.
func TestSilentPeerIsGivenUp(t *testing.T) {
	dialled, accepted := sockets(t)
	defer dialled.Close() // never read from: it answers no ping
	conn := wsconn.New(accepted, wsconn.Options{Ping: 20 * time.Millisecond})
	defer conn.Close()
	if m, err := conn.Receive(t.Context()); err == nil {
		t.Fatalf("Receive: got %+v from a silent peer", m)
	}
}

// A peer that answers pings is kept, however long it says nothing else.
func TestQuietPeerIsKept(t *testing.T) {
	dialled, accepted := sockets(t)
	pings := 0
	done := make(chan struct{})
	answer := dialled.PingHandler()
	dialled.SetPingHandler(func(data string) error {
		if pings++; pings == 20 {
			close(done)
		}
		return answer(data)
	})
	quiet := wsconn.New(dialled, wsconn.Options{Ping: time.Hour})
	defer quiet.Close()
	conn := wsconn.New(accepted, wsconn.Options{Ping: 20 * time.Millisecond})
	defer conn.Close()
	<-done // ten times longer than a silent peer is given
	if err := quiet.Send(t.Context(), protocol.Goodbye{Reason: "still here"}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if _, err := conn.Receive(t.Context()); err != nil {
		t.Fatalf("Receive: %v", err)
	}
}

func TestTextMessageIsRefused(t *testing.T) {
	dialled, accepted := sockets(t)
	defer dialled.Close()
	conn := wsconn.New(accepted, wsconn.Options{})
	defer conn.Close()
	if err := dialled.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatalf("write: %v", err)
	}
	if _, err := conn.Receive(t.Context()); err == nil || !strings.Contains(err.Error(), "text message") {
		t.Fatalf("Receive: got %v, want an error about the text message", err)
	}
}

// Bytes beyond every limit end the connection: nobody reads that far.
func TestEndlessMessageEndsTheConnection(t *testing.T) {
	dialled, accepted := sockets(t)
	defer dialled.Close()
	conn := wsconn.New(accepted, wsconn.Options{})
	defer conn.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		frame := make([]byte, protocol.MaxFrame+1)
		frame[0] = byte(protocol.TypeBlob)
		_ = dialled.WriteMessage(websocket.BinaryMessage, frame)
	}()
	_, err := conn.Receive(t.Context())
	if err == nil {
		t.Fatal("Receive: got a message over every limit")
	}
	conn.Close()
	<-sent
}
