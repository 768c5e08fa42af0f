// Package cluster runs a hub and volunteers in one process and asserts what
// must hold whatever happens to them.
//
// It owns a job kind that needs no arithmetic (Chain), volunteers that keep
// the protocol or break it (Volunteer), and the invariants (Verify). It sees
// the hub as anybody does: by its public packages and its HTTP API.
package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// Patience is how long tests wait for what has to happen. Only something that
// hangs takes as long, however busy the machine is.
const Patience = 5 * time.Minute

// Config returns a hub's configuration for chains in dir, with times that
// suit a test.
func Config(dir string) hub.Config {
	c := hub.Default()
	c.Listen = "127.0.0.1:0"
	c.Data = dir
	c.Kinds = []job.Kind{Chain{}}
	c.Device = reference.New()
	c.Parse = ParseChain
	c.Inspect = InspectChain
	c.BackupAfter = 100 * time.Millisecond
	c.StatusEvery = 50 * time.Millisecond
	c.Ping = Patience // who has no time to answer is not gone
	return c
}

// Cluster is a running hub and whoever has joined it.
type Cluster struct {
	Hub    *hub.Hub
	Client *client.Client

	t       testing.TB
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Start runs a hub until the test ends, or Stop.
func Start(t testing.TB, c hub.Config) *Cluster {
	t.Helper()
	var key string
	c.Announce = func(k string) { key = k }
	c.Log = Log(t)
	h, err := hub.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if key == "" {
		key = ReadKey(t, c.Data)
	} else {
		saveKey(t, c.Data, key)
	}
	transport := &http.Transport{}
	cl, err := client.New("http://"+h.Addr().String(), key, transport)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &Cluster{Hub: h, Client: cl, t: t, ctx: ctx, cancel: cancel}
	x.running.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	t.Cleanup(func() {
		x.Stop()
		transport.CloseIdleConnections()
	})
	return x
}

// Stop stops the hub in good order and waits for all volunteers. Calling it
// again does nothing.
func (x *Cluster) Stop() {
	x.cancel()
	x.running.Wait()
}

// Join connects a volunteer over a pipe. It comes back whenever its
// connection ends, until the cluster stops or leave is called; leave returns
// when it has gone.
func (x *Cluster) Join(v *Volunteer) (leave func()) {
	ctx, cancel := context.WithCancel(x.ctx)
	done := make(chan struct{})
	x.running.Go(func() {
		defer close(done)
		for ctx.Err() == nil {
			near, far := protocol.Pipe()
			x.Hub.Connect(far)
			if err := v.Serve(ctx, near); err != nil {
				x.t.Errorf("volunteer: %v", err)
				return
			}
		}
	})
	return func() {
		cancel()
		<-done
	}
}

// Dial connects to a hub as native volunteers do.
func Dial(ctx context.Context, addr string) (protocol.Conn, error) {
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, resp, err := d.DialContext(ctx, "ws://"+addr+"/v1/volunteer", nil)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return wsconn.New(ws, wsconn.Options{}), nil
}

// Submit submits a chain and returns its job's ID.
func (x *Cluster) Submit(file []byte) string {
	x.t.Helper()
	id, err := x.Client.Submit(x.ctx, file)
	if err != nil {
		x.t.Fatal(err)
	}
	return id
}

// Wait returns when the job has ended, and how.
func (x *Cluster) Wait(id string) client.Job {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, Patience)
	defer cancel()
	if err := x.Client.Watch(ctx, id, nothing); err != nil {
		x.t.Fatalf("watch: %v", err)
	}
	j, err := x.Client.Job(ctx, id)
	if err != nil {
		x.t.Fatal(err)
	}
	return j
}

// Done waits for a chain, and demands that it ended well with the state that
// computing it on the spot gives, and that every invariant holds.
func (x *Cluster) Done(id, name string, rounds, shards, replicas int) {
	x.t.Helper()
	if j := x.Wait(id); j.State != "done" {
		x.t.Fatalf("job %s is %s: %s", id, j.State, j.Error)
	}
	if err := CheckChain(x.ctx, x.Client, id, name, rounds, shards); err != nil {
		x.t.Error(err)
	}
	if err := Verify(x.ctx, x.Client, id, rounds*shards, replicas); err != nil {
		x.t.Error(err)
	}
}

// CheckChain compares a finished job's state with the one computed here.
func CheckChain(ctx context.Context, c *client.Client, id, name string, rounds, shards int) error {
	want, err := RunChain(name, rounds, shards)
	if err != nil {
		return err
	}
	files, err := c.Artifacts(ctx, id)
	if err != nil || len(files) != 1 {
		return fmt.Errorf("cluster: %d artifacts, %w", len(files), err)
	}
	var got bytes.Buffer
	if err := c.Fetch(ctx, id, files[0], &got); err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes(), want) {
		return fmt.Errorf("cluster: final state %x, want %x", got.Bytes(), want)
	}
	return nil
}

// Log sends a hub's log to the test's.
func Log(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type testWriter struct{ t testing.TB }

var _ io.Writer = testWriter{}

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// nothing is for those who only wait for the end.
func nothing(client.Event) error { return nil }
