package main

import (
	"errors"
	"unsafe"

	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// The SIMD module runs beside this program, in the host's hands: its memory
// is reached by these functions. Results: 0 is success.
//
//go:wasmimport shoal simd_pages
func hostSIMDPages() int32 // size of its memory; 0: there is no module

//go:wasmimport shoal simd_grow
func hostSIMDGrow(pages int32) int32

//go:wasmimport shoal simd_write
func hostSIMDWrite(to int32, from unsafe.Pointer, size int32) int32

//go:wasmimport shoal simd_read
func hostSIMDRead(from int32, to unsafe.Pointer, size int32) int32

//go:wasmimport shoal simd_run
func hostSIMDRun(steps, count int32) int32

var errHost = errors.New("worker: the host refused")

// openDevice opens the SIMD module, or the interpreter where the host has no
// module to lend.
func openDevice(memory int64) device.Device {
	if hostSIMDPages() == 0 {
		return reference.New()
	}
	return simd.New(lent{}, device.Caps{Detail: "simd128 under wazero", Memory: memory})
}

// lent is the host's instance of the module.
type lent struct{}

var _ simd.Instance = lent{}

func (lent) Size() uint64 { return uint64(uint32(hostSIMDPages())) * simd.PageSize }

func (lent) Grow(pages uint32) error { return result(hostSIMDGrow(int32(pages))) }

func (lent) Write(ptr uint32, data []byte) error {
	return result(hostSIMDWrite(int32(ptr), unsafe.Pointer(unsafe.SliceData(data)), int32(len(data))))
}

func (lent) Read(ptr uint32, dst []byte) error {
	return result(hostSIMDRead(int32(ptr), unsafe.Pointer(unsafe.SliceData(dst)), int32(len(dst))))
}

func (lent) Run(steps, count uint32) error { return result(hostSIMDRun(int32(steps), int32(count))) }

func (lent) Close() error { return nil }

func result(code int32) error {
	if code != 0 {
		return errHost
	}
	return nil
}
