// Package ptxtest runs PTX without a GPU: an emulator of the instructions that
// package ptx prints, as a gpu.Machine. It exists to prove what printed code
// means where ptxas can only prove that it assembles. It is slow, and refuses
// what it does not know.
//
// It follows NVIDIA's PTX ISA, version 8: each instruction says in its comment
// which section it is from. Where the ISA leaves something open, or where code
// would be right but slow, the emulator is stricter than a GPU:
//
//   - a register must be written before it is read, in each thread;
//   - an access must lie in one memory of the launch, rounded up to 16 bytes,
//     and be aligned; only memory bound for writing is written, and that is
//     not read through the constant cache;
//   - shared memory must be written before it is read, and two warps may not
//     use a word of it without a barrier between, unless both read it;
//   - asynchronous copies and products take effect when their group is waited
//     for, as late as they may;
//   - all threads of a warp must come to instructions of a whole warp
//     together, and all threads of a workgroup to every barrier;
//   - the eight rows that ldmatrix reads at once must lie in different banks;
//   - what goes past the registers (wgmma) must be fenced after it is written;
//   - the divisor of div must not be 0.
//
// # Execution
//
// Text is decoded once into functions that work on the 32 lanes of a warp at a
// time. Of lanes that have parted, those furthest behind in the text run first,
// which brings them together again where their ways meet. The warps of a
// workgroup run one after another up to the next barrier; workgroups run one
// after another on two goroutines, which Run waits for.
package ptxtest
