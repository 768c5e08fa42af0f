package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// The host passes everything by environment variables; package wasmhost sets
// them. There is no network, no file and no argument.
const (
	envKey     = "SHOAL_KEY"     // ed25519 seed, hexadecimal
	envOrigin  = "SHOAL_ORIGIN"  // of the consent
	envRuns    = "SHOAL_RUNS"    // of the consent
	envExpires = "SHOAL_EXPIRES" // of the consent, milliseconds since 1970
	envMemory  = "SHOAL_MEMORY"  // bytes one program may need
	envGiveUp  = "SHOAL_GIVE_UP" // tries to reach the hub; 0: never give up
)

// Exit codes, those of shoal-node.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

func main() {
	cfg, err := configure()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	w, err := worker.New(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	onStop = w.Stop
	switch err := w.Run(context.Background()); {
	case errors.Is(err, worker.ErrUnreachable):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUnreachable)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
}

func configure() (worker.Config, error) {
	seed, err := hex.DecodeString(os.Getenv(envKey))
	if err != nil || len(seed) != ed25519.SeedSize {
		return worker.Config{}, fmt.Errorf("worker: %s: must be 64 hexadecimal digits", envKey)
	}
	expires, err := envInt(envExpires)
	if err != nil {
		return worker.Config{}, err
	}
	memory, err := envInt(envMemory)
	if err != nil {
		return worker.Config{}, err
	}
	giveUp, err := envInt(envGiveUp)
	if err != nil {
		return worker.Config{}, err
	}
	// There is no Sandbox: this program is itself a module of the host, and
	// cannot run others. The host can, as a volunteer of its own.
	return worker.Config{
		Dial:    dial,
		Devices: []device.Device{openDevice(memory)},
		Key:     ed25519.NewKeyFromSeed(seed),
		Consent: protocol.Consent{
			Origin:  os.Getenv(envOrigin),
			Runs:    os.Getenv(envRuns),
			Issued:  time.Now(),
			Expires: time.UnixMilli(expires),
		},
		Agent:        agent,
		Events:       report,
		GiveUp:       int(giveUp),
		MaxMemory:    memory,
		CacheBytes:   max(memory/8, 1),
		WaitingBytes: max(memory/4, 1),
	}, nil
}

func envInt(name string) (int64, error) {
	v, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil || v < 0 {
		return 0, fmt.Errorf("worker: %s: must be a number, not %q", name, os.Getenv(name))
	}
	return v, nil
}

// report writes what a person may want to know; the host decides where to.
func report(e worker.Event) {
	switch e.Kind {
	case worker.Connected, worker.Disconnected, worker.Returned, worker.Refused, worker.Revoked:
		fmt.Fprintf(os.Stderr, "%s job=%s shard=%d reason=%q\n", e.Kind, e.Job, e.Shard, e.Reason)
	case worker.Computed:
		fmt.Fprintf(os.Stderr, "%s job=%s shard=%d millis=%d\n", e.Kind, e.Job, e.Shard, e.Took.Milliseconds())
	}
}
