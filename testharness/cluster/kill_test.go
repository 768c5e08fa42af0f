//go:build unix

package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// The test binary run with this is a hub.
const hubDirVariable = "SHOAL_CLUSTER_HUB_DIR"

// hubProcess is a hub until it is killed. It prints its address.
func hubProcess(dir string) int {
	c := Config(dir)
	c.Announce = func(key string) {
		if err := os.WriteFile(filepath.Join(dir, keyFile), []byte(key), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	h, err := hub.New(c)
	if err == nil {
		fmt.Println(h.Addr())
		err = h.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// spawn starts a hub as a process of its own, with more in its environment, and
// returns its address and how to kill it without a warning. Each has another
// port: the one of a hub that was killed may be somebody else's by now.
func spawn(t *testing.T, dir string, more ...string) (string, func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), hubDirVariable+"="+dir), more...)
	cmd.Stderr = testWriter{t}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait() // it was killed: that is its error
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if line == "" {
		t.Fatal("the hub process did not start")
	}
	return strings.TrimSpace(line), kill
}

// A hub that is killed with -9 again and again, at arbitrary moments, with
// volunteers in the middle of their shards, arrives at the same state as one
// that was left alone, and every invariant holds.
func TestKilledHub(t *testing.T) {
	const rounds, shards, replicas = 60, 3, 2
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var (
		c    *client.Client
		kill func()
		addr atomic.Value // string
	)
	begin := func() {
		var at string
		at, kill = spawn(t, dir)
		addr.Store(at)
		var err error
		if c, err = client.New("http://"+at, ReadKey(t, dir), nil); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	begin()

	var volunteers sync.WaitGroup
	defer volunteers.Wait()
	defer cancel()
	var far atomic.Int64 // no volunteer answers in this round or a later one
	for i := range 3 {
		v := NewVolunteer(fmt.Sprint("v", i))
		round := int64(0) // of the newest lease
		v.Saw = func(m protocol.Message) {
			if l, ok := m.(protocol.Lease); ok {
				round = int64(l.Shard >> 24)
			}
		}
		v.Conduct.Mute = func(int) bool { return round >= far.Load() }
		volunteers.Go(func() { stayConnected(ctx, t, v, func() string { return addr.Load().(string) }) })
	}
	const first, step = 7, 13
	far.Store(first + step/2) // so that nobody is done before the killer looks
	id, err := c.Submit(ctx, ChainFile("killed", rounds, shards, replicas))
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	enough := fmt.Errorf("enough")
	for target := first; target < rounds; target += step {
		err := c.Watch(ctx, id, func(ev client.Event) error {
			if ev.Report != nil && ev.Report.Step >= target {
				return enough
			}
			return nil
		})
		if err == nil {
			break // faster than the killer
		}
		if err != enough {
			t.Fatal(err)
		}
		kill()
		kills++
		far.Add(step)
		begin()
	}
	if err := c.Watch(ctx, id, func(client.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if kills < (rounds-first)/step {
		t.Errorf("the hub was killed %d times: the test proves little", kills)
	}
	if err := CheckChain(ctx, c, id, "killed", rounds, shards); err != nil {
		t.Error(err)
	}
	if err := Verify(ctx, c, id, rounds*shards, replicas); err != nil {
		t.Error(err)
	}
}

// maxIdleMemory is what a hub with 1,000 idle volunteers may take. The Go part
// of it has a limit of its own: what is measured is what the hub needs, and not
// when its collector last ran.
const (
	maxIdleMemory = 150 << 20
	maxIdleHeap   = "GOMEMLIMIT=110MiB"
)

func TestIdleMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc on this system: a process's memory cannot be read")
	}
	if raceDetector {
		t.Skip("the race detector takes more memory than the hub")
	}
	const volunteers = 1000
	addr, _ := spawn(t, t.TempDir(), maxIdleHeap)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := client.New("http://"+addr, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var idle sync.WaitGroup
	defer idle.Wait()
	defer cancel()
	var wanting sync.WaitGroup
	wanting.Add(volunteers)
	limit := make(chan struct{}, 32) // on their way in at the same time
	for i := range volunteers {
		idle.Go(func() {
			limit <- struct{}{}
			in := sync.OnceFunc(func() { <-limit; wanting.Done() })
			defer in() // also where it fails
			conn, err := Dial(ctx, addr)
			if err != nil {
				t.Error(err)
				return
			}
			v := NewVolunteer(fmt.Sprint("idle ", i))
			v.Saw = func(m protocol.Message) {
				if m.Type() == protocol.TypeConsented {
					in()
				}
			}
			if err := v.Serve(ctx, conn); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	wanting.Wait()
	stats, err := c.Stats(ctx)
	if err != nil || stats.Volunteers != volunteers {
		t.Fatalf("%d volunteers are connected, %v; want %d", stats.Volunteers, err, volunteers)
	}
	metrics, err := resident(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("hub with %d idle volunteers: %.1f MiB resident", volunteers, metrics/(1<<20))
	if metrics > maxIdleMemory {
		t.Errorf("hub takes %.0f bytes, want at most %d", metrics, maxIdleMemory)
	}
}

// resident reads a hub's resident memory from its metrics.
func resident(ctx context.Context, addr string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "process_resident_memory_bytes "); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, fmt.Errorf("no resident memory among the metrics: %w", lines.Err())
}

// stayConnected comes back whenever the hub does, wherever it is then.
func stayConnected(ctx context.Context, t *testing.T, v *Volunteer, addr func() string) {
	for ctx.Err() == nil {
		conn, err := Dial(ctx, addr())
		if err != nil {
			select { // the hub is down
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if err := v.Serve(ctx, conn); err != nil && ctx.Err() == nil {
			t.Logf("volunteer lost its connection: %v", err)
		}
	}
}
