// Package gpu runs launches on the graphics processor of a node: through
// Vulkan, Metal or Direct3D 12, in pure Go and without cgo. It is the machine
// behind the lane named vulkan, whatever the API.
//
// It owns the choice of an adapter, the layout that code is bound with, and
// when memory that the hardware may still read is given back. It refuses to
// know programs, kernels and shading: package webgpu/gpu says what runs, and
// package webgpu/wgsl prints it.
//
// # How code is bound
//
// Code is WGSL with one entry point. Group 0 holds a storage buffer for each
// of launch.Code.Bindings, in order: read where only read, read_write where
// written. Group 1, binding 0 is a uniform block with the parameters, padded
// to 16 bytes; code without parameters has no such block. A launch of more
// than Limits.Side workgroups is a grid of two dimensions, so code takes its
// number from wid.x + wid.y * num_workgroups.x and ignores what lies beyond
// its end.
//
// # What is not left to the library
//
// The library below has a high interface and a low one. The high one loses
// the error of a lost device when it maps memory, and puts no barrier between
// a copy and the dispatch after it; so this package uses the low one, states
// every barrier around copies, and counts submissions itself. Memory is
// zeroed by a kernel, because one of the library's backends ignores the
// command for it, and parameters get a bind group each, because that backend
// ignores dynamic offsets too.
package gpu
