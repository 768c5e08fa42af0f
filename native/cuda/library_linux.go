//go:build linux && (amd64 || arm64)

package cuda

import "github.com/go-webgpu/goffi/ffi"

// openDriver opens the driver's library and returns what finds its functions.
// It is never closed: the driver does not stand that.
func openDriver() (find func(name string) (uintptr, error), err error) {
	lib, err := ffi.LoadLibrary("libcuda.so.1")
	if err != nil {
		return nil, err
	}
	return func(name string) (uintptr, error) {
		p, err := ffi.GetSymbol(lib, name)
		return uintptr(p), err
	}, nil
}
