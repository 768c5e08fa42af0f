package browser

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
)

// errGone is what a wait ends with when the GPU is lost first.
var errGone = errors.New("browser: the GPU is gone")

// await waits for a promise. Where gone is closed or ctx ends first the
// promise is left alone; its callbacks release themselves when it settles.
func await(ctx context.Context, gone <-chan struct{}, promise js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	settled := make(chan outcome, 1)
	var kept, broken js.Func
	end := func(o outcome) {
		kept.Release()
		broken.Release()
		settled <- o
	}
	kept = js.FuncOf(func(_ js.Value, args []js.Value) any {
		end(outcome{value: first(args)})
		return nil
	})
	broken = js.FuncOf(func(_ js.Value, args []js.Value) any {
		end(outcome{err: thrown(first(args))})
		return nil
	})
	promise.Call("then", kept, broken)
	select {
	case o := <-settled:
		return o.value, o.err
	case <-gone:
		return js.Undefined(), errGone
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
