package engine

import (
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// enter adds a volunteer with one device, which asks for work.
func (h *hall) enter(t *testing.T, name byte, d Device) *Member {
	t.Helper()
	m, err := h.Join(t.Context(), volunteer.ID{name}, "", string(name), []Device{d})
	if err != nil {
		t.Fatal(err)
	}
	m.consent, m.want[0] = h.now.Add(time.Hour), 1
	return m
}

// seal has everybody who is at work on the first shard seal a result.
func (h *hall) seal() {
	for _, a := range h.job.round.shards[0].attempts {
		a.seal = new([32]byte)
	}
}

func TestWaiting(t *testing.T) {
	wasm := Device{Lane: "wasm"}
	counted, weighed := job.Trust{Replicas: 4}, job.Trust{Assurance: "replicated", Replicas: 4}
	for name, c := range map[string]struct {
		trust job.Trust
		make  func(h *hall)
		want  string
	}{
		"nobody is here":     {counted, func(*hall) {}, "volunteers: nobody is here"},
		"queued":             {counted, func(h *hall) { h.job.started = false; h.active = append(h.active, &jobRun{started: true}) }, "its turn: 1 job runs already"},
		"between two rounds": {counted, func(h *hall) { h.job.round = nil }, ""},
		"about to go out":    {counted, func(h *hall) { h.enter(t, 'a', wasm) }, ""},
		"somebody at work": {counted, func(h *hall) {
			h.enter(t, 'a', wasm)
			h.plan(t)
		}, ""},
		"the hub at work": {counted, func(h *hall) { h.job.round.shards[0].inquiry = true }, ""},
		"too few": {counted, func(h *hall) {
			h.enter(t, 'a', wasm)
			h.enter(t, 'b', wasm)
			h.plan(t)
			h.seal()
		}, "2 more volunteers: 2 are here"},
		"one too few, others of no use": {counted, func(h *hall) {
			for _, name := range "abc" {
				h.enter(t, byte(name), wasm)
			}
			h.plan(t)
			h.seal()
			h.enter(t, 'd', Device{Lane: "sandbox"})
			h.enter(t, 'e', Device{Lane: "wasm", Memory: 1})
			h.enter(t, 'f', wasm).want[0] = 0
			h.enter(t, 'g', wasm).excluded[0] = true
			busy := h.enter(t, 'h', wasm)
			busy.want[0], busy.load[0] = 0, 1
			h.enter(t, 'i', wasm).consent = h.now // it has run out
		}, "1 more volunteer: 8 are here, 1 without a device that runs programs, 1 without 2 MB of memory, 1 proved wrong before, 1 busy, 1 not asking for work"},
		"sealed and opened": {counted, func(h *hall) {
			h.enter(t, 'a', wasm)
			h.plan(t)
			h.seal()
			h.job.round.shards[0].attempts[0].opened = true
		}, ""},
		"kin only": {weighed, func(h *hall) {
			h.config.Related = func(trust.Identity, trust.Identity) bool { return true }
			h.enter(t, 'a', wasm)
			h.plan(t)
			h.job.round.shards[0].lonely = false // before it is known
			h.seal()
			h.enter(t, 'b', wasm)
		}, "3 more volunteers that look unrelated: 2 are here, 1 related to who has it"},
		"no modules here": {counted, func(h *hall) {
			h.job.round.shards[0].program.Task = &job.Task{}
			h.enter(t, 'a', wasm)
		}, "a device that runs modules: 1 volunteer is here without one"},
		"no memory here": {counted, func(h *hall) {
			h.enter(t, 'a', Device{Lane: "wasm", Memory: 1})
			h.enter(t, 'b', Device{Lane: "wasm", Memory: 1})
		}, "a device that runs programs with 2 MB of memory: 2 volunteers are here without one"},
		"all paused": {counted, func(h *hall) {
			h.enter(t, 'a', wasm).want[0] = 0
		}, "volunteers that ask for work: 1 is here and does not"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, c.trust, 0, 1)
			h.job.started = true
			c.make(h)
			if got := h.Waiting("bench"); got != c.want {
				t.Errorf("it waits for %q, want %q", got, c.want)
			}
		})
	}
	if got := newHall(t, counted, 0, 1).Waiting("another"); got != "" {
		t.Errorf("a job that is not there waits for %q", got)
	}
}
