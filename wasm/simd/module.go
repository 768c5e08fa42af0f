package simd

import _ "embed"

// Module is the WebAssembly module. It exports the memory "memory" and the
// function "run" (i32 address of the first step, i32 number of steps).
//
//go:embed simd.wasm
var Module []byte

// RunName and MemoryName are the exports an Instance needs.
const (
	RunName    = "run"
	MemoryName = "memory"
)

// PageSize is the unit in which the memory grows.
const PageSize = 1 << 16

// Instance is an instantiated Module. Its methods are called by one goroutine
// at a time.
type Instance interface {
	// Size is the size of the memory in bytes.
	Size() uint64
	// Grow adds pages to the memory.
	Grow(pages uint32) error
	// Write copies data to the memory at ptr, Read copies from there. Both
	// are called with ranges inside the memory only.
	Write(ptr uint32, data []byte) error
	Read(ptr uint32, dst []byte) error
	// Run calls the module's run. After an error the instance is not used
	// again.
	Run(steps, count uint32) error
	Close() error
}
