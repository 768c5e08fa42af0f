package jsbox

import (
	"errors"
	"syscall/js"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// engine is what jsbox uses of JavaScript.
//
// A js.Value keeps what it refers to until Go's collector finds the Value
// unused, which may be minutes later; and an engine sets 10 GB of addresses
// aside for each memory, and has 1 TB. So nothing here ever holds a module's
// instance or its memory: Go holds arrays with these inside, made by passing
// functions of JavaScript to one another, and empties them.
type engine struct {
	apply     js.Value // Reflect.apply
	construct js.Value // Reflect.construct
	call      js.Value // Function.prototype.call
	values    js.Value // Object.values
	text      js.Value // String

	module     js.Value // WebAssembly.Module
	instance   js.Value // WebAssembly.Instance
	trap       js.Value // WebAssembly.RuntimeError
	uint8Array js.Value // Uint8Array
	set        js.Value // Uint8Array.prototype.set

	exports js.Value // of an instance given as first argument
	buffer  js.Value // of a memory
	length  js.Value // of a buffer
}

func newEngine() (*engine, error) {
	global := js.Global()
	wasm := global.Get("WebAssembly")
	if !wasm.Truthy() {
		return nil, errors.New("jsbox: there is no WebAssembly here")
	}
	reflect, object := global.Get("Reflect"), global.Get("Object")
	e := &engine{
		apply:      reflect.Get("apply"),
		construct:  reflect.Get("construct"),
		call:       global.Get("Function").Get("prototype").Get("call"),
		values:     object.Get("values"),
		text:       global.Get("String"),
		module:     wasm.Get("Module"),
		instance:   wasm.Get("Instance"),
		trap:       wasm.Get("RuntimeError"),
		uint8Array: global.Get("Uint8Array"),
	}
	e.set = e.uint8Array.Get("prototype").Get("set")
	getter := func(of js.Value, name string) js.Value {
		return e.call.Call("bind", object.Call("getOwnPropertyDescriptor", of.Get("prototype"), name).Get("get"))
	}
	e.exports = getter(e.instance, "exports")
	e.buffer = getter(wasm.Get("Memory"), "buffer")
	e.length = getter(global.Get("ArrayBuffer"), "byteLength")
	return e, nil
}

// made is an array of one object: of class, constructed with the elements of
// the array args.
func (e *engine) made(class, args js.Value) js.Value {
	// map calls with the array's one element, which Reflect.construct takes as
	// the class that the object is to be of.
	return js.ValueOf([]any{class}).Call("map", e.construct.Call("bind", nil, class, args))
}

func empty(arrays ...js.Value) {
	for _, a := range arrays {
		a.Set("length", 0)
	}
}

// try turns what the engine throws in f into an error: ErrTrap, if it is what
// WebAssembly throws. All else, as RangeError when the stack or the memory is
// too small, is the machine's.
func (e *engine) try(f func()) (err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case js.Error:
			thrown.Get("stack") // until it is text, it refers to the instance
			if thrown.InstanceOf(e.trap) {
				err = sandbox.ErrTrap
			} else {
				err = errors.New(e.text.Invoke(thrown.Value).String())
			}
		default:
			panic(thrown)
		}
	}()
	f()
	return nil
}
