package cuda

import (
	"errors"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// library is the driver: the addresses of its functions.
type library struct {
	cuInit, cuDriverGetVersion, cuGetErrorName, cuGetErrorString                           uintptr
	cuDeviceGetCount, cuDeviceGet, cuDeviceGetName, cuDeviceGetAttribute, cuDeviceTotalMem uintptr
	cuCtxRetain, cuCtxRelease, cuCtxReset, cuCtxSetFlags, cuCtxSetCurrent                  uintptr
	cuMemGetInfo, cuMemAlloc, cuMemFree, cuMemcpyHtoDAsync, cuMemcpyDtoHAsync, cuMemset    uintptr
	cuModuleLoad, cuModuleUnload, cuModuleGetFunction, cuFuncSetAttribute, cuLaunchKernel  uintptr
	cuStreamCreate, cuStreamDestroy, cuStreamSynchronize                                   uintptr
}

// load opens the driver and starts it, once.
var load = sync.OnceValues(func() (*library, error) {
	l, err := open()
	if err != nil {
		return nil, err
	}
	if err := l.do(l.cuInit, 0); err != nil {
		return nil, fmt.Errorf("%w: the CUDA driver does not start: %w", device.ErrUnavailable, err)
	}
	return l, nil
})

func open() (*library, error) {
	find, err := openDriver()
	if err != nil {
		return nil, fmt.Errorf("%w: no CUDA driver: %w", device.ErrUnavailable, err)
	}
	l := &library{}
	var missing []error
	for _, f := range []struct {
		to   *uintptr
		name string
	}{
		{&l.cuInit, "cuInit"},
		{&l.cuDriverGetVersion, "cuDriverGetVersion"},
		{&l.cuGetErrorName, "cuGetErrorName"},
		{&l.cuGetErrorString, "cuGetErrorString"},
		{&l.cuDeviceGetCount, "cuDeviceGetCount"},
		{&l.cuDeviceGet, "cuDeviceGet"},
		{&l.cuDeviceGetName, "cuDeviceGetName"},
		{&l.cuDeviceGetAttribute, "cuDeviceGetAttribute"},
		{&l.cuDeviceTotalMem, "cuDeviceTotalMem_v2"},
		{&l.cuCtxRetain, "cuDevicePrimaryCtxRetain"},
		{&l.cuCtxRelease, "cuDevicePrimaryCtxRelease_v2"},
		{&l.cuCtxReset, "cuDevicePrimaryCtxReset_v2"},
		{&l.cuCtxSetFlags, "cuDevicePrimaryCtxSetFlags_v2"},
		{&l.cuCtxSetCurrent, "cuCtxSetCurrent"},
		{&l.cuMemGetInfo, "cuMemGetInfo_v2"},
		{&l.cuMemAlloc, "cuMemAlloc_v2"},
		{&l.cuMemFree, "cuMemFree_v2"},
		{&l.cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2"},
		{&l.cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2"},
		{&l.cuMemset, "cuMemsetD32Async"},
		{&l.cuModuleLoad, "cuModuleLoadDataEx"},
		{&l.cuModuleUnload, "cuModuleUnload"},
		{&l.cuModuleGetFunction, "cuModuleGetFunction"},
		{&l.cuFuncSetAttribute, "cuFuncSetAttribute"},
		{&l.cuLaunchKernel, "cuLaunchKernel"},
		{&l.cuStreamCreate, "cuStreamCreate"},
		{&l.cuStreamDestroy, "cuStreamDestroy_v2"},
		{&l.cuStreamSynchronize, "cuStreamSynchronize"},
	} {
		var err error
		if *f.to, err = find(f.name); err != nil {
			missing = append(missing, err)
		}
	}
	if err := errors.Join(missing...); err != nil {
		return nil, fmt.Errorf("%w: the CUDA driver is too old: %w", device.ErrUnavailable, err)
	}
	return l, nil
}

// do calls a function of the driver. Go pointers among the arguments must be
// converted in the argument list: the pragma keeps what they point to in place
// for the length of the call.
//
//go:uintptrescapes
func (l *library) do(function uintptr, args ...uintptr) error {
	if r := l.status(function, args...); r != 0 {
		return l.explain(r)
	}
	return nil
}

// status is do for the bare result.
//
//go:uintptrescapes
func (l *library) status(function uintptr, args ...uintptr) result {
	return call(function, args)
}
