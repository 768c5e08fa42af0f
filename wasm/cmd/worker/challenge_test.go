//go:build !js && !wasip1

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// A tab plays a dispute against somebody who has changed one value, and wins it
// with one op run again.
func TestDisputeWithATab(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	chromium(t) // or skip, before anything is built
	p := devicetest.RandomProgram(11, 24)
	in := devicetest.RandomInputs(p, 11)
	shard := job.Shard{Program: job.Sum(p.Encode()), Cost: p.Cost().Ops}
	for _, data := range in {
		shard.Inputs = append(shard.Inputs, job.Input{Data: data})
	}
	truth, _, err := trace.Record(t.Context(), reference.New(), p, in, trace.Config{})
	if err != nil {
		t.Fatal(err)
	}

	s := newServer(t)
	s.blobs = [][]byte{p.Encode()}
	page := openPage(t, s.url)
	page.until(`said("ready").length === 1`)
	page.tell(`{cmd: "start", lanes: ["wasm"], consent: {runs: "disputes", expires: Date.now() + 1e6}}`)
	h := s.accept(t)

	// The impostor claims another value for the last output of the program, and
	// so for the op that makes it.
	var digests []trace.Digest
	for v := range p.Values() {
		digests = append(digests, truth.Value(v))
	}
	last := p.Outputs()[len(p.Outputs())-1].Value
	op, _ := trace.Maker(p, last)
	digests[last][0] ^= 1
	lie, err := trace.New(p, digests)
	if err != nil {
		t.Fatal(err)
	}
	impostor := dispute.Player{Trace: lie, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
	c := dispute.Case{Program: p}
	for i := range in {
		c.Inputs = append(c.Inputs, truth.Value(i))
	}
	c.Claims[0].Key, c.Claims[1].Key = h.hello.Volunteer[:], impostor.Key.Public().(ed25519.PublicKey)
	for _, o := range p.Outputs() {
		c.Claims[0].Outputs = append(c.Claims[0].Outputs, truth.Value(o.Value))
		c.Claims[1].Outputs = append(c.Claims[1].Outputs, lie.Value(o.Value))
	}
	r, err := dispute.NewReferee(c, 0)
	if err != nil {
		t.Fatal(err)
	}
	payload := job.EncodeShard(shard)
	for len(r.Questions()) > 0 {
		for _, q := range r.Questions() {
			var a dispute.Answer
			if q.Party == 0 {
				a = h.challenge(r.ID(), q, payload)
				payload = nil
			} else if a, err = impostor.Answer(context.Background(), r.ID(), q); err != nil {
				t.Fatal(err)
			}
			if err := r.Answer(q.Party, a); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Judge(t.Context(), reference.Interpret); err != nil {
		t.Fatal(err)
	}
	if v, _ := r.Verdict(); v.Op != op || v.Faults[0] != nil || v.Faults[1] == nil || v.Reruns != 1 {
		t.Errorf("op %d was changed by party 1; the verdict: %+v", op, v)
	}
	page.tell(`{cmd: "stop"}`)
	await[protocol.Goodbye](h)
	h.conn.Close()
	page.until(`said("state").at(-1).state === "stopped" && said("crash").length === 0`)
}

// challenge asks the tab.
func (h *hub) challenge(id [32]byte, q dispute.Question, payload []byte) dispute.Answer {
	h.Helper()
	h.say(protocol.Challenge{Token: []byte("token"), Case: id, Question: q.Encode(), Payload: payload})
	m := await[protocol.Response](h)
	if m.Refusal != "" {
		h.Fatalf("the tab refuses: %s", m.Refusal)
	}
	a, err := dispute.DecodeAnswer(m.Answer)
	if err != nil {
		h.Fatal(err)
	}
	return a
}
