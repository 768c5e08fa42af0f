package browser

import (
	"context"
	"fmt"
	"syscall/js"
)

// await waits for a promise. When ctx ends first the promise is left alone;
// its callbacks release themselves whenever it settles.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	var fulfilled, rejected js.Func
	release := func() {
		fulfilled.Release()
		rejected.Release()
	}
	fulfilled = js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{value: first(args)}
		release()
		return nil
	})
	rejected = js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{err: thrown(first(args))}
		release()
		return nil
	})
	promise.Call("then", fulfilled, rejected)
	select {
	case s := <-done:
		return s.value, s.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

func first(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// thrown makes a Go error of whatever JavaScript threw.
func thrown(v js.Value) error {
	return fmt.Errorf("browser: %s", js.Global().Call("String", v).String())
}

// try turns a JavaScript exception inside f into an error.
func try(f func()) (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case js.Error:
			err = thrown(e.Value)
		default:
			panic(e)
		}
	}()
	f()
	return nil
}

// toGo copies an ArrayBuffer.
func toGo(buffer js.Value) []byte {
	array := js.Global().Get("Uint8Array").New(buffer)
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}

// toJS copies bytes into a new Uint8Array.
func toJS(b []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}
