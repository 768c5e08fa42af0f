package engine

import (
	"errors"
	"fmt"
	"testing"

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
	if err := fits([]int{4, 0}, encode(4, 0)); err != nil {
		t.Errorf("right outputs: %v", err)
	}
	for name, encoded := range map[string][]byte{
		"none": nil, "too few": encode(4), "too many": encode(4, 0, 0), "wrong size": encode(4, 1), "trailing": append(encode(4, 0), 0),
	} {
		if err := fits([]int{4, 0}, encoded); !errors.Is(err, ErrBadResult) {
			t.Errorf("%s: %v, want ErrBadResult", name, err)
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
