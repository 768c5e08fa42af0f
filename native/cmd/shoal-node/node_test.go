package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func TestMain(m *testing.M) {
	if os.Getenv(envSelf) != "" { // started by tryOutside
		main()
	}
	goleak.VerifyTestMain(m)
}

// cli runs one command line.
type cli struct {
	in       io.Reader
	out, err bytes.Buffer
}

func (c *cli) run(ctx context.Context, args ...string) int {
	if c.in == nil {
		c.in = strings.NewReader("")
	}
	return run(ctx, args, c.in, &c.out, &c.err)
}

func TestUsage(t *testing.T) {
	data := t.TempDir()
	tests := []struct {
		args string
		want string
		code int
	}{
		{"", "--hub", exitUsage},
		{"run", "--hub", exitUsage},
		{"run --hub ftp://reef", "scheme", exitUsage},
		{"run --hub reef --threads -1", "--threads", exitUsage},
		{"run --hub reef --share 101", "--share", exitUsage},
		{"run --hub reef --give-up -1", "--give-up", exitUsage},
		{"run --hub reef --device quantum", `"quantum" is none of auto, cuda, vulkan, cpu, reference, sandbox`, exitUsage},
		{"run --hub reef --sandbox maybe", `--sandbox: want auto, on or off, got "maybe"`, exitUsage},
		{"run --hub reef --device cpu,sandbox --sandbox off", "--device names the sandbox, and --sandbox refuses it", exitUsage},
		{"run --hub reef --nonsense", "nonsense", exitUsage},
		{"run --hub reef --threads many", "many", exitUsage},
		{"dance", `no command "shoal-node dance"`, exitUsage},
		{"status extra", "no command", exitUsage},
		{"run --hub reef", "pass --yes", exitUsage},
		{"status", "no node is running", exitFailed},
		{"pause", "no node is running", exitFailed},
		{"run --yes --hub 127.0.0.1:1 --give-up 1", "unreachable", exitUnreachable},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			t.Setenv("SHOAL_HUB", "")
			var c cli
			code := c.run(t.Context(), append(strings.Fields(test.args), "--data", data)...)
			if code != test.code || !strings.Contains(c.err.String(), test.want) {
				t.Errorf("got exit code %d and %q, want %d and a message with %q", code, c.err.String(), test.code, test.want)
			}
		})
	}
}

func TestDevices(t *testing.T) {
	data := t.TempDir()
	var c cli
	if code := c.run(t.Context(), "devices", "--json", "--data", data); code != exitDone {
		t.Fatalf("got exit code %d: %s", code, c.err.String())
	}
	var got struct{ Devices []choose.Verdict }
	if err := json.Unmarshal(c.out.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", c.out.String(), err)
	}
	if len(got.Devices) != len(lanes)+1 {
		t.Errorf("got %+v", got.Devices)
	}
	for _, d := range got.Devices {
		switch {
		case d.Lane == "cpu" && (!d.Fit || !d.Chosen || d.GOPS <= 0),
			d.Lane == "reference" && (!d.Fit || d.Chosen),
			d.Lane == "sandbox" && (!d.Fit || !d.Chosen || !strings.HasPrefix(d.Detail, "wazero")),
			d.Why == "", d.Fit == (d.Error != ""):
			t.Errorf("got %+v", d)
		}
	}
	c = cli{}
	if code := c.run(t.Context(), "devices", "--data", data); code != exitDone || !strings.Contains(c.out.String(), "reference") || !strings.Contains(c.out.String(), "sandbox") {
		t.Errorf("got exit code %d and %q", code, c.out.String())
	}
}

func TestIdentityIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := loadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadIdentity(dir)
	if err != nil || !again.Equal(first) {
		t.Errorf("got another identity, %v", err)
	}
	path := filepath.Join(dir, identityFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadIdentity(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: got %v", err)
	}
	if err := os.WriteFile(path, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadIdentity(dir); err == nil || !strings.Contains(err.Error(), "hexadecimal") {
		t.Errorf("a damaged key: got %v", err)
	}
}

func TestConsentCovers(t *testing.T) {
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	kept := record{Hub: "http://reef", Runs: runs, Device: "cpu", Threads: 4, Share: 50, Expires: now.Add(time.Hour)}
	tests := []struct {
		name   string
		change func(want *record)
		at     time.Time
		want   bool
	}{
		{"the same", func(*record) {}, now, true},
		{"less", func(r *record) { r.Threads, r.Share = 1, 10 }, now, true},
		{"a larger share", func(r *record) { r.Share = 51 }, now, false},
		{"more threads", func(r *record) { r.Threads = 5 }, now, false},
		{"another hub", func(r *record) { r.Hub = "http://other" }, now, false},
		{"other words", func(r *record) { r.Runs = "anything" }, now, false},
		{"another device", func(r *record) { r.Device = "cuda" }, now, false},
		{"too late", func(*record) {}, now.Add(time.Hour), false},
	}
	for _, test := range tests {
		want := kept
		test.change(&want)
		if got := kept.covers(want, test.at); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// testHub gives every volunteer as many shards as it wants, and accepts what
// comes back.
type testHub struct {
	*testing.T
	program *program.Program
	weights []byte
	payload []byte   // of every lease
	want    string   // of every result: its outputs
	blobs   [][]byte // that a shard may need

	mu       sync.Mutex
	consents []protocol.Consent
	results  int
	first    chan struct{} // closed after the first result

	goodbyes chan struct{} // gets one for each
}

func newTestHub(t *testing.T) (*testHub, string) {
	t.Helper()
	var b program.Builder
	x := b.Input("x", ops.Int32(-1000, 1000, 1, 4))
	y := b.Input("y", ops.Int32(-1000, 1000, 1, 4))
	b.Output("sum", b.One(ops.AddOp, []program.Value{x, y}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	h := &testHub{T: t, program: p, weights: vector(10, 20, 30, 40), first: make(chan struct{}), goodbyes: make(chan struct{}, 9)}
	h.payload = job.EncodeShard(job.Shard{
		Program: job.Sum(h.program.Encode()),
		Inputs:  []job.Input{{Blob: job.Sum(h.weights)}, {Data: vector(1, 2, 3, 4)}},
		Cost:    h.program.Cost().Ops,
	})
	h.want = string(job.EncodeOutputs([][]byte{vector(11, 22, 33, 44)}))
	h.blobs = [][]byte{h.program.Encode(), h.weights}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/volunteer", h.volunteer)
	mux.HandleFunc("GET /blob/{hash}", h.blob)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return h, server.URL
}

func vector(v ...int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

func (h *testHub) blob(w http.ResponseWriter, r *http.Request) {
	for _, data := range h.blobs {
		if job.Sum(data).String() == r.PathValue("hash") {
			w.Write(data)
			return
		}
	}
	http.NotFound(w, r)
}

func (h *testHub) volunteer(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		h.Errorf("upgrade: %v", err)
		return
	}
	conn := wsconn.New(ws, wsconn.Options{Ping: time.Hour}) // who has no time to answer is not gone
	defer conn.Close()
	given := byte(0)
	for {
		m, err := conn.Receive(r.Context())
		if err != nil {
			return
		}
		var replies []protocol.Message
		switch m := m.(type) {
		case protocol.Hello:
			replies = append(replies, protocol.Welcome{Version: protocol.Version, Hub: "reef", Now: time.Now()})
		case protocol.Consent:
			h.mu.Lock()
			h.consents = append(h.consents, m)
			h.mu.Unlock()
			replies = append(replies, protocol.Consented{Expires: m.Expires})
		case protocol.Want:
			for range m.Count {
				given++
				replies = append(replies, protocol.Lease{Token: []byte{given}, Job: "sums", Deadline: time.Now().Add(time.Hour), Payload: h.payload})
			}
		case protocol.Result:
			if string(m.Outputs) != h.want {
				h.Errorf("got outputs %x, want %x", m.Outputs, h.want)
			}
			h.mu.Lock()
			if h.results++; h.results == 1 {
				close(h.first)
			}
			h.mu.Unlock()
			replies = append(replies, protocol.Verdict{Token: m.Token, Status: protocol.StatusAccepted, Credit: 2})
		case protocol.Goodbye:
			h.goodbyes <- struct{}{}
			return
		}
		for _, reply := range replies {
			_ = conn.Send(r.Context(), reply) // it may be gone: what it has said is read all the same
		}
	}
}

func TestVolunteersUntilToldToFinish(t *testing.T) {
	h, url := newTestHub(t)
	data := t.TempDir()
	c := cli{in: strings.NewReader("y\n")}
	ended := make(chan int, 1)
	go func() { ended <- c.run(t.Context(), "--hub", url, "--data", data, "--device", "cpu", "--json") }()
	<-h.first

	var status cli
	if code := status.run(t.Context(), "status", "--data", data); code != exitDone || !strings.Contains(status.out.String(), "connected to reef") {
		t.Errorf("status: got exit code %d, %q, %q", code, status.out.String(), status.err.String())
	}
	var second cli
	if code := second.run(t.Context(), "--hub", url, "--data", data, "--device", "cpu"); code != exitUsage || !strings.Contains(second.err.String(), "already") {
		t.Errorf("a second node in the same folder: got exit code %d, %q", code, second.err.String())
	}
	var finish cli
	if code := finish.run(t.Context(), "finish", "--data", data); code != exitDone {
		t.Errorf("finish: got exit code %d, %q", code, finish.err.String())
	}
	if code := <-ended; code != exitDone {
		t.Fatalf("got exit code %d: %s", code, c.err.String())
	}
	<-h.goodbyes
	var sum summary
	if err := json.Unmarshal(c.out.Bytes(), &sum); err != nil {
		t.Fatalf("%q: %v", c.out.String(), err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if sum.Shards == 0 || sum.Accepted != uint64(h.results) || sum.Credit != 2*int64(h.results) {
		t.Errorf("got %+v; the hub has %d results", sum, h.results)
	}
	if _, err := os.Stat(filepath.Join(data, socketFile)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestInterruptSaysGoodbyeAndConsentIsKept(t *testing.T) {
	h, url := newTestHub(t)
	data := t.TempDir()
	for i, in := range []string{"YES\n", ""} { // the second run does not ask
		ctx, interrupt := context.WithCancel(t.Context())
		c := cli{in: strings.NewReader(in)}
		h.mu.Lock()
		h.results, h.first = 0, make(chan struct{})
		h.mu.Unlock()
		ended := make(chan int, 1)
		go func() { ended <- c.run(ctx, "run", "--hub", url, "--data", data, "--device", "cpu") }()
		<-h.first
		interrupt()
		if code := <-ended; code != exitDone {
			t.Fatalf("run %d: got exit code %d: %s", i, code, c.err.String())
		}
		<-h.goodbyes
		if asked := strings.Contains(c.err.String(), "Do you agree?"); asked != (i == 0) {
			t.Errorf("run %d: asked for consent: %v", i, asked)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.consents) != 2 || h.consents[0].Issued != h.consents[1].Issued || h.consents[0].Origin != "shoal-node" {
		t.Errorf("got consents %+v", h.consents)
	}
}

func TestWrap(t *testing.T) {
	if got, want := wrap("one two  three four", 9), "one two\nthree\nfour"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
