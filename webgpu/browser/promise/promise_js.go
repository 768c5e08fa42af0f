package promise

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
)

// ErrGone is what a wait ends with when what is waited for is gone first.
var ErrGone = errors.New("browser: what was waited for is gone")

// Await waits for a promise. Where gone, which may be nil, is closed or ctx ends
// first, the promise is left alone; its callbacks release themselves when it
// settles.
func Await(ctx context.Context, gone <-chan struct{}, promise js.Value) (js.Value, error) {
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
		end(outcome{value: First(args)})
		return nil
	})
	broken = js.FuncOf(func(_ js.Value, args []js.Value) any {
		end(outcome{err: thrown(First(args))})
		return nil
	})
	promise.Call("then", kept, broken)
	select {
	case o := <-settled:
		return o.value, o.err
	case <-gone:
		return js.Undefined(), ErrGone
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

// First is a callback's first argument, or undefined.
func First(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// Try turns an exception inside f into an error.
func Try(f func()) (err error) {
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

// thrown makes an error of whatever was thrown.
func thrown(v js.Value) error {
	return fmt.Errorf("browser: %s", js.Global().Call("String", v).String())
}
