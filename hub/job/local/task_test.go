package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

// known is a job that runs the module of package selftest on lines.
func known(lines string) (*job.Spec, func(context.Context, string) ([]byte, error)) {
	files := map[string][]byte{"known.wasm": selftest.Module, "lines": []byte(lines)}
	l := selftest.Limits
	return &job.Spec{Kind: "map", Name: "known", Map: job.Map{
			Module: "known.wasm", Inputs: job.Inputs{Lines: "lines"}, Batch: 3,
			Fuel: int64(l.Fuel), Memory: job.Bytes(l.Memory) << 16, Output: job.Bytes(l.Output),
		}}, func(_ context.Context, name string) ([]byte, error) {
			if data, ok := files[name]; ok {
				return data, nil
			}
			return nil, fs.ErrNotExist
		}
}

func box(t *testing.T) sandbox.Host {
	t.Helper()
	host, err := wazerobox.New(t.Context(), wazerobox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	return host
}

// A module that misbehaves in every way there is has outcomes like any other,
// whichever runs are computed at the same time.
func TestRunMap(t *testing.T) {
	var lines []string
	var want []string
	for _, c := range selftest.Cases {
		lines = append(lines, c.Input)
		want = append(want, mapping.Word(c.Status))
	}
	spec, data := known(strings.Join(lines, "\n") + "\n")
	var first []byte
	for _, threads := range []int{1, 3} {
		var last job.Report
		res, err := Run(t.Context(), mapping.Kind{}, spec, Config{
			Sandbox: box(t), Threads: threads, Data: data, Progress: func(r job.Report) { last = r },
		})
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := res.Artifact(mapping.FileOutputs)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = outputs
		}
		if !bytes.Equal(outputs, first) {
			t.Errorf("with %d threads:\n%s\nwith one:\n%s", threads, outputs, first)
		}
		failed := 0
		for i, text := range strings.Split(strings.TrimSpace(string(outputs)), "\n") {
			var line mapping.Line
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if line.Index != i || line.Status != want[i] {
				t.Errorf("%q: %s, want %s", lines[i], text, want[i])
			}
			if line.Status != "returned" {
				failed++
			}
		}
		if n := len(lines); last.Step != n || last.Steps != n || last.Failed != failed || failed == 0 || res.Shards != 5 {
			t.Errorf("last report %+v, %d shards", last, res.Shards)
		}
	}
}

func TestRunMapFails(t *testing.T) {
	spec, data := known("sum\ndivide\n")
	spec.Map.OnError = "fail"
	_, err := Run(t.Context(), mapping.Kind{}, spec, Config{Sandbox: box(t), Data: data})
	var failed *mapping.FailedError
	if !errors.As(err, &failed) || failed.Input != 1 || failed.Outcome.Status != job.Trapped {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), mapping.Kind{}, spec, Config{Data: data}); err == nil || !strings.Contains(err.Error(), "no sandbox") {
		t.Errorf("without a sandbox: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	spec, data = known("loop\nloop\n")
	spec.Map.Fuel = job.MaxFuel
	host := box(t)
	_, err = Run(ctx, mapping.Kind{}, spec, Config{Sandbox: started{host, cancel}, Data: data})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// started tells when a module begins to run.
type started struct {
	sandbox.Host
	tell func()
}

func (s started) Load(ctx context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	m, err := s.Host.Load(ctx, code, l)
	return startedModule{m, s.tell}, err
}

type startedModule struct {
	sandbox.Module
	tell func()
}

func (m startedModule) Run(ctx context.Context, input []byte) (job.Outcome, error) {
	m.tell()
	return m.Module.Run(ctx, input)
}
