package dial_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
	"github.com/shoal-compute/shoal/native/dial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hubAt(t *testing.T, address string, opts dial.Options) *dial.Hub {
	t.Helper()
	hub, err := dial.New(address, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	return hub
}

func TestDialSpeaksTheProtocol(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/under/v1/volunteer", func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.Header.Get("Origin"), "http://"+r.Host; got != want {
			t.Errorf("got origin %q, want %q", got, want)
		}
		if got := r.UserAgent(); got != "test/1" {
			t.Errorf("got user agent %q", got)
		}
		upgrader := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		conn := wsconn.New(ws, wsconn.Options{})
		defer conn.Close()
		m, err := conn.Receive(r.Context())
		if err != nil {
			t.Errorf("receive: %v", err)
			return
		}
		if err := conn.Send(r.Context(), m); err != nil {
			t.Errorf("send: %v", err)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	hub := hubAt(t, server.URL+"/under", dial.Options{Agent: "test/1"})
	conn, err := hub.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want := protocol.Goodbye{Reason: "echo"}
	if err := conn.Send(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.Receive(t.Context()); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestDialSaysWhyNot(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var upgrader websocket.Upgrader // knows no subprotocol
		if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
			ws.Close()
		}
	}))
	defer plain.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	tests := []struct{ address, want string }{
		{refusing.URL, "404"},
		{plain.URL, "not shoal.v1"},
		{gone.URL, "refused"},
	}
	for _, test := range tests {
		conn, err := hubAt(t, test.address, dial.Options{}).Dial(t.Context())
		if err == nil {
			conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want one with %q", err, test.want)
		}
	}
}

func TestGet(t *testing.T) {
	good, large := []byte("good"), []byte("seventeen bytes!!")
	blobs := map[string][]byte{
		job.Sum(good).String():  good,
		job.Sum(large).String(): large,
		job.Hash{1}.String():    []byte("other bytes"),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/blob/")
		data, ok := blobs[name]
		switch {
		case name == (job.Hash{2}).String():
			http.Error(w, "disk on fire", http.StatusInternalServerError)
		case name == (job.Hash{3}).String(): // of a length that is not announced
			for range 100 {
				fmt.Fprint(w, "more and more")
				w.(http.Flusher).Flush()
			}
		case !ok:
			http.NotFound(w, r)
		default:
			w.Write(data)
		}
	}))
	defer server.Close()
	hub := hubAt(t, server.URL, dial.Options{MaxBlob: 16})
	if got, err := hub.Get(t.Context(), job.Sum(good)); err != nil || string(got) != string(good) {
		t.Errorf("got %q, %v, want %q", got, err, good)
	}
	tests := []struct {
		name job.Hash
		want string
	}{
		{job.Sum(large), "17 bytes, limit 16"},
		{job.Hash{1}, "other bytes"},
		{job.Hash{2}, "500"},
		{job.Hash{3}, "more than 16 bytes"},
		{job.Hash{4}, "not exist"},
	}
	for _, test := range tests {
		_, err := hub.Get(t.Context(), test.name)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want one with %q", err, test.want)
		}
		if got, want := errors.Is(err, fs.ErrNotExist), test.name == (job.Hash{4}); got != want {
			t.Errorf("%v: errors.Is(err, fs.ErrNotExist) = %v, want %v", err, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	tests := []struct{ address, want string }{
		{"localhost:8080", "http://localhost:8080"},
		{"https://reef.example/hub", "https://reef.example/hub"},
		{"ftp://reef.example", "error: scheme"},
		{"http://", "error: no host"},
		{"http://:80", "error: no host"},
		{"http://me:secret@reef.example", "error: must not have a user"},
		{"http://reef.example/?x=1", "error: must not have"},
		{"http://[::1", "error: hub address"},
	}
	for _, test := range tests {
		hub, err := dial.New(test.address, dial.Options{})
		if want, bad := strings.CutPrefix(test.want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got error %v, want one with %q", test.address, err, want)
			}
			continue
		}
		if err != nil || hub.URL() != test.want {
			t.Errorf("%s: got %v, want %s", test.address, err, test.want)
		}
	}
}
