// Package gpu is the device over machines that take launches: WebGPU and
// WebGL2 in a browser, Vulkan, Metal, DX12 and CUDA on a node.
//
// It owns everything those lanes share: which kernels run as one, in which
// memory every value lives and when that is used again, what stays on the
// machine between runs, and which errors mean that the machine is gone. It
// refuses to know any API and any shading language: a Machine runs what a
// launch.Printer printed.
package gpu
