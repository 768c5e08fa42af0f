// Exports is of the plain form: its functions are called after its packages
// are initialised, and main never.
package main

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"
)

var input, output []byte

var calls int

var greeting = strings.ToUpper("hello")

//go:wasmexport shoal_alloc
func alloc(size uint32) uint32 {
	input = make([]byte, size+1)
	return uint32(uintptr(unsafe.Pointer(&input[0])))
}

//go:wasmexport shoal_run
func run(ptr, size uint32) uint64 {
	calls++
	in := input[:size]
	switch string(in) {
	case "panic":
		panic("as asked")
	case "garbage":
		for i := range 3000 {
			output = make([]byte, 10000+i)
		}
	}
	ch := make(chan []byte)
	go func() { ch <- bytes.ToUpper(in) }()
	output = fmt.Appendf(nil, "%s %s %d", greeting, <-ch, calls)
	return uint64(uintptr(unsafe.Pointer(&output[0])))<<32 | uint64(len(output))
}

func main() { panic("nobody calls main") }
