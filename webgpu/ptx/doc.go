// Package ptx prints kernels as PTX, the assembly of NVIDIA GPUs that their
// driver compiles for the chip at hand.
//
// The package owns the shape of that code: which thread computes what, the
// instructions, the shared memory. It refuses to know drivers and memory
// (native/cuda) and programs. Text is for compute capability 8.0, which every
// later one runs; Options.Hopper adds products for 9.0 alone.
//
// # Calling convention
//
// A code is one entry. Its parameters are the addresses of the code's bindings
// in order, 64 bits each, and after them the launch's parameters, 32 bits each,
// in one block. It runs in Pass.Groups workgroups of Code.Lanes threads, both
// along x, with Code.Shared bytes of dynamic shared memory; no more workgroups
// may run than that.
//
// Memories begin at multiples of 256 bytes and may be read and written up to
// the next multiple of 16 bytes beyond their elements, which no code makes use
// of but that which reads operands of products. Memories that a pass reads do
// not change while it runs.
//
// # The forms
//
// Bytes can be stored alone, so, unlike elsewhere, no thread needs to own whole
// words. Where rows are whole fours of elements a thread has four neighbouring
// columns, and loads and stores them at once; otherwise it has one. No thread
// computes anything for an element that does not exist, or it repeats one that
// does: nothing is ever loaded from beyond a memory, whatever an index is made
// of.
//
//   - map: a thread for every element, or every four.
//   - rows: 16 threads, a warp, or a workgroup share a row. Where it fits their
//     registers every value is computed once; longer rows are gone through
//     once for every reduction that waits for another.
//   - scatter: a thread goes down a column of some rows and adds what goes to
//     one element before it adds to memory.
//   - matmul: tiles through shared memory into the matrix instructions, see
//     tile. Operands that do not run along k are turned over first, by passes
//     of their own into temporaries.
//
// # Parameters
//
// They are those of the kernel's instance, the numbers of rows and columns, what
// the variant adds, and a factor and a shift for each divisor that the host
// knows (see multiplier).
package ptx
