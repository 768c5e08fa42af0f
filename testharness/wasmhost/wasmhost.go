// Package wasmhost runs the headless volunteer, wasm/cmd/worker built for
// wasip1, under wazero.
//
// It owns the sandbox: the guest has bounded memory and time, and no network,
// no files and no arguments. It is lent frames of one conversation at a time,
// a source of randomness, clocks, and a SIMD module beside it. The package
// refuses to know what the frames say.
package wasmhost

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// ErrUnreachable is returned when the guest gave up on reaching the hub.
var ErrUnreachable = errors.New("wasmhost: hub unreachable")

// Config is what a run needs. Module, Key, Consent and one of Dial and Conn
// are required. Zero fields get the defaults named beside them.
type Config struct {
	Module  []byte                                           // wasm/cmd/worker for wasip1
	SIMD    []byte                                           // wasm/simd's module; nil: the guest computes by itself, slowly
	Dial    func(ctx context.Context) (protocol.Conn, error) // how to reach the hub, again and again
	Conn    protocol.Conn                                    // instead of Dial: the one connection
	Key     ed25519.PrivateKey                               // the volunteer's identity
	Consent protocol.Consent                                 // what the operator agreed to; Origin, Runs and Expires are used
	GiveUp  int                                              // tries to reach the hub before the run fails; 0: never; with Conn 1
	Pages   uint32                                           // 2048 (128 MiB); memory of each module, in pages of 64 KiB
	Random  io.Reader                                        // crypto/rand
	Stderr  io.Writer                                        // what the guest reports, a line each; nil: nobody
	Grace   time.Duration                                    // 5 s; for a goodbye once ctx has ended
	Cache   wazero.CompilationCache                          // nil: compile anew
}

// Validate reports the first thing that is wrong.
func (c Config) Validate() error {
	switch {
	case len(c.Module) == 0:
		return errors.New("wasmhost: config: Module: missing")
	case (c.Dial == nil) == (c.Conn == nil):
		return errors.New("wasmhost: config: exactly one of Dial and Conn must be set")
	case len(c.Key) != ed25519.PrivateKeySize:
		return errors.New("wasmhost: config: Key: not an ed25519 private key")
	case c.Consent.Origin == "" || c.Consent.Expires.IsZero():
		return errors.New("wasmhost: config: Consent: Origin and Expires must be set")
	case c.GiveUp < 0 || c.Grace < 0:
		return errors.New("wasmhost: config: GiveUp and Grace must not be negative")
	case c.Pages > 65536:
		return errors.New("wasmhost: config: Pages: at most 65536")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Conn != nil {
		c.Dial, c.GiveUp = once(c.Conn), 1
	}
	if c.Pages == 0 {
		c.Pages = 2048
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	return c
}

func once(conn protocol.Conn) func(context.Context) (protocol.Conn, error) {
	return func(context.Context) (protocol.Conn, error) {
		if conn == nil {
			return nil, protocol.ErrClosed
		}
		c := conn
		conn = nil
		return c, nil
	}
}

// Run volunteers until ctx ends: the guest is then asked for a goodbye, gets
// Grace to say it, and Run returns ctx's error. Before that it returns when
// the guest does, with an error unless that was in order.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	// The guest outlives ctx by Grace, and not by more.
	alive, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	grace := time.AfterFunc(1<<63-1, kill)
	defer grace.Stop()
	stop := context.AfterFunc(ctx, func() { grace.Reset(cfg.Grace) })
	defer stop()

	rc := wazero.NewRuntimeConfig().
		WithMemoryLimitPages(cfg.Pages).
		WithCoreFeatures(api.CoreFeaturesV2)
	if cfg.Cache != nil {
		rc = rc.WithCompilationCache(cfg.Cache)
	}
	// A guest that can be interrupted pays for it in every loop. The SIMD
	// module's loops are all it does, four times slower so, and its calls are
	// short by contract: it gets a runtime of its own, without the checks.
	runtime := wazero.NewRuntimeWithConfig(alive, rc.WithCloseOnContextDone(true))
	defer runtime.Close(context.WithoutCancel(ctx))
	fast := wazero.NewRuntimeWithConfig(alive, rc)
	defer fast.Close(context.WithoutCancel(ctx))
	if _, err := wasi_snapshot_preview1.Instantiate(alive, runtime); err != nil {
		return fmt.Errorf("wasmhost: %w", err)
	}
	b := newBridge(ctx, cfg.Dial)
	defer b.close()
	if len(cfg.SIMD) > 0 {
		var err error
		if b.simd, err = newModule(alive, fast, cfg.SIMD); err != nil {
			return fmt.Errorf("wasmhost: SIMD module: %w", err)
		}
	}
	if err := b.export(alive, runtime); err != nil {
		return fmt.Errorf("wasmhost: %w", err)
	}
	err := run(alive, runtime, cfg)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// run compiles and starts the guest and waits for its end.
func run(ctx context.Context, runtime wazero.Runtime, cfg Config) error {
	compiled, err := runtime.CompileModule(ctx, cfg.Module)
	if err != nil {
		return fmt.Errorf("wasmhost: module: %w", err)
	}
	mc := wazero.NewModuleConfig().
		WithName("worker").
		WithStderr(cfg.Stderr).
		WithRandSource(cfg.Random).
		WithSysWalltime().
		WithSysNanotime().
		WithSysNanosleep()
	for name, value := range map[string]string{
		"SHOAL_KEY":     hex.EncodeToString(cfg.Key.Seed()),
		"SHOAL_ORIGIN":  cfg.Consent.Origin,
		"SHOAL_RUNS":    cfg.Consent.Runs,
		"SHOAL_EXPIRES": strconv.FormatInt(cfg.Consent.Expires.UnixMilli(), 10),
		"SHOAL_MEMORY":  strconv.FormatInt(int64(cfg.Pages)<<16*3/4, 10), // the rest is the program's own
		"SHOAL_GIVE_UP": strconv.Itoa(cfg.GiveUp),
	} {
		mc = mc.WithEnv(name, value)
	}
	_, err = runtime.InstantiateModule(ctx, compiled, mc)
	var exit *sys.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("wasmhost: guest: %w", err)
	case exit.ExitCode() == 0:
		return nil
	case exit.ExitCode() == 3:
		return ErrUnreachable
	}
	return fmt.Errorf("wasmhost: the guest ended with exit code %d", exit.ExitCode())
}
