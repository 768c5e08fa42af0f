package box

import "syscall/js"

// text reads a string field of an object.
func text(o js.Value, field string) string {
	if v := o.Get(field); v.Type() == js.TypeString {
		return v.String()
	}
	return ""
}

// bytes copies a field that is a Uint8Array.
func bytes(o js.Value, field string) []byte {
	array := o.Get(field)
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}

// array copies bytes into a new Uint8Array.
func array(b []byte) js.Value {
	a := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(a, b)
	return a
}
