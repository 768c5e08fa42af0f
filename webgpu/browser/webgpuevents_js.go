package browser

import (
	"fmt"
	"strings"
	"sync"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// webgpuEvents is what a GPUDevice says about itself: that it is lost, and
// what was wrong with calls that returned long ago.
//
// The browser reports each first error of a kind between pushErrorScope and
// popErrorScope. Scopes are open all the time and are changed for new ones
// whenever somebody waits anyway, so that no call is held up by them.
type webgpuEvents struct {
	device js.Value
	gone   chan struct{} // closed when the device is lost

	mu     sync.Mutex
	why    error // non-nil once gone is closed
	missed error // the first error that no scope caught
}

func (e *webgpuEvents) watch(dev js.Value) {
	e.device, e.gone = dev, make(chan struct{})
	uncaptured := js.FuncOf(func(_ js.Value, args []js.Value) any {
		e.miss(message(promise.First(args).Get("error")))
		return nil
	})
	dev.Call("addEventListener", "uncapturederror", uncaptured)
	var lost js.Func
	lost = js.FuncOf(func(_ js.Value, args []js.Value) any {
		info := promise.First(args)
		e.lose(info.Get("reason").String() + ": " + message(info))
		dev.Call("removeEventListener", "uncapturederror", uncaptured)
		uncaptured.Release()
		lost.Release()
		return nil
	})
	dev.Get("lost").Call("then", lost)
	e.push()
}

func (e *webgpuEvents) push() {
	e.device.Call("pushErrorScope", "validation")
	e.device.Call("pushErrorScope", "out-of-memory")
}

// take ends the open scopes, opens new ones, and returns promises of what the
// old ones caught.
func (e *webgpuEvents) take() (memory, valid js.Value) {
	memory, valid = e.device.Call("popErrorScope"), e.device.Call("popErrorScope")
	e.push()
	return memory, valid
}

func (e *webgpuEvents) lose(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		e.why = fmt.Errorf("browser: %w: %s", device.ErrLost, why)
		close(e.gone)
	}
}

// lost reports why the device is gone, or nil.
func (e *webgpuEvents) lost() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.why
}

func (e *webgpuEvents) miss(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.missed == nil {
		e.missed = fmt.Errorf("browser: WebGPU: %s", what)
	}
}

// stray returns what no scope caught since the last call, such as the
// browser's own faults.
func (e *webgpuEvents) stray() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.missed
	e.missed = nil
	return err
}

const longestMessage = 400

// message is the text of an error or of another object that has one.
func message(v js.Value) string {
	text := "no reason given"
	if v.Type() == js.TypeObject {
		if m := v.Get("message"); m.Type() == js.TypeString && m.String() != "" {
			text = m.String()
		}
	}
	text = strings.Join(strings.Fields(text), " ") // browsers draw over several lines
	if len(text) > longestMessage {
		text = text[:longestMessage] + " ..."
	}
	return text
}

func allSettled(promises ...any) js.Value {
	return js.Global().Get("Promise").Call("allSettled", promises)
}

// fulfilled is the value of one result of allSettled, or undefined.
func fulfilled(result js.Value) js.Value { return result.Get("value") }
