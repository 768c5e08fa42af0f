package gpu

import (
	"context"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Machine is what runs launches: one adapter behind one API. Package gpu calls
// it from one goroutine at a time.
//
// Errors of the API often come late. Whatever fails because the machine is
// gone wraps device.ErrLost, then and for every later call; what fails for want
// of memory wraps device.ErrMemory.
type Machine interface {
	// Info does not change.
	Info() Info

	// Alloc makes memory for elems elements, which are a multiple of 256
	// bytes. Its contents are anything.
	Alloc(t kernel.DType, elems int) (Memory, error)

	// Constants keeps the parameters of many launches on the machine, in
	// memory that is only read.
	Constants(params [][]int32) (Constants, error)

	// Compile makes code ready to run. A device calls it once for each key,
	// but tuning tries several printers, whose keys may be equal.
	Compile(ctx context.Context, code *launch.Code) (Pipeline, error)

	// Write copies data to the start of m, after everything run before. The
	// caller keeps data.
	Write(m Memory, data []byte) error

	// Run queues dispatches: each sees what those before it wrote. It may
	// return before they are done, and checks nothing that package gpu has
	// checked. The list is the caller's again once it returns. A run that is
	// to be repeated comes with the same list in the same place, in which
	// mostly the memories of inputs and outputs differ.
	Run(ctx context.Context, list []Dispatch) error

	// Read waits for everything queued and copies the first len(dst) bytes of
	// m. It is where late errors show.
	Read(ctx context.Context, m Memory, dst []byte) error

	// Wait waits for everything queued.
	Wait(ctx context.Context) error

	Close() error
}

// Starter is a Machine that compiles several codes at once, as browsers do:
// Start begins, and Compile of the same code waits. Package gpu starts all that
// a program needs before it waits for the first.
type Starter interface {
	Start(code *launch.Code)
}

// Info describes a machine.
type Info struct {
	Lane     string // webgpu, webgl, vulkan, cuda
	Adapter  string // the hardware, for people
	Driver   string // and what drives it
	Software bool   // a processor plays the GPU
	// Typed machines keep elements of different types in memory of different
	// kinds; others see bytes.
	Typed  bool
	Memory int64 // bytes that may be allocated in all
	Buffer int64 // bytes of one memory at most
	Limits launch.Limits
}

// Memory is memory of a machine. Release is called once; dispatches queued
// before still see it.
type Memory interface{ Release() }

// Constants are parameters on a machine.
type Constants interface{ Release() }

// Pipeline is compiled code. It lives as long as its machine.
type Pipeline interface{}

// Dispatch is one launch of a pipeline.
type Dispatch struct {
	Pipeline  Pipeline
	Bound     []Bound // in the order of the code's bindings
	Constants Constants
	Index     int // of its parameters in Constants
	Groups    int // as in launch.Pass
	Clear     []Memory
	Cost      int64 // integer operations, for machines that must not be kept busy too long
}

// Bound is the part of a memory that a dispatch sees.
type Bound struct {
	Memory       Memory
	Offset, Size int64 // bytes; multiples of Limits.Binding and of 16
}
