package browser

import "syscall/js"

var uint8Array = js.Global().Get("Uint8Array")

// scratch is JavaScript memory through which bytes leave Go, used again for
// every copy: what receives them copies them before the call returns.
type scratch struct {
	array js.Value
	size  int
}

const (
	leastScratch = 64 << 10
	mostScratch  = 4 << 20
)

// put copies as much of data as one piece may hold and returns how much that
// was.
func (s *scratch) put(data []byte) int {
	n := min(len(data), mostScratch)
	s.room(n)
	js.CopyBytesToJS(s.array, data[:n])
	return n
}

// room makes the array hold at least n bytes.
func (s *scratch) room(n int) {
	if s.size >= n {
		return
	}
	s.size = leastScratch
	for s.size < n {
		s.size *= 2
	}
	s.array = uint8Array.New(s.size)
}

// method is a method of a JavaScript class that takes its object as the first
// argument. Calling it does without the look-up of its name, which is most of
// the price of a call from Go.
func method(class, name string) js.Value {
	bare := js.Global().Get(class).Get("prototype").Get(name)
	return js.Global().Get("Function").Get("prototype").Get("call").Call("bind", bare)
}
