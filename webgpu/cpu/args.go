package cpu

import (
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/clang"
)

// args is struct args of package clang on a 64-bit processor.
type args struct {
	rows, cols, row0, row1, phase, _ int32

	params  *int32
	scratch unsafe.Pointer
	shared  unsafe.Pointer
	bufs    [clang.MaxBufs]unsafe.Pointer
}
