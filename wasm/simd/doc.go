// Package simd runs programs in one WebAssembly module: the lane "wasm".
//
// The module holds every kernel of the op set, printed as C by webgpu/clang
// and built for 128-bit SIMD by clang (source/simd.c is that text, gen builds
// it). The same bytes run in browsers and under wazero, and give the
// reference's bytes. It does no I/O, imports nothing, and has one entry, run,
// which works through a list of steps in its memory: a kernel and its
// arguments each.
//
// The package owns the module, its memory, and how a program becomes a list
// of steps. Whatever instantiates the module stands behind Instance, whose
// methods may each be a call into a host: a program's steps are written in
// one piece, and a run takes one call for every few milliseconds of work, so
// that pages stay responsive and contexts can cancel.
//
// # Memory
//
//	0          the module's stack and data
//	heapBase   buffers, executables and the arena, handed out by a heap that
//	           grows the memory when it must and never beyond Caps.Memory
//
// The arena holds the temporaries of the program that runs; all executables
// of a device share it, since one runs at a time.
//
//go:generate go run ./gen
package simd
