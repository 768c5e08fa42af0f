package browser

import "syscall/js"

// Yielder lets the browser's event loop run. While Go computes, no message
// of the WebSocket or of the page is delivered, however many goroutines
// yield to each other: only a visit to the event loop does that.
type Yielder struct {
	port js.Value
	back chan struct{}
	wake js.Func
}

// NewYielder makes a yielder, for the life of the program. A message channel
// is what comes back soonest; timers are held up by four milliseconds.
func NewYielder() *Yielder {
	y := &Yielder{back: make(chan struct{}, 16)}
	channel := js.Global().Get("MessageChannel").New()
	y.port = channel.Get("port2")
	y.wake = js.FuncOf(func(js.Value, []js.Value) any {
		y.back <- struct{}{}
		return nil
	})
	channel.Get("port1").Set("onmessage", y.wake)
	return y
}

// Yield returns after whatever waited on the event loop has run.
func (y *Yielder) Yield() {
	y.port.Call("postMessage", js.Null())
	<-y.back
}
