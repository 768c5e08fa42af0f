package box

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
)

// script starts the program of wasm/cmd/box, which is downloaded only then.
const script = "/box.js"

// thread is the Web Worker of a Box, and what it says.
type thread struct {
	worker js.Value
	said   chan js.Value // answers
	failed chan error    // holds one: it crashed
	funcs  []js.Func
}

// startThread returns once the thread listens.
func startThread(ctx context.Context) (*thread, error) {
	t := &thread{said: make(chan js.Value, 1), failed: make(chan error, 1)}
	err := promise.Try(func() {
		t.worker = js.Global().Get("Worker").New(script, map[string]any{"name": "shoal sandbox"})
	})
	if err != nil {
		return nil, err
	}
	t.on("onmessage", func(e js.Value) {
		if data := e.Get("data"); text(data, "type") == "error" { // of the script that starts the program
			t.fail(text(data, "message"))
		} else {
			t.said <- data
		}
	})
	t.on("onerror", func(e js.Value) {
		e.Call("preventDefault")
		t.fail(cmp.Or(text(e, "message"), "it could not be started"))
	})
	started, err := t.hear(ctx)
	if failed := text(started, "error"); err == nil && failed != "" {
		err = errors.New(failed)
	}
	if err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

func (t *thread) on(event string, f func(js.Value)) {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any {
		f(args[0])
		return nil
	})
	t.funcs = append(t.funcs, fn)
	t.worker.Set(event, fn)
}

func (t *thread) fail(message string) {
	select {
	case t.failed <- fmt.Errorf("box: thread: %s", message):
	default:
	}
}

func (t *thread) hear(ctx context.Context) (js.Value, error) {
	select {
	case v := <-t.said:
		return v, nil
	case err := <-t.failed:
		return js.Undefined(), err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

func (t *thread) end() {
	t.worker.Set("onmessage", js.Null())
	t.worker.Set("onerror", js.Null())
	t.worker.Call("terminate")
	for _, f := range t.funcs {
		f.Release()
	}
}
