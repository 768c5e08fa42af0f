// Package clang prints kernels as freestanding C: one function per kernel,
// plain loops that clang vectorises, no library calls. The same text is built
// for every processor that has a SIMD lane: AVX-512, AVX2 and NEON for
// webgpu/cpu, WASM SIMD128 for wasm/simd.
//
// The package owns the shape of that code, its calling convention, and the
// hand-written part of matmul. It refuses to know how the text is compiled,
// where the result is kept, and who calls it with how many threads.
//
// # Calling convention
//
// Every kernel becomes
//
//	void SYMBOL(const struct args *a);
//
//	struct args {
//		int32_t rows, cols;    // the iteration space
//		int32_t row0, row1;    // this call computes rows row0 <= row < row1
//		int32_t phase;         // 0, or PhasePack or PhasePacked: matmul only
//		int32_t reserved;      // 0
//		const int32_t *params; // the instance's parameters
//		void *scratch;         // Needs.Scratch bytes that nobody else uses
//		void *shared;          // Needs.Shared bytes, or null in phase 0
//		void *buf[MaxBufs];    // the kernel's buffers, in order
//	};
//
// Integers come first, so the pointers start at byte 24 whatever their size.
// ArgsSize and the Offset functions give the layout for 4 and 8 byte pointers.
// scratch and shared are aligned to 64 bytes, buffers to their element. A
// buffer must be readable for Slack bytes beyond its end (matmul and vector
// tails may read there; they never write).
//
// Rows are independent, so any split of [0, rows) into calls gives the same
// bytes, in any order and at the same time, with a scratch for each. There are
// two exceptions:
//
//   - A kernel that adds (Needs.Adds) must run as one call at a time; the
//     caller zeroes the outputs first.
//   - A flat kernel (Needs.Flat) sees only the dense index of an element. It
//     must be called with rows = rows*cols and cols = 1, so that a caller can
//     split a matrix of few long rows too.
//
// # Matmul
//
// In phase 0 a matmul call packs what it needs of operand B into its scratch
// by itself: right for many small batches, and always correct. Where several
// threads share one B (Needs.Panels > 0), they first run PhasePack calls, in
// which row0 and row1 count column panels, 0 to Needs.Panels, and which fill
// shared; when all have returned, PhasePacked calls compute rows from it.
package clang
