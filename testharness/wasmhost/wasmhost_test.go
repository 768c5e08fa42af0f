package wasmhost_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/wasmhost"
	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guest builds wasm/cmd/worker for wasip1, once.
var guest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "wasmhost")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "worker.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "github.com/shoal-compute/shoal/wasm/cmd/worker")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, said)
	}
	return os.ReadFile(out)
})

// cache keeps the compiled guest between tests.
var cache = wazero.NewCompilationCache()

func module(t *testing.T) []byte {
	t.Helper()
	code, err := guest()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// lines passes the guest's words on to the test's log.
type lines struct{ t *testing.T }

func (l lines) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

func config(t *testing.T) (cfg wasmhost.Config, hub protocol.Conn) {
	ours, theirs := protocol.Pipe()
	t.Cleanup(func() { ours.Close() })
	return wasmhost.Config{
		Module:  module(t),
		SIMD:    simd.Module,
		Conn:    theirs,
		Key:     ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		Consent: protocol.Consent{Origin: "wasi", Runs: "tests", Expires: time.Now().Add(time.Hour)},
		Stderr:  lines{t},
		Cache:   cache,
	}, ours
}

func vector(v ...int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

// sum is a program that adds two vectors of four.
func sum(t *testing.T) *program.Program {
	t.Helper()
	var b program.Builder
	x := b.Input("x", ops.Int32(-1000, 1000, 1, 4))
	y := b.Input("y", ops.Int32(-1000, 1000, 1, 4))
	b.Output("sum", b.One(ops.AddOp, []program.Value{x, y}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// converse is a hub that gives one shard and returns the outputs and what
// hello said.
func converse(t *testing.T, hub protocol.Conn) (protocol.Hello, []byte) {
	t.Helper()
	p, weights := sum(t), vector(10, 20, 30, 40)
	blobs := map[job.Hash][]byte{job.Sum(p.Encode()): p.Encode(), job.Sum(weights): weights}
	var hello protocol.Hello
	for {
		m, err := hub.Receive(t.Context())
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		var reply protocol.Message
		switch m := m.(type) {
		case protocol.Hello:
			hello = m
			reply = protocol.Welcome{Version: protocol.Version, Now: time.Now()}
		case protocol.Consent:
			if !protocol.VerifyConsent(hello.Volunteer, [32]byte{}, m) || m.Origin != "wasi" {
				t.Fatalf("bad consent %+v", m)
			}
			reply = protocol.Consented{Expires: m.Expires}
		case protocol.Want:
			if m.Count < 2 {
				continue
			}
			reply = protocol.Lease{
				Token:    []byte("lease"),
				Job:      "additions",
				Deadline: time.Now().Add(time.Minute),
				Payload: job.EncodeShard(job.Shard{
					Program: job.Sum(p.Encode()),
					Inputs:  []job.Input{{Blob: job.Sum(weights)}, {Data: vector(1, 2, 3, -4)}},
					Cost:    p.Cost().Ops,
				}),
			}
		case protocol.GetBlob:
			reply = protocol.Blob{Hash: m.Hash, Data: blobs[m.Hash]}
		case protocol.Result:
			if !protocol.VerifyResult(hello.Volunteer, m) {
				t.Fatal("the result's signature does not verify")
			}
			if err := hub.Send(t.Context(), protocol.Verdict{Token: m.Token, Status: protocol.StatusAccepted}); err != nil {
				t.Fatalf("send: %v", err)
			}
			return hello, m.Outputs
		default:
			t.Fatalf("unexpected %v %+v", m.Type(), m)
		}
		if err := hub.Send(t.Context(), reply); err != nil {
			t.Fatalf("send %v: %v", reply.Type(), err)
		}
	}
}

func TestGuestVolunteers(t *testing.T) {
	tests := []struct {
		lane string
		simd []byte
	}{
		{"wasm", simd.Module},
		{"reference", nil},
	}
	for _, test := range tests {
		t.Run(test.lane, func(t *testing.T) {
			cfg, hub := config(t)
			cfg.SIMD = test.simd
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- wasmhost.Run(ctx, cfg) }()
			hello, outputs := converse(t, hub)
			if len(hello.Devices) != 1 || hello.Devices[0].Lane != test.lane {
				t.Errorf("got devices %+v, want lane %s", hello.Devices, test.lane)
			}
			if want := job.EncodeOutputs([][]byte{vector(11, 22, 33, 36)}); string(outputs) != string(want) {
				t.Errorf("got outputs %x, want %x", outputs, want)
			}
			stop()
			for {
				m, err := hub.Receive(t.Context())
				if err != nil {
					t.Fatalf("receive: %v, want a goodbye", err)
				}
				if _, ok := m.(protocol.Goodbye); ok {
					hub.Close()
					break
				}
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Run: got %v, want %v", err, context.Canceled)
			}
		})
	}
}

func TestEndOfTheOnlyConnectionEndsRun(t *testing.T) {
	cfg, hub := config(t)
	hub.Close()
	if err := wasmhost.Run(t.Context(), cfg); err == nil {
		t.Error("Run: got no error")
	}
}

func TestUnreachableHub(t *testing.T) {
	cfg, _ := config(t)
	cfg.Conn, cfg.GiveUp = nil, 1
	cfg.Dial = func(context.Context) (protocol.Conn, error) { return nil, errors.New("refused") }
	if err := wasmhost.Run(t.Context(), cfg); !errors.Is(err, wasmhost.ErrUnreachable) {
		t.Errorf("Run: got %v, want %v", err, wasmhost.ErrUnreachable)
	}
}

func TestGuestThatDoesNotStopIsEnded(t *testing.T) {
	cfg, hub := config(t)
	cfg.Grace = 1 // no time to say goodbye
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- wasmhost.Run(ctx, cfg) }()
	if _, err := hub.Receive(t.Context()); err != nil { // it runs
		t.Fatalf("receive: %v", err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: got %v, want %v", err, context.Canceled)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	cfg, _ := config(t)
	cfg.Pages = 16 // 1 MiB: the guest cannot even start
	if err := wasmhost.Run(t.Context(), cfg); err == nil {
		t.Error("Run: got no error from a guest that does not fit")
	}
}

func TestBrokenModule(t *testing.T) {
	cfg, _ := config(t)
	cfg.Module = []byte("not wasm")
	if err := wasmhost.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "module") {
		t.Errorf("Run: got %v, want an error about the module", err)
	}
	cfg, _ = config(t)
	cfg.SIMD = []byte("not wasm")
	if err := wasmhost.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "SIMD module") {
		t.Errorf("Run: got %v, want an error about the SIMD module", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		want   string
		change func(*wasmhost.Config)
	}{
		{"Module", func(c *wasmhost.Config) { c.Module = nil }},
		{"Dial and Conn", func(c *wasmhost.Config) { c.Conn = nil }},
		{"Key", func(c *wasmhost.Config) { c.Key = nil }},
		{"Consent", func(c *wasmhost.Config) { c.Consent = protocol.Consent{} }},
		{"Grace", func(c *wasmhost.Config) { c.Grace = -1 }},
		{"Pages", func(c *wasmhost.Config) { c.Pages = 1 << 17 }},
	}
	for _, test := range tests {
		cfg, _ := config(t)
		test.change(&cfg)
		if err := wasmhost.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want one that names %s", err, test.want)
		}
	}
}
