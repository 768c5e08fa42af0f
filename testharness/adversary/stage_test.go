package adversary_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
	"github.com/shoal-compute/shoal/testharness/adversary"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// scratch makes a data directory, in memory where there is such a place: these
// tests commit a great deal and keep nothing.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shoal-adversary-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// config returns the configuration of a hub for studies.
func config(t testing.TB) hub.Config {
	c := cluster.Config(scratch(t))
	c.Kinds, c.Parse, c.Files = all.Kinds(), func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }, readFile
	c.Inspect, c.Execute = hub.Default().Inspect, hub.Default().Execute
	d := lane()
	t.Cleanup(func() { d.Close() })
	c.Device = d
	c.Related = related
	c.BackupAfter = 30 * time.Millisecond
	c.LeaseTime = time.Second // also the time to answer a question of a dispute
	return c
}

// related is what the hub goes by here, where everybody computes on the same
// processor: only who must look related is.
func related(a, b hub.Identity) bool {
	for _, detail := range []string{adversary.OneAdapter, adversary.BrokenDriver} {
		if strings.Contains(a.Class, detail) && strings.Contains(b.Class, detail) {
			return true
		}
	}
	return false
}

// stage is where players meet hubs, one after the other.
type stage struct {
	t       testing.TB
	ctx     context.Context
	cancel  context.CancelFunc
	playing sync.WaitGroup

	mu      sync.Mutex // guards running and opened
	running *cluster.Cluster
	opened  chan struct{} // closed and replaced when running is set
}

func newStage(t testing.TB) *stage {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stage{t: t, ctx: ctx, cancel: cancel, opened: make(chan struct{})}
	t.Cleanup(s.clear)
	return s
}

// open starts a hub and lets the players in.
func (s *stage) open(c hub.Config) *cluster.Cluster {
	s.t.Helper()
	x := cluster.Start(s.t, c)
	s.t.Cleanup(s.clear) // before the hub stops: its cleanup comes later
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = x
	close(s.opened)
	s.opened = make(chan struct{})
	return x
}

// shut keeps players out until the stage is opened again.
func (s *stage) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
}

// clear sends the players home.
func (s *stage) clear() {
	s.cancel()
	s.playing.Wait()
}

// hub waits until there is one.
func (s *stage) hub(ctx context.Context) (*cluster.Cluster, error) {
	for {
		s.mu.Lock()
		x, opened := s.running, s.opened
		s.mu.Unlock()
		if x != nil {
			return x, nil
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pipe connects a player inside this process.
func (s *stage) pipe(ctx context.Context) (protocol.Frames, error) {
	x, err := s.hub(ctx)
	if err != nil {
		return nil, err
	}
	near, far := protocol.FramePipe()
	x.Hub.Connect(protocol.NewConn(far))
	return near, nil
}

// socket connects a player as volunteers elsewhere do.
func (s *stage) socket(ctx context.Context) (protocol.Frames, error) {
	x, err := s.hub(ctx)
	if err != nil {
		return nil, err
	}
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, resp, err := d.DialContext(ctx, "ws://"+x.Hub.Addr().String()+"/v1/volunteer", nil)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return severed{wsconn.NewFrames(ws, wsconn.Options{})}, nil
}

// severed is a socket whose failures are the end of it, in whatever words: where
// the hub hangs up on somebody who is still talking, the system resets it.
type severed struct{ protocol.Frames }

func (s severed) SendFrame(ctx context.Context, frame []byte) error {
	return s.end(ctx, s.Frames.SendFrame(ctx, frame))
}

func (s severed) ReceiveFrame(ctx context.Context) ([]byte, error) {
	frame, err := s.Frames.ReceiveFrame(ctx)
	return frame, s.end(ctx, err)
}

func (severed) end(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.As(err, new(*protocol.FrameError)) {
		return err
	}
	return protocol.ErrClosed
}

// enter lets players play until the stage is cleared.
func (s *stage) enter(dial adversary.Dial, players ...adversary.Player) {
	for _, p := range players {
		s.playing.Go(func() {
			if err := p.Play(s.ctx, dial); err != nil {
				s.t.Errorf("player: %v", err)
			}
		})
	}
}

// gather waits until at least n volunteers are connected, so that everybody
// has a chance at the first shard.
func (s *stage) gather(c *client.Client, n int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, cluster.Patience)
	defer cancel()
	for {
		stats, err := c.Stats(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if stats.Volunteers >= n {
			return
		}
		runtime.Gosched()
	}
}

// crowd makes n honest volunteers.
func crowd(seed uint64, n int) []adversary.Player {
	players := make([]adversary.Player, n)
	for i := range players {
		players[i] = adversary.NewHonest(seed, i, lane(), adversary.Trouble{})
	}
	return players
}

// receipt is what these tests read of a job's receipts.
type receipt struct {
	Program, Output string
	Inputs          []string
	Results         []struct{ Volunteer, Output, Verdict string }
}

// receipts returns a job's receipts.
func receipts(t testing.TB, c *client.Client, id string) []receipt {
	t.Helper()
	var text bytes.Buffer
	if err := c.Receipts(t.Context(), id, &text); err != nil {
		t.Fatal(err)
	}
	var list []receipt
	for dec := json.NewDecoder(&text); ; {
		var r receipt
		err := dec.Decode(&r)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
}

// key is the question that a receipt settles.
func (r receipt) key(t testing.TB) adversary.Key {
	t.Helper()
	hashes := make([]job.Hash, 1+len(r.Inputs))
	for i, text := range append([]string{r.Program}, r.Inputs...) {
		var err error
		if hashes[i], err = job.ParseHash(text); err != nil {
			t.Fatal(err)
		}
	}
	return adversary.KeyOf(hashes[0], hashes[1:])
}

// artifact returns the hash of a finished job's file.
func artifact(t testing.TB, c *client.Client, id, name string) job.Hash {
	t.Helper()
	list, err := c.Artifacts(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(a client.Artifact) bool { return a.Name == name })
	if i < 0 {
		t.Fatalf("job %s has no %s among %v", id, name, list)
	}
	h, err := job.ParseHash(list[i].SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
