package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is this program once more, in a process of its own, so that its
// memory is nobody else's. What it says on standard error is read line by
// line; its user must call end.
type process struct {
	name  string
	cmd   *exec.Cmd
	stop  context.CancelFunc
	lines lineReader
	ended chan struct{} // closed when the process is gone
}

// endTime is how long a process may take to end when it is asked to; then it
// is killed.
const endTime = 15 * time.Second

// startProcess runs `shoal ARG...`. line, unless nil, is called with each line
// on standard error. If the process ends before it is asked to, died is called
// with the reason.
func startProcess(name string, line func(string), died func(error), args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// What ends the process is end, whatever ended its user.
	ctx, stop := context.WithCancel(context.Background())
	p := &process{name: name, cmd: exec.CommandContext(ctx, self, args...), stop: stop, ended: make(chan struct{})}
	p.lines.line = line
	p.cmd.Stderr = &p.lines
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = endTime
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SHOAL_") { // an operator's settings are for another hub
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	if err := p.cmd.Start(); err != nil {
		stop()
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState says it too
		if ctx.Err() == nil {
			died(p.failure())
		}
	}()
	return p, nil
}

// end ends the process and returns once it is gone.
func (p *process) end() error {
	p.stop()
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitDone {
		return p.failure()
	}
	return nil
}

// failure says how the process ended, and its last words.
func (p *process) failure() error {
	return fmt.Errorf("the %s process has ended with %v: %s", p.name, p.cmd.ProcessState, p.lines.last)
}

func (p *process) memory() (memory, error) { return memoryOf(p.cmd.Process.Pid) }

// lineReader calls line with each line written to it.
type lineReader struct {
	line func(string)
	last string // the last line that was not empty, for whoever asks why it ended
	rest []byte
}

// maxLine is where a line that does not end is cut.
const maxLine = 64 << 10

var _ io.Writer = (*lineReader)(nil)

// Write implements io.Writer.
func (r *lineReader) Write(b []byte) (int, error) {
	r.rest = append(r.rest, b...)
	for {
		i := bytes.IndexByte(r.rest, '\n')
		if i < 0 && len(r.rest) < maxLine {
			return len(b), nil
		}
		if i < 0 {
			i = len(r.rest) - 1
		}
		text := strings.TrimSpace(string(r.rest[:i]))
		r.rest = r.rest[i+1:]
		if text != "" {
			r.last = text
		}
		if r.line != nil {
			r.line(text)
		}
	}
}

// hubProcess is `shoal hub` on a free port of this machine, with a directory
// that ends with it.
type hubProcess struct {
	*process
	url, key string
	dir      string
}

// hubTime is how long a hub may take to start.
const hubTime = time.Minute

// startHub returns once the hub listens.
func startHub(ctx context.Context, s streams, died func(error)) (_ *hubProcess, err error) {
	dir, err := os.MkdirTemp("", "shoal-bench-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	h := &hubProcess{dir: dir}
	type opened struct{ url, key string }
	open, failed := make(chan opened, 1), make(chan error, 1)
	var key string
	line := func(text string) {
		if strings.HasPrefix(text, keyPrefix) {
			key = text
		}
		if url, ok := strings.CutPrefix(text, "Open "); ok {
			select {
			case open <- opened{url, key}:
			default:
			}
		}
	}
	gone := func(err error) {
		failed <- err
		died(err)
	}
	h.process, err = startProcess("hub", line, gone, "hub", "--listen", "127.0.0.1:0", "--data", dir, "--name", "shoal bench")
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(hubTime)
	defer late.Stop()
	select {
	case o := <-open:
		h.url, h.key = o.url, o.key
		fmt.Fprintf(s.err, "hub          %s\n", h.url)
		return h, nil
	case err = <-failed:
		return nil, err
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), h.process.end())
	case <-late.C:
		return nil, errors.Join(fmt.Errorf("the hub does not listen within %v", hubTime), h.process.end())
	}
}

// keyPrefix is what the hub's admin key starts with.
const keyPrefix = "shoal_"

// end ends the hub and removes its directory.
func (h *hubProcess) end() error {
	return errors.Join(h.process.end(), os.RemoveAll(h.dir))
}
