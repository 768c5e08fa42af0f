package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// execute carries out one command and returns what it prints on standard
// output, and its exit code.
func execute(t *testing.T, command func(streams) *cobra.Command, args ...string) (string, int) {
	t.Helper()
	var out, problems bytes.Buffer
	c := command(streams{in: &bytes.Buffer{}, out: &out, err: &problems})
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&problems)
	code := exitCode(c.ExecuteContext(t.Context()))
	return out.String(), code
}

// written writes a program and its inputs to files and returns the arguments
// that name them.
func written(t *testing.T, p *program.Program, inputs [][]byte) []string {
	t.Helper()
	dir := t.TempDir()
	save := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	args := []string{save("program", p.Encode())}
	for i, in := range inputs {
		args = append(args, "--in", save(p.Inputs()[i].Name, in))
	}
	return args
}

func TestTraceIsTheSameOnEveryDevice(t *testing.T) {
	p := devicetest.RandomProgram(4, 12)
	inputs := devicetest.RandomInputs(p, 4)
	want, _, err := trace.Record(t.Context(), reference.New(), p, inputs, trace.Config{})
	if err != nil {
		t.Fatal(err)
	}
	args := written(t, p, inputs)
	for _, device := range []string{"cpu", "reference"} {
		out, code := execute(t, newTrace, append(args, "--json", "--device", device)...)
		var got struct {
			Root string
			Ops  int
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitDone {
			t.Fatalf("exit %d: %v: %s", code, err, out)
		}
		if got.Root != want.Root().String() || got.Ops != len(p.Nodes()) {
			t.Errorf("%s: root %s of %d ops, want %s", device, got.Root, got.Ops, want.Root())
		}
	}
	if out, code := execute(t, newTrace, args...); code != exitDone || !bytes.Contains([]byte(out), []byte("root "+want.Root().String())) {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, code := execute(t, newTrace, args[:1]...); code != exitUsage {
		t.Errorf("without inputs: exit %d", code)
	}
	if _, code := execute(t, newTrace, append(args, "--device", "webgpu")...); code != exitUsage {
		t.Errorf("in a browser: exit %d", code)
	}
	if _, code := execute(t, newTrace, args[2]); code != exitUsage {
		t.Errorf("an input for a program: exit %d", code)
	}
}

func TestDisputeReplay(t *testing.T) {
	p := devicetest.RandomProgram(4, 12)
	inputs := devicetest.RandomInputs(p, 4)
	tr, _, err := trace.Record(t.Context(), reference.New(), p, inputs, trace.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := dispute.Case{Program: p}
	for i := range inputs {
		c.Inputs = append(c.Inputs, tr.Value(i))
	}
	var players [2]dispute.Player
	for i := range players {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize))
		players[i] = dispute.Player{Trace: tr, Key: key, Values: func(ctx context.Context, want []int) ([][]byte, error) {
			return trace.Values(ctx, reference.New(), p, inputs, want)
		}}
		c.Claims[i].Key = key.Public().(ed25519.PublicKey)
		for _, o := range p.Outputs() {
			c.Claims[i].Outputs = append(c.Claims[i].Outputs, tr.Value(o.Value))
		}
	}
	c.Claims[1].Outputs[0][0] ^= 1 // the second party returned something else
	r, err := dispute.NewReferee(c, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range r.Questions() {
		a, err := players[q.Party].Answer(t.Context(), r.ID(), q)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Answer(q.Party, a); err != nil {
			t.Fatal(err)
		}
	}
	evidence := r.Evidence()
	file := filepath.Join(t.TempDir(), "evidence")
	replay := func(data []byte) (string, int) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return execute(t, newDispute, "replay", file, "--json")
	}
	out, code := replay(evidence)
	var got struct{ Parties [2]party }
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitDone {
		t.Fatalf("exit %d: %v: %s", code, err, out)
	}
	if got.Parties[0].AtFault || !got.Parties[1].AtFault || got.Parties[1].Absent {
		t.Errorf("at fault: %+v", got.Parties)
	}
	evidence[len(evidence)-1] ^= 1 // a signature
	if _, code := replay(evidence); code != exitVerification {
		t.Errorf("a forged signature: exit %d", code)
	}
	if _, code := replay(evidence[:40]); code != exitUsage {
		t.Errorf("half a file: exit %d", code)
	}
}
