package box

import (
	"context"
	"errors"
	"sync"
	"syscall/js"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// idle is how long a box without work keeps its thread, and the memory that
// comes with it.
const idle = time.Minute

// Box is a sandbox.Host whose modules run in another thread.
type Box struct {
	name    string
	calls   sync.Mutex // held during a call: there is one at a time
	thread  *thread    // nil until it is needed, and after it was ended
	next    int        // ID of the next module
	closing *time.Timer
}

var _ sandbox.Host = (*Box)(nil)

// New returns a sandbox whose thread starts with its first module. name says
// which browser this is.
func New(name string) (*Box, error) {
	if !js.Global().Get("Worker").Truthy() {
		return nil, errors.New("box: a background thread cannot start another one here")
	}
	return &Box{name: name}, nil
}

// Name implements sandbox.Host.
func (b *Box) Name() string { return b.name }

// Load implements sandbox.Host.
func (b *Box) Load(ctx context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	b.calls.Lock()
	defer b.calls.Unlock()
	b.next++
	m := &boxed{box: b, id: b.next, code: code, limits: l}
	if err := m.load(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// Close ends the thread.
func (b *Box) Close() error {
	b.calls.Lock()
	defer b.calls.Unlock()
	b.end()
	return nil
}

func (b *Box) end() {
	if b.thread != nil {
		b.thread.end()
		b.thread = nil
	}
}

// call asks the thread and waits for its answer. A thread that does not answer
// in time is ended, since it cannot be interrupted; the next call starts
// another.
func (b *Box) call(ctx context.Context, m map[string]any) (js.Value, error) {
	if b.closing != nil {
		b.closing.Stop()
	}
	answer, err := b.ask(ctx, m)
	if err != nil {
		b.end()
		return js.Undefined(), err
	}
	b.closing = time.AfterFunc(idle, func() { _ = b.Close() })
	if reason := text(answer, "unfit"); reason != "" {
		return js.Undefined(), &sandbox.ModuleError{Reason: reason}
	}
	if failed := text(answer, "error"); failed != "" {
		return js.Undefined(), errors.New(failed)
	}
	return answer, nil
}

func (b *Box) ask(ctx context.Context, m map[string]any) (js.Value, error) {
	if b.thread == nil {
		t, err := startThread(ctx)
		if err != nil {
			return js.Undefined(), err
		}
		b.thread = t
	}
	b.thread.worker.Call("postMessage", m)
	return b.thread.hear(ctx)
}

// boxed is a module in a Box. It is loaded again after the thread was ended.
type boxed struct {
	box    *Box
	id     int
	code   []byte
	limits sandbox.Limits
	in     *thread // that it is loaded in
}

func (m *boxed) load(ctx context.Context) error {
	_, err := m.box.call(ctx, map[string]any{
		"cmd": "load", "module": m.id, "code": array(m.code),
		"fuel": float64(m.limits.Fuel), "memory": float64(m.limits.Memory), "output": float64(m.limits.Output),
	})
	if err == nil {
		m.in = m.box.thread
	}
	return err
}

// Run implements sandbox.Module.
func (m *boxed) Run(ctx context.Context, input []byte) (job.Outcome, error) {
	m.box.calls.Lock()
	defer m.box.calls.Unlock()
	if m.box.thread == nil || m.in != m.box.thread {
		if err := m.load(ctx); err != nil {
			return job.Outcome{}, err
		}
	}
	answer, err := m.box.call(ctx, map[string]any{"cmd": "run", "module": m.id, "input": array(input)})
	if err != nil {
		return job.Outcome{}, err
	}
	task := job.Task{Fuel: m.limits.Fuel, Memory: m.limits.Memory, Output: m.limits.Output}
	return task.DecodeOutcome(bytes(answer, "outcome"))
}

// Close implements sandbox.Module.
func (m *boxed) Close() error {
	m.box.calls.Lock()
	defer m.box.calls.Unlock()
	if m.box.thread != nil && m.in == m.box.thread {
		m.box.thread.worker.Call("postMessage", map[string]any{"cmd": "close", "module": m.id})
	}
	return nil
}
