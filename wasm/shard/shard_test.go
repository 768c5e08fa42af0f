package shard

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRun(t *testing.T) {
	upper := func(in []byte) ([]byte, error) { return bytes.ToUpper(in), nil }
	tests := []struct {
		name       string
		f          Func
		in         io.Reader
		out        string
		code       int
		complaints string // what the last line holds
	}{
		{"result", upper, strings.NewReader("one\ntwo\n"), "ONE\nTWO\n", 0, ""},
		{"nothing in", upper, strings.NewReader(""), "", 0, ""},
		{"in pieces", upper, iotest.OneByteReader(strings.NewReader("abc")), "ABC", 0, ""},
		{
			"error", func([]byte) ([]byte, error) { return []byte("half"), errors.New("no number") },
			strings.NewReader("x"), "", 1, "no number",
		},
		{"panic", func(in []byte) ([]byte, error) { return in[len(in)+1000:], nil }, strings.NewReader("x"), "", 2, "panic: runtime error: slice bounds out of range"},
		{"unreadable", upper, iotest.ErrReader(errors.New("gone")), "", 1, "read the input: gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, complaints bytes.Buffer
			code := run(tt.f, tt.in, &out, &complaints)
			if code != tt.code || out.String() != tt.out {
				t.Errorf("exit code %d and output %q, want %d and %q", code, &out, tt.code, tt.out)
			}
			lines := strings.Split(strings.TrimSpace(complaints.String()), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, tt.complaints) || tt.complaints == "" && last != "" {
				t.Errorf("last complaint %q, want %q", last, tt.complaints)
			}
		})
	}
}

func TestRunBrokenPipe(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	var complaints bytes.Buffer
	echo := func(in []byte) ([]byte, error) { return in, nil }
	if code := run(echo, strings.NewReader("x"), w, &complaints); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if !strings.HasPrefix(complaints.String(), "write the output: ") {
		t.Errorf("complaint %q", &complaints)
	}
}
