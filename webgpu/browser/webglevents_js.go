package browser

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"
	"time"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// webglEvents is what a canvas says about its context: that it is lost.
type webglEvents struct {
	gone   chan struct{} // closed when the context is lost
	listen js.Func

	mu  sync.Mutex
	why error // non-nil once gone is closed
}

func (e *webglEvents) watch(canvas js.Value) {
	e.gone = make(chan struct{})
	e.listen = js.FuncOf(func(_ js.Value, args []js.Value) any {
		why := "the browser took the WebGL context away"
		if text := promise.First(args).Get("statusMessage"); text.Type() == js.TypeString && text.String() != "" {
			why += ": " + text.String()
		}
		e.lose(why)
		return nil
	})
	canvas.Call("addEventListener", "webglcontextlost", e.listen)
}

func (e *webglEvents) close(canvas js.Value) {
	canvas.Call("removeEventListener", "webglcontextlost", e.listen)
	e.listen.Release()
}

func (e *webglEvents) lose(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		e.why = fmt.Errorf("browser: %w: %s", device.ErrLost, why)
		close(e.gone)
	}
}

// lost reports why the context is gone, or nil.
func (e *webglEvents) lost() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.why
}

// clock asks again and again, since WebGL tells nobody when something is done.
// In between the browser's event loop runs: at first by messages to itself,
// which come back at once, and after a while by timers, which browsers hold up
// by milliseconds and which leave the processor alone.
type clock struct {
	port js.Value
	back chan struct{}
	wake js.Func
}

const impatient = 3 * time.Millisecond

func (c *clock) open() {
	c.back = make(chan struct{}, 1)
	channel := js.Global().Get("MessageChannel").New()
	c.port = channel.Get("port2")
	c.wake = js.FuncOf(func(js.Value, []js.Value) any {
		select {
		case c.back <- struct{}{}:
		default:
		}
		return nil
	})
	channel.Get("port1").Set("onmessage", c.wake)
}

func (c *clock) close() {
	c.port.Call("close")
	c.wake.Release()
}

// until returns once done does.
func (c *clock) until(ctx context.Context, gone <-chan struct{}, done func() bool) error {
	start := time.Now()
	for !done() {
		var timer <-chan time.Time
		if time.Since(start) < impatient {
			c.port.Call("postMessage", js.Null())
		} else {
			timer = time.After(time.Millisecond)
		}
		select {
		case <-c.back:
		case <-timer:
		case <-gone:
			return promise.ErrGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
