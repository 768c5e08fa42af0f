// Package cuda is the lane cuda: NVIDIA GPUs through the driver library that
// comes with every NVIDIA driver, bound at run time without cgo. Kernels are
// the text that package ptx prints; the driver compiles it for the chip.
//
// The package owns the driver's calls, its errors and its memory. It refuses
// to know programs and kernels: package webgpu/gpu runs those, and calls the
// machine from one goroutine at a time.
//
// # What it needs
//
// Linux on amd64 or arm64 with libcuda.so.1, or Windows on amd64 with
// nvcuda.dll; a driver for CUDA 11 or later; a GPU of compute capability 8.0
// or later (Ampere), for its int8 matrix instructions and asynchronous copies.
// Whatever is missing is an error that wraps device.ErrUnavailable.
//
// # Threads and streams
//
// The driver keeps a current context for each thread, so every method of the
// machine holds its goroutine on a thread while it makes the GPU's primary
// context current and calls. There are no goroutines and no callbacks. All
// work goes to one stream, in order. Waiting sleeps instead of spinning.
//
// # On a computer with a GPU
//
// The tests skip where there is none. Where there is one, run first, in this
// order:
//
//	SHOAL_REQUIRE=cuda go test ./native/cuda                 # the machine, and the whole conformance suite
//	go test -run '^$' -bench Matmul/nt ./native/cuda         # TOP/s of int8 products, 512 to 8192 cubed
//	go test -run '^$' -bench Matmul/tiles ./native/cuda      # each tile alone
//	go test -run '^$' -bench 'Matmul/(nn|tn|layer)|Ops' ./native/cuda
//
// The figures of single tiles are what the speeds in package ptx should say
// (the variable tiles, and the costs in choose.go).
//
// A fault in generated code shows as device.ErrLost ("illegal address", "launch
// failed"): running the same test with CUDA's compute-sanitizer names the
// kernel and the address.
package cuda
