//go:build !(linux && (amd64 || arm64)) && !(windows && amd64)

package cuda

import (
	"fmt"
	"runtime"
)

// openDriver fails: there is no driver for this system.
func openDriver() (find func(name string) (uintptr, error), err error) {
	return nil, fmt.Errorf("none is made for %s on %s", runtime.GOOS, runtime.GOARCH)
}
