package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
)

func TestWhatTheFlagsAskFor(t *testing.T) {
	tests := []struct {
		device, sandbox string
		lanes           []string
		forced          bool
		modules, must   bool
	}{
		{"auto", "auto", []string{"cuda", "vulkan", "cpu", "reference"}, false, true, false},
		{"auto", "off", []string{"cuda", "vulkan", "cpu", "reference"}, false, false, false},
		{"auto", "on", []string{"cuda", "vulkan", "cpu", "reference"}, false, true, true},
		{"cpu", "auto", []string{"cpu"}, true, false, false},
		{"cpu", "on", []string{"cpu"}, true, true, true},
		{"cpu, sandbox", "auto", []string{"cpu"}, true, true, true},
		{"sandbox", "auto", nil, false, true, true},
	}
	for _, test := range tests {
		n := node{device: test.device, sandbox: test.sandbox}
		got, err := n.wanted()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, l := range got.lanes {
			names = append(names, l.name)
		}
		if !slices.Equal(names, test.lanes) || len(got.forced) > 0 != test.forced || got.sandbox != test.modules || got.must != test.must {
			t.Errorf("--device %s --sandbox %s: got %v, %+v", test.device, test.sandbox, names, got)
		}
	}
}

// moduleHub gives everybody a module that misbehaves on its second input.
func moduleHub(t *testing.T) (*testHub, string) {
	h, url := newTestHub(t)
	host, v := trySandbox(t.Context())
	if host == nil {
		t.Fatal(v.Error)
	}
	defer host.Close()
	m, err := host.Load(t.Context(), selftest.Module, selftest.Limits)
	if err != nil {
		t.Fatal(err)
	}
	l := selftest.Limits
	task := job.Task{Module: job.Sum(selftest.Module), Fuel: l.Fuel, Memory: l.Memory, Output: l.Output}
	shard := job.Shard{Program: job.Sum(task.Encode())}
	var outputs [][]byte
	for _, in := range []string{"sum", "loop", "sum"} {
		o, err := m.Run(t.Context(), []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, o.Encode())
		shard.Inputs = append(shard.Inputs, job.Input{Data: []byte(in)})
		shard.Cost += int64(task.Fuel)
	}
	h.payload, h.want, h.blobs = job.EncodeShard(shard), string(job.EncodeOutputs(outputs)), [][]byte{task.Encode(), selftest.Module}
	return h, url
}

func TestRunsModulesAfterConsentThatSpeaksOfThem(t *testing.T) {
	h, url := moduleHub(t)
	data := t.TempDir()
	c := cli{in: strings.NewReader("y\n")}
	ended := make(chan int, 1)
	go func() {
		ended <- c.run(t.Context(), "--hub", url, "--data", data, "--device", "sandbox", "--share", "90", "--threads", "1", "--json")
	}()
	<-h.first
	var status, finish cli
	if code := status.run(t.Context(), "status", "--data", data); code != exitDone || !strings.Contains(status.out.String(), "sandbox    1 threads, wazero") {
		t.Errorf("status: got exit code %d, %q, %q", code, status.out.String(), status.err.String())
	}
	if code := finish.run(t.Context(), "finish", "--data", data); code != exitDone {
		t.Errorf("finish: got exit code %d, %q", code, finish.err.String())
	}
	if code := <-ended; code != exitDone {
		t.Fatalf("got exit code %d: %s", code, c.err.String())
	}
	<-h.goodbyes
	var sum summary
	if err := json.Unmarshal(c.out.Bytes(), &sum); err != nil {
		t.Fatalf("%q: %v", c.out.String(), err)
	}
	if len(sum.Devices) != 1 || sum.Devices[0].Lane != "sandbox" || sum.Devices[0].Shards == 0 || sum.Devices[0].Ops == 0 {
		t.Errorf("got %+v", sum.Devices)
	}
	for _, word := range []string{"device   sandbox", "WebAssembly modules", "no network", "--sandbox=off"} {
		if said := strings.Join(strings.Fields(c.err.String()), " "); !strings.Contains(said, strings.Join(strings.Fields(word), " ")) {
			t.Errorf("the consent does not say %q: %s", word, said)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if consent := h.consents[0]; !strings.Contains(consent.Runs, "WebAssembly modules") || !strings.Contains(consent.Limits, `"device":"sandbox"`) {
		t.Errorf("got consent %+v", consent)
	}
}

// Whoever agreed to devices alone has not agreed to modules.
func TestConsentToDevicesIsNoneToModules(t *testing.T) {
	agreed := record{Runs: runs, Device: "cpu, cuda"}
	for device, want := range map[string]bool{"cpu": true, "cpu, sandbox": false, "sandbox": false} {
		if got := agreed.covers(record{Runs: runs, Device: device}, agreed.Expires.Add(-1)); got != want {
			t.Errorf("%s: got %v", device, got)
		}
	}
	if agreed.Runs = "words without modules"; agreed.covers(record{Runs: runs, Device: "cpu"}, agreed.Expires.Add(-1)) {
		t.Error("words that did not speak of modules are still good")
	}
}
