package jsbox

import (
	"syscall/js"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// instance is a sandbox.Instance.
type instance struct {
	*engine
	memory  js.Value // an array: the WebAssembly.Memory
	entry   js.Value // an array: the export enter, its this, and args
	args    js.Value // an array: three numbers
	scratch js.Value // a Uint8Array, through which bytes come and go
}

// instantiate fills in what an instance is made of.
func (i *instance) instantiate(module js.Value, imports any) error {
	return i.try(func() {
		made := i.made(i.engine.instance, js.ValueOf([]any{module, imports}))
		exports := made.Call("map", i.exports)
		parts := exports.Call("flatMap", i.values) // in the order in which the module exports them
		i.memory, i.entry = parts.Call("slice", 0, 1), parts.Call("slice", 1, 2)
		i.args = js.ValueOf([]any{0, 0, 0})
		i.entry.Call("push", js.Undefined(), i.args)
		i.scratch = i.uint8Array.New(64)
		empty(made, exports, parts)
	})
}

// drop lets go of the instance.
func (i *instance) drop() { empty(i.memory, i.entry) }

func (i *instance) Enter(what sandbox.Entry, a, b uint32) (result uint32, err error) {
	for k, n := range [3]uint32{uint32(what), a, b} {
		i.args.SetIndex(k, int32(n))
	}
	err = i.try(func() { result = uint32(int32(i.apply.Invoke(i.apply, js.Undefined(), i.entry).Int())) })
	return result, err
}

// part is an array of a view of n bytes of the memory.
func (i *instance) part(ptr uint32, n int) (js.Value, bool) {
	args := i.memory.Call("map", i.buffer)
	defer empty(args)
	sizes := args.Call("map", i.length)
	if int64(ptr)+int64(n) > int64(sizes.Index(0).Float()) {
		return js.Value{}, false
	}
	args.Call("push", float64(ptr), n)
	return i.made(i.uint8Array, args), true
}

func (i *instance) Read(dst []byte, ptr uint32) bool {
	view, ok := i.part(ptr, len(dst))
	if !ok {
		return false
	}
	defer empty(view)
	i.apply.Invoke(i.set, i.room(len(dst)), view) // scratch.set(view)
	return js.CopyBytesToGo(dst, i.scratch) == len(dst)
}

func (i *instance) Write(ptr uint32, src []byte) bool {
	view, ok := i.part(ptr, len(src))
	if !ok {
		return false
	}
	defer empty(view)
	js.CopyBytesToJS(i.room(len(src)), src)
	view.Call("push", i.scratch.Call("subarray", 0, len(src)))
	i.apply.Invoke(i.call, i.set, view) // view.set(part of scratch)
	return true
}

// room is scratch, with at least n bytes.
func (i *instance) room(n int) js.Value {
	if i.scratch.Length() < n {
		i.scratch = i.uint8Array.New(max(n, 2*i.scratch.Length()))
	}
	return i.scratch
}
