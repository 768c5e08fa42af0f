package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
)

// endless is an input of one letter.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read += int64(len(p))
	return copy(p, bytes.Repeat([]byte("a"), len(p))), nil
}

func TestInputIsBounded(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known.wasm")
	if err := os.WriteFile(known, selftest.Module, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"run", "map"} {
		args := []string{"shard", "run", known}
		if command == "map" {
			args = []string{"map", known}
		}
		in := new(endless)
		var errs strings.Builder
		code := run(t.Context(), args, in, io.Discard, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), "has more than 33554432 bytes") {
			t.Errorf("%v: code %d, %s", args, code, &errs)
		}
		if in.read > mapping.MaxInput+1<<20 {
			t.Errorf("%v: %d bytes are read", args, in.read)
		}
	}
	text, err := readInput(t.Context(), streams{in: strings.NewReader("four")}, "-", 4)
	if err != nil || string(text) != "four" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := readInput(t.Context(), streams{in: strings.NewReader("fives")}, "-", 4); err == nil || err.Error() != "standard input has more than 4 bytes" {
		t.Errorf("%q, %v", text, err)
	}
}

// silent is an input that nobody writes to.
type silent struct{ asked, end chan struct{} }

func (s *silent) Read([]byte) (int, error) {
	close(s.asked)
	<-s.end
	return 0, io.EOF
}

// Whoever interrupts a command that waits for input does not wait for the input.
func TestInputIsInterrupted(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known.wasm")
	if err := os.WriteFile(known, selftest.Module, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"shard", "run", known}, {"map", known}, {"reproduce", "-"}} {
		in := &silent{make(chan struct{}), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan string, 1)
		go func() {
			var errs strings.Builder
			code := run(ctx, args, in, io.Discard, &errs)
			if code != exitFailed {
				errs.WriteString("another exit code")
			}
			done <- errs.String()
		}()
		<-in.asked
		stop()
		if errs := <-done; errs != "shoal: context canceled\n" {
			t.Errorf("%v: %s", args, errs)
		}
		close(in.end)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := readInput(ctx, streams{in: strings.NewReader("")}, "-", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
