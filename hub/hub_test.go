package hub_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

func TestConfigNamesEveryFault(t *testing.T) {
	err := hub.Config{}.Validate()
	for _, field := range []string{"Data", "Kinds", "Device", "Parse", "Files", "Site", "Log", "Now", "Rand", "CheckpointEvery", "LeaseTime", "Ping"} {
		if err == nil || !strings.Contains(err.Error(), "config: "+field+":") {
			t.Errorf("the fault of %s is not named in %v", field, err)
		}
	}
	c := cluster.Config(t.TempDir())
	if err := c.Validate(); err != nil {
		t.Errorf("a good config: %v", err)
	}
	c.Mend = -time.Hour
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "config: Mend:") {
		t.Errorf("a negative time to mend: %v", err)
	}
	c.Mend = 0
	c.Kinds = append(c.Kinds, c.Kinds[0])
	if err := c.Validate(); err == nil {
		t.Error("two kinds of one name were accepted")
	}
}

// open opens and closes a hub.
func open(c hub.Config) error {
	h, err := hub.New(c)
	if err != nil {
		return err
	}
	return h.Close()
}

func TestDataDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by the hub")
	c := cluster.Config(dir)
	var keys []string
	c.Announce = func(key string) { keys = append(keys, key) }
	h, err := hub.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(c); !errors.Is(err, hub.ErrLocked) {
		t.Errorf("a second hub on the same data: %v, want ErrLocked", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(c); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 1 || len(keys[0]) < 32 {
		t.Fatalf("announced keys %q, want one", keys)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && e.Name() != "hub.db" {
			t.Errorf("%s has mode %v: not for others", e.Name(), info.Mode())
		}
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), keys[0]) {
			t.Errorf("the admin key itself is in %s", e.Name())
		}
	}
	for name, content := range map[string]string{"admin.sha256": "zz", "lease.key": "short"} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("damaged %s: %v, want an error that names it", name, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	x := cluster.Start(t, cluster.Config(t.TempDir()))
	c := cluster.Config(t.TempDir())
	c.Listen = x.Hub.Addr().String()
	c.Announce = func(string) { t.Error("a key was announced by a hub that does not start") }
	if err := open(c); err == nil {
		t.Error("two hubs on one address")
	}
}

// A volunteer whose machine is gone without a word (its connection stays
// open, but nothing answers) loses its lease to the next one.
func TestSilence(t *testing.T) {
	c := cluster.Config(t.TempDir())
	c.Ping = 50 * time.Millisecond
	c.BackupAfter, c.LeaseTime = time.Hour, time.Hour // only the missing pongs can help
	x := cluster.Start(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, _, err := d.DialContext(ctx, "ws://"+x.Hub.Addr().String()+"/v1/volunteer", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	var silent bool // read and written by the reading goroutine, which is this one
	ws.SetPingHandler(func(string) error { return nil })
	v := cluster.NewVolunteer("silent")
	say := func(m protocol.Message) {
		t.Helper()
		frame, err := protocol.Encode(m)
		if err == nil {
			err = ws.WriteMessage(websocket.BinaryMessage, frame)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	id := x.Submit(cluster.ChainFile("silence", 1, 1, 1))
	say(protocol.Hello{MinVersion: 1, MaxVersion: 1, Volunteer: v.ID(), Devices: []protocol.Device{{Lane: "cpu"}}})
	for !silent {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m, err := protocol.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case protocol.Welcome:
			say(cluster.Consent(v.Key, m.Nonce, m.Now))
		case protocol.Consented:
			say(protocol.Want{Count: 1})
		case protocol.Lease:
			silent = true
		}
	}
	x.Join(cluster.NewVolunteer("ann"))
	x.Done(id, "silence", 1, 1, 1)
}

// Volunteers over real WebSockets, as native ones come.
func TestOverWebSocket(t *testing.T) {
	x := cluster.Start(t, cluster.Config(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 2)
	for _, seed := range []string{"ann", "bob"} {
		conn, err := cluster.Dial(ctx, x.Hub.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- cluster.NewVolunteer(seed).Serve(ctx, conn) }()
	}
	id := x.Submit(cluster.ChainFile("sockets", 10, 4, 2))
	x.Done(id, "sockets", 10, 4, 2)
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
