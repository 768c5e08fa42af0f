package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/cluster"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/wasm/worker"
)

// A hub with two volunteers, one of which has an engine of another kind, makes
// the same files of a job as one computer alone; a line that is no range is
// reported in them.
func TestSwarm(t *testing.T) {
	module := build(t)
	config := cluster.Config(t.TempDir())
	config.Kinds = all.Kinds()
	config.Parse = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }
	config.Inspect = hub.Default().Inspect
	c := cluster.Start(t, config)
	ctx, stop := context.WithCancel(t.Context())
	left := make(chan error)
	for i, engine := range []wazerobox.Options{{}, {Interpreter: true}} {
		go func() { left <- volunteer(ctx, c, byte(i), engine) }()
	}
	defer func() {
		stop()
		for range 2 {
			if err := <-left; err != nil {
				t.Error(err)
			}
		}
	}()

	file := func(name string, data []byte) string {
		h, err := c.Client.PutBlob(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		return "sha256:" + h.String()
	}
	lines := []byte("0 1000\nall of them\n1000 1100\n")
	id, err := c.Client.Submit(t.Context(), fmt.Appendf(nil,
		"kind: map\nname: primes\nmap: {module: %q, inputs: {lines: %q}, batch: 1, fuel: 10000000, memory: 16MiB, output: 4KiB}\ntrust: {replicas: 2}\n",
		file("primes.wasm", module), file("lines.txt", lines)))
	if err != nil {
		t.Fatal(err)
	}
	if j := c.Wait(id); j.State != "done" {
		t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	var swarm bytes.Buffer
	if err := c.Client.Artifact(t.Context(), id, mapping.FileOutputs, &swarm); err != nil {
		t.Fatal(err)
	}

	// The job as it is written in a file, alone.
	spec := &job.Spec{Kind: "map", Name: "primes", Map: job.Map{
		Module: "primes.wasm", Inputs: job.Inputs{Lines: "lines.txt"}, Batch: 3, Fuel: 10_000_000, Memory: 16 << 20, Output: 4 << 10,
	}}
	box, err := wazerobox.New(t.Context(), wazerobox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	res, err := local.Run(t.Context(), mapping.Kind{}, spec, local.Config{
		Sandbox: box,
		Data: func(_ context.Context, name string) ([]byte, error) {
			return map[string][]byte{"primes.wasm": module, "lines.txt": lines}[name], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := res.Artifact(mapping.FileOutputs)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(swarm.Bytes(), alone) {
		t.Errorf("the swarm's\n%s\nalone\n%s", &swarm, alone)
	}
	for _, want := range []string{`\"primes\":168,`, `want two numbers, got \"all of them\"`, `\"primes\":16,`} {
		if !bytes.Contains(alone, []byte(want)) {
			t.Errorf("no %s in\n%s", want, alone)
		}
	}
}

// build makes the module as `make examples` does.
func build(t *testing.T) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "primes.wasm")
	c := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", name, ".")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	module, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// volunteer has a worker run modules until ctx ends.
func volunteer(ctx context.Context, c *cluster.Cluster, seed byte, engine wazerobox.Options) error {
	box, err := wazerobox.New(ctx, engine)
	if err != nil {
		return err
	}
	defer box.Close()
	w, err := worker.New(worker.Config{
		Dial: func(ctx context.Context) (protocol.Conn, error) { return cluster.Dial(ctx, c.Hub.Addr().String()) },
		Key:  ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed + 1}, ed25519.SeedSize)), Sandbox: box, Agent: "examples",
		Consent: protocol.Consent{Origin: "examples", Runs: "modules of this test", Issued: time.Now(), Expires: time.Now().Add(time.Hour)},
	})
	if err != nil {
		return err
	}
	if err = w.Run(ctx); ctx.Err() != nil {
		return nil
	}
	return err
}
