package cuda

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/go-webgpu/goffi/ffi"
	"github.com/go-webgpu/goffi/types"
)

// maxArgs is what cuLaunchKernel takes, more than any other function here.
const maxArgs = 11

// signatures holds, by their number of arguments, the signatures of the
// driver's functions: they all take integers and pointers and return a result.
var signatures = sync.OnceValue(func() *[maxArgs + 1]types.CallInterface {
	var all [maxArgs + 1]types.CallInterface
	for n := range all {
		args := make([]*types.TypeDescriptor, n)
		for i := range args {
			args[i] = types.UInt64TypeDescriptor
		}
		if err := ffi.PrepareCallInterface(&all[n], types.DefaultCall, types.SInt32TypeDescriptor, args); err != nil {
			panic(fmt.Sprintf("cuda: a signature of %d integers: %v", n, err))
		}
	}
	return &all
})

// call calls a C function. What args point to must not move meanwhile, which
// is its callers' business.
func call(function uintptr, args []uintptr) result {
	var values [maxArgs]unsafe.Pointer
	for i := range args {
		values[i] = unsafe.Pointer(&args[i])
	}
	var r int32
	// The address is a function of a library that is never unloaded.
	address := *(*unsafe.Pointer)(unsafe.Pointer(&function))
	if _, err := ffi.CallFunction(&signatures()[len(args)], address, unsafe.Pointer(&r), values[:len(args)]); err != nil {
		panic(fmt.Sprintf("cuda: call of a function of %d integers: %v", len(args), err))
	}
	return result(r)
}
