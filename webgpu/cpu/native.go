//go:build amd64 || arm64

package cpu

import (
	"runtime"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/clang"
)

// enter calls the C function at fn with a, on the goroutine's own stack.
//
// The assembly asks for a frame that is large enough for any kernel, so that
// Go grows the stack first (codegen refuses kernels with larger frames). C
// code never returns to Go before it is done. The signal that preempts
// goroutines finds the program counter in an assembly function, where Go does
// not preempt: a collection that wants to stop the world waits for the call
// to end, which is why calls are kept short (see chunk).
//
//go:noescape
func enter(fn uintptr, a *args)

// native is a routine in machine code.
type native struct {
	function uintptr
	need     clang.Needs
}

func (n *native) needs() clang.Needs { return n.need }

func (n *native) run(c *call) {
	enter(n.function, &c.args)
	runtime.KeepAlive(c)
}

// The layout that the C code reads.
var _ = [1]struct{}{}[unsafe.Sizeof(args{})-(24+8*(3+clang.MaxBufs))]
