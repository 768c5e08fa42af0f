package job

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

var testTask = Task{Module: Sum([]byte("module")), Fuel: 1000, Memory: 16, Output: 4}

func TestTaskEncoding(t *testing.T) {
	b := testTask.Encode()
	got, err := DecodeTask(b)
	if err != nil || got != testTask {
		t.Fatalf("reads back as %+v, %v", got, err)
	}
	if !IsTask(b) || IsTask(b[:7]) || IsTask([]byte("shoalprogram")) {
		t.Error("a task is not told from other programs")
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(bytes.Clone(b), 0), append([]byte{'S'}, b[1:]...)} {
		if _, err := DecodeTask(bad); !errors.Is(err, ErrEncoding) {
			t.Errorf("%x: %v, want ErrEncoding", bad, err)
		}
	}
	other := bytes.Clone(b)
	other[8]++
	if _, err := DecodeTask(other); !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), "rules 2") {
		t.Errorf("other rules: %v", err)
	}
	for _, bad := range []Task{{Memory: 1}, {Fuel: 1}, {Fuel: MaxFuel + 1, Memory: 1}, {Fuel: 1, Memory: MaxPages + 1}, {Fuel: 1, Memory: 1, Output: MaxTaskOutput + 1}} {
		if _, err := DecodeTask(bad.Encode()); !errors.Is(err, ErrEncoding) {
			t.Errorf("%+v: %v, want ErrEncoding", bad, err)
		}
	}
}

func TestOutcomeEncoding(t *testing.T) {
	for _, o := range []Outcome{{Returned, 7, []byte("abcd")}, {Trapped, 1000, make([]byte, MaxComplaint)}, {OutOfFuel, 1000, []byte{}}} {
		got, err := testTask.DecodeOutcome(o.Encode())
		if err != nil || got.Status != o.Status || got.Fuel != o.Fuel || !bytes.Equal(got.Output, o.Output) {
			t.Errorf("%v reads back as %+v, %v", o, got, err)
		}
	}
	for _, o := range []Outcome{{0, 7, nil}, {8, 7, nil}, {Returned, 1001, nil}, {Returned, 7, make([]byte, 5)}, {Exited, 7, make([]byte, MaxComplaint+1)}} {
		if _, err := testTask.DecodeOutcome(o.Encode()); !errors.Is(err, ErrEncoding) {
			t.Errorf("%v: %v, want ErrEncoding", o, err)
		}
	}
	if _, err := testTask.DecodeOutcome(make([]byte, 8)); !errors.Is(err, ErrEncoding) {
		t.Errorf("too short: %v, want ErrEncoding", err)
	}
}

func FuzzDecodeTask(f *testing.F) {
	f.Add(testTask.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if task, err := DecodeTask(data); err == nil && !bytes.Equal(task.Encode(), data) {
			t.Errorf("%x encodes as %x", data, task.Encode())
		}
	})
}
