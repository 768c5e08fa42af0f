// Package wgsl prints kernels as WGSL compute shaders: the text that browsers
// run through WebGPU and native nodes through Vulkan, Metal and DX12.
//
// It owns the text, how the elements of an instance are dealt out to
// invocations, and which of several texts serves an instance. It refuses to
// know any API, any adapter, and whole programs.
//
// # What a machine does with a Code
//
// The entry point is Code.Entry, with workgroups of Code.Lanes invocations
// along x. Bind group 0 holds storage buffers, binding i being
// Code.Bindings[i]: read-only where Write is false, else read_write. Buffers
// are arrays of 32-bit words: an i32 fills one, two i16 or four i8 share one,
// the first in the lowest bits. Bind group 1 holds one uniform buffer at
// binding 0: Code.Params words of Pass.Params, rounded up to a multiple of
// four.
//
// The grid may have any shape in x and y that holds Pass.Groups workgroups:
// the number of a workgroup is its x plus its y times the grid's width, and
// those from Pass.Groups on do nothing.
//
// # The subset
//
// The texts keep to what every implementation does right: no overrides,
// enables or requires, no floats, none of the bit-field functions and no
// counting of zeros; every variable is initialised, every function that
// returns a value ends in a return, and divisors are at least 1. The tests
// hold every text to it.
package wgsl
