package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

func TestShardID(t *testing.T) {
	for _, c := range [][2]int{{0, 0}, {0, maxIndex}, {7, 3}, {maxRound, maxIndex}} {
		id := NewShardID(c[0], c[1])
		if id.Round() != c[0] || id.Index() != c[1] {
			t.Errorf("NewShardID(%d, %d) reads back as %d, %d", c[0], c[1], id.Round(), id.Index())
		}
		if uint64(float64(id)) != uint64(id) || id >= 1<<53 {
			t.Errorf("%d is not exact in JSON", id)
		}
	}
}

func TestInvalidNamesTheField(t *testing.T) {
	for message, want := range map[string]string{
		"train.batch: must be at least 1":             "train.batch",
		"jobfile: line 7: train.stepz: unknown field": "train.stepz",
		"jobfile: model.layers: is not a number":      "model.layers",
		"train: data.file: kjv.txt: no such file":     "data.file",
		"kind: \"x\" is unknown here":                 "kind",
		"model.layers[2]: must be positive":           "model.layers[2]",
		"jobfile: line 2: mapping expected":           "",
		"unexpected end of JSON input":                "",
		"dial tcp: no route":                          "",
	} {
		if got := invalid(errors.New(message)).Field; got != want {
			t.Errorf("field of %q is %q, want %q", message, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	encode := func(sizes ...int) []byte {
		outputs := make([][]byte, len(sizes))
		for i, n := range sizes {
			outputs[i] = make([]byte, n)
		}
		return job.EncodeOutputs(outputs)
	}
	p := Program{Outputs: []int{4, 0}}
	if err := p.fits(job.Shard{}, encode(4, 0)); err != nil {
		t.Errorf("right outputs: %v", err)
	}
	for name, encoded := range map[string][]byte{
		"none": nil, "too few": encode(4), "too many": encode(4, 0, 0), "wrong size": encode(4, 1), "trailing": append(encode(4, 0), 0),
	} {
		if err := p.fits(job.Shard{}, encoded); !errors.Is(err, ErrBadResult) {
			t.Errorf("%s: %v, want ErrBadResult", name, err)
		}
	}
	task := job.Task{Fuel: 10, Memory: 1, Output: 2}
	p, s := Program{Task: &task, Ops: 10}, job.Shard{Inputs: make([]job.Input, 2)}
	good := job.EncodeOutputs([][]byte{job.Outcome{Status: job.Returned, Fuel: 3}.Encode(), job.Outcome{Status: job.Trapped, Fuel: 4}.Encode()})
	if err := p.fits(s, good); err != nil || p.spent(good) != 7 || p.cost(s) != 20 {
		t.Errorf("outcomes: %v, %d spent of %d", err, p.spent(good), p.cost(s))
	}
	for name, encoded := range map[string][]byte{
		"too few":       job.EncodeOutputs([][]byte{job.Outcome{Status: job.Returned}.Encode()}),
		"over the fuel": job.EncodeOutputs([][]byte{job.Outcome{Status: job.Returned}.Encode(), job.Outcome{Status: job.Returned, Fuel: 11}.Encode()}),
	} {
		if err := p.fits(s, encoded); !errors.Is(err, ErrBadResult) {
			t.Errorf("task: %s: %v, want ErrBadResult", name, err)
		}
	}
}

func TestBrokerDropsTheSlow(t *testing.T) {
	b := newBroker()
	slow, cancelSlow := b.subscribe("j")
	fast, cancelFast := b.subscribe("j")
	other, cancelOther := b.subscribe("k")
	for i := range subscriberQueue + 1 {
		b.publish("j", Event{Type: "state", Reason: fmt.Sprint(i)})
		if ev := <-fast; ev.Reason != fmt.Sprint(i) {
			t.Fatalf("event %d is %+v", i, ev)
		}
	}
	n := 0
	for range slow {
		n++
	}
	if n != subscriberQueue {
		t.Errorf("the slow subscriber got %d events and its end, want %d", n, subscriberQueue)
	}
	if len(other) != 0 {
		t.Error("an event of another job")
	}
	cancelSlow() // harmless after the drop
	cancelFast()
	if _, open := <-fast; open {
		t.Error("a cancelled subscription goes on")
	}
	b.close()
	if _, open := <-other; open {
		t.Error("a subscription outlives the broker")
	}
	cancelOther()
	if late, _ := b.subscribe("j"); len(late) != 0 {
		t.Error("a closed broker has events")
	} else if _, open := <-late; open {
		t.Error("a closed broker takes subscribers")
	}
}

func TestBlock(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.77": "203.0.113.0/24", "::ffff:203.0.113.77": "203.0.113.0/24", "2001:db8:1:2ff::1": "2001:db8:1:200::/56",
		"127.0.0.1": "", "::1": "", "10.1.2.3": "", "192.168.0.9": "", "fe80::1": "",
	} {
		if got := Block(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is in block %q, want %q", address, got, want)
		}
	}
	if got := Block(netip.Addr{}); got != "" {
		t.Errorf("no address is in block %q", got)
	}
}

func TestKept(t *testing.T) {
	store, err := blobs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put := func(size int) job.Hash {
		h, err := store.Put(t.Context(), make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	shared, a, b, c := put(10), put(1), put(2), put(3)
	var k kept
	k.add(store, 0, []job.Hash{shared, a, shared}, 15)
	k.add(store, 1, []job.Hash{b, shared}, 15)
	if k.bytes != 13 || len(k.blobs()) != 3 {
		t.Errorf("two rounds keep %d bytes of %d blobs", k.bytes, len(k.blobs()))
	}
	k.add(store, 2, []job.Hash{c, {9}}, 15)
	if set := k.blobs(); k.bytes != 15 || set[a] || !set[b] || !set[shared] || !set[c] {
		t.Errorf("over the limit %d bytes stay: %v", k.bytes, set)
	}
	k.add(store, 1, []job.Hash{b, shared}, 15) // done again
	if len(k.rounds) != 2 || k.bytes != 15 {
		t.Errorf("%d rounds and %d bytes stay after one was done again", len(k.rounds), k.bytes)
	}
	k.cut(2)
	if set := k.blobs(); k.bytes != 12 || set[c] {
		t.Errorf("without the newest %d bytes stay: %v", k.bytes, set)
	}
}

// Thinned checkpoints keep the oldest and the newest.
func TestThin(t *testing.T) {
	j := &jobRun{terms: &trust.Terms{}}
	for round := 8; round <= 800; round += 8 {
		j.thin(&Checkpoint{Round: round})
	}
	if n := len(j.checkpoints); n != maxCheckpoints || j.checkpoints[0].Round != 8 || j.checkpoints[n-1].Round != 800 {
		t.Errorf("%d checkpoints are kept, from %d to %d", n, j.checkpoints[0].Round, j.checkpoints[n-1].Round)
	}
	plain := &jobRun{}
	plain.thin(&Checkpoint{Round: 8})
	if drop := plain.thin(&Checkpoint{Round: 16}); len(plain.checkpoints) != 1 || !slices.Equal(drop, []int{8}) {
		t.Errorf("a job that never goes back keeps %v, drops %v", plain.checkpoints, drop)
	}
}
