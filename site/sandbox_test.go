package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/testharness/unruly"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

// A tab is the only volunteer of a job whose module misbehaves in every way it
// can. The job's file is the one that wazero gives, the tab is none the worse
// for it, and a job that fails says why.
func TestTabContainsModules(t *testing.T) {
	program := unruly.Program(t)
	x := startHub(t)
	p := volunteer(t, x, "device=sandbox")
	p.until(`shoal.lanes.length === 1 && shoal.lanes[0].lane === "sandbox" && shoal.lanes[0].used`)
	p.text("#uses", "Computes on the sandbox (modules).")

	put := func(data []byte) string {
		h, err := x.Client.PutBlob(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		return "sha256:" + h.String()
	}
	file := func(name string, inputs []string, onError string) []byte {
		return fmt.Appendf(nil, "kind: map\nname: %s\nmap: {module: %q, inputs: {lines: %q}, batch: 2, fuel: 50000000, memory: 32MiB, output: 64KiB, on_error: %s}\ntrust: {replicas: 1}\n",
			name, put(program), put([]byte(strings.Join(inputs, "\n"))), onError)
	}

	id := x.Submit(file("unruly", unruly.Deeds, "keep"))
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	var text bytes.Buffer
	if err := x.Client.Artifact(t.Context(), id, mapping.FileOutputs, &text); err != nil {
		t.Fatal(err)
	}
	got, want := json.NewDecoder(&text), here(t, program, unruly.Deeds)
	for i, deed := range unruly.Deeds {
		var line mapping.Line
		if err := got.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(line, want[i]) {
			t.Errorf("%s: in the tab %+v, under wazero %+v", deed, line, want[i])
		}
	}

	failing := x.Submit(file("failing", []string{"count", "loop"}, "fail"))
	if j := x.Wait(failing); j.State != "failed" || !strings.Contains(j.Error, "input 1 ran out of fuel after 50000000 instructions") {
		t.Errorf("the job is %s: %q", j.State, j.Error)
	}
	p.until(`shoal.jobs.find((j) => j.name === "failing")?.error.includes("ran out of fuel")`)

	well := x.Submit(file("well", []string{"count"}, "fail"))
	if j := x.Wait(well); j.State != "done" {
		t.Errorf("after all that, a job is %s: %s", j.State, j.Error)
	}
	p.until(`shoal.credit > 0 && shoal.verified > 0 && shoal.errors.length === 0 && shoal.notice === "" && shoal.state === "waiting"`)
}

// here runs the module under wazero.
func here(t *testing.T, module []byte, inputs []string) []mapping.Line {
	t.Helper()
	host, err := wazerobox.New(t.Context(), wazerobox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	m, err := host.Load(t.Context(), module, sandbox.Limits{Fuel: 50_000_000, Memory: 512, Output: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	var lines []mapping.Line
	for i, in := range inputs {
		o, err := m.Run(t.Context(), []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, mapping.NewLine(i, o, false))
	}
	return lines
}
