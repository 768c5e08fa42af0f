//go:build !js && !wasip1

package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/unruly"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

// Modules in a tab end as they do under wazero, to the byte; whatever they do,
// the tab hears the hub and the page, and lets go of them at once.
func TestModulesInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	chromium(t) // or skip, before anything is built
	small := job.Task{Module: job.Sum(selftest.Module), Fuel: selftest.Limits.Fuel, Memory: selftest.Limits.Memory, Output: selftest.Limits.Output}
	program := unruly.Program(t)
	large := job.Task{Module: job.Sum(program), Fuel: 50_000_000, Memory: 512, Output: 64 << 10}
	timed, endless := small, small
	timed.Fuel, endless.Fuel = 2_000_000_000, job.MaxFuel
	grasping := job.Task{Module: job.Sum(unruly.Grasping), Fuel: 1000, Memory: 1}

	s := newServer(t)
	s.blobs = [][]byte{selftest.Module, program, unruly.Grasping, small.Encode(), large.Encode(), timed.Encode(), endless.Encode(), grasping.Encode()}
	p := openPage(t, s.url)
	p.until(`said("ready").length === 1`)
	p.tell(`{cmd: "start", lanes: ["sandbox"], consent: {runs: "modules", expires: Date.now() + 1e6}}`)
	h := s.accept(t)
	if d := h.hello.Devices; len(d) != 1 || d[0].Lane != "sandbox" || d[0].Threads != 1 {
		t.Fatalf("got devices %+v", d)
	}
	p.until(`said("lanes").at(-1).lanes[0].lane === "sandbox" && said("lanes").at(-1).lanes[0].chosen`)

	var cases []string
	for _, c := range selftest.Cases {
		cases = append(cases, c.Input)
	}
	h.run("OutcomesAreWazeros", func(t *testing.T) {
		h.ends(small, selftest.Module, cases...)
		h.ends(large, program, unruly.Deeds...)
	})
	h.run("ModuleThatNobodyRuns", func(t *testing.T) {
		h.say(taskLease("grasping", grasping, "x"))
		if back := await[protocol.Return](h); !bytes.Contains([]byte(back.Reason), []byte("open_socket")) {
			t.Errorf("got back because %q", back.Reason)
		}
	})
	h.run("HubAndPageAreHeardMeanwhile", func(t *testing.T) {
		p.computes(func() { h.say(taskLease("endless", endless, "loop")) })
		h.say(protocol.StatusUpdate{JSON: []byte(`{"step": 7}`)})
		p.until(`said("status").at(-1)?.status.step === 7`)
		p.tell(`{cmd: "stats"}`)
		p.until(`said("stats").at(-1).stats.devices[0].job === "modules"`)
		h.say(protocol.Revoke{Token: []byte("endless"), Reason: "enough"})
		h.ends(small, selftest.Module, "sum")
	})
	h.run("PauseEndsARun", func(t *testing.T) {
		p.computes(func() { h.say(taskLease("again", endless, "loop")) })
		p.tell(`{cmd: "pause"}`)
		if back := await[protocol.Return](h); string(back.Tokens[0]) != "again" {
			t.Errorf("got back %q", back.Tokens)
		}
		p.until(`said("state").at(-1).state === "paused"`)
		p.tell(`{cmd: "start"}`)
		p.until(`said("state").at(-1).state === "running"`)
		h.ends(small, selftest.Module, "sum")
	})
	h.run("Speed", func(t *testing.T) {
		start := time.Now()
		h.ends(timed, selftest.Module, "loop")
		t.Logf("2e9 instructions took %v, wazero's included", time.Since(start))
	})
	p.tell(`{cmd: "stop"}`)
	await[protocol.Goodbye](h)
	h.conn.Close()
	p.until(`said("state").at(-1).state === "stopped" && said("error").length === 0 && said("crash").length === 0`)
}

// computes waits until the tab computes the next lease, which lease gives it.
func (p *page) computes(lease func()) {
	p.t.Helper()
	before, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`event("computing").length`))
	if err != nil {
		p.t.Fatal(err)
	}
	lease()
	p.until(fmt.Sprintf(`event("computing").length > %d`, before))
}

// run runs a subtest in which the hub's failures and deadlines are the
// subtest's, and gives it back to the test: a subtest's context ends with it.
func (h *hub) run(name string, f func(t *testing.T)) {
	parent := h.T
	defer func() { h.T = parent }()
	parent.Run(name, func(t *testing.T) {
		h.T = t
		f(t)
	})
}

// taskLease leases runs of a task's module on inputs.
func taskLease(token string, task job.Task, inputs ...string) protocol.Lease {
	s := job.Shard{Program: job.Sum(task.Encode()), Cost: int64(task.Fuel) * int64(len(inputs))}
	for _, in := range inputs {
		s.Inputs = append(s.Inputs, job.Input{Data: []byte(in)})
	}
	return protocol.Lease{Token: []byte(token), Job: "modules", Deadline: time.Now().Add(time.Hour), Payload: job.EncodeShard(s)}
}

// ends leases a module's runs to the tab, and compares how they end with how
// they end here.
func (h *hub) ends(task job.Task, module []byte, inputs ...string) {
	h.Helper()
	token := fmt.Sprintf("task-%d", time.Now().UnixNano())
	h.say(taskLease(token, task, inputs...))
	r := await[protocol.Result](h)
	if string(r.Token) != token || !protocol.VerifyResult(h.hello.Volunteer, r) {
		h.Fatalf("got a result for %q, want one for %q, signed", r.Token, token)
	}
	h.say(protocol.Verdict{Token: r.Token, Status: protocol.StatusAccepted})
	h.Logf("the tab took %d ms", r.Millis)
	outputs, err := job.DecodeOutputs(r.Outputs)
	if err != nil || len(outputs) != len(inputs) {
		h.Fatalf("got %d outputs, %v", len(outputs), err)
	}
	host, err := wazerobox.New(h.Context(), wazerobox.Options{})
	if err != nil {
		h.Fatal(err)
	}
	defer host.Close()
	m, err := host.Load(h.Context(), module, sandbox.Limits{Fuel: task.Fuel, Memory: task.Memory, Output: task.Output})
	if err != nil {
		h.Fatal(err)
	}
	for i, in := range inputs {
		start := time.Now()
		want, err := m.Run(h.Context(), []byte(in))
		if err != nil {
			h.Fatal(err)
		}
		got, err := task.DecodeOutcome(outputs[i])
		if err != nil {
			h.Errorf("%s: %v", in, err)
			continue
		}
		if !bytes.Equal(outputs[i], want.Encode()) {
			h.Errorf("%s: in the tab it %v after %d instructions with %q, under wazero it %v after %d with %q",
				in, got.Status, got.Fuel, got.Output, want.Status, want.Fuel, want.Output)
		}
		h.Logf("%s: %v after %d instructions, which took wazero %v", in, want.Status, want.Fuel, time.Since(start).Round(time.Millisecond))
	}
}
