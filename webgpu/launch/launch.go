// Package launch says how a kernel runs on a machine that takes launches: a
// GPU behind WebGPU, Vulkan, Metal, DX12, CUDA or WebGL2. A Printer turns one
// instance of a kernel into a Step: passes, each a piece of code, the memories
// it is bound to, its parameters, and how much of it runs.
//
// It is the seam between printers (wgsl, glsl, ptx) and package gpu, which runs
// steps. It owns no text and no machine, and refuses to know programs.
package launch

import "github.com/shoal-compute/shoal/webgpu/kernel"

// Printer prints kernels in one language, for one choice of variants. It may
// be used from many goroutines, and gives equal instances equal steps.
type Printer interface {
	// Name tells the language and what was chosen, as "wgsl dot4 4x4".
	Name() string
	// Step says how to run in. It fails where the limits that the printer was
	// made for do not allow it: the program is not for this machine.
	Step(in *kernel.Instance) (*Step, error)
	// Codes lists every code that Step can return for k, whatever the
	// instance: what a test compiles, and what a lane may warm up.
	Codes(k *kernel.Kernel) []*Code
}

// Step is how one instance of a kernel runs. Passes run in order; each sees
// what those before it wrote.
type Step struct {
	Passes []Pass
	Temps  []Temp
}

// Temp is memory that lives only during its step. It starts with any contents.
type Temp struct {
	DType kernel.DType
	Elems int
}

// Pass is one launch.
type Pass struct {
	Code *Code
	Refs []Ref // what each of Code.Bindings is bound to
	// Params are the values of the code's parameters.
	Params []int32
	// Groups is how much runs: workgroups of Code.Lanes invocations for
	// compute, texels of the first written binding for fragments. A machine
	// may run more, in a grid of any shape: code finds its number from its
	// place in the grid and ignores what is beyond the end.
	Groups int
	// Clear lists the memories that are zeroed before the pass.
	Clear []int
}

// Ref names a memory: that of the kernel's buffer Buf, or of temporary
// Buf-len(Bufs). Part counts pieces of Limits.Binding bytes: memory larger
// than one binding is bound in several.
type Ref struct{ Buf, Part int }

// Code is one unit of text. It is the same for every instance that uses it:
// sizes and strides are parameters.
type Code struct {
	Key      string // names kernel and variant; equal keys mean equal text within a printer
	Text     string
	Entry    string
	Lanes    int // invocations of a workgroup; 0 for fragments
	Shared   int // bytes of workgroup memory
	Params   int // 32-bit words of parameters
	Bindings []Binding
}

// Binding is a memory that code reads or writes. Code writes whole 32-bit
// words (or whole texels): memory is rounded up, and what lies beyond its
// elements has no meaning.
type Binding struct {
	DType  kernel.DType
	Write  bool
	Atomic bool // added to by several invocations
}

// Limits are what a machine allows of one launch.
type Limits struct {
	Bindings int   // memories bound to one launch
	Binding  int64 // bytes of one binding, a multiple of 256
	Lanes    int   // invocations of a workgroup
	Shared   int   // bytes of workgroup memory
	Side     int   // workgroups along one side of a grid; texels along one side of a texture
	Targets  int   // memories that one fragment pass writes
}
