//go:build amd64

package cuda

import "golang.org/x/sys/windows"

// openDriver opens the driver's library, where Windows keeps its own and
// nowhere else, and returns what finds its functions.
func openDriver() (find func(name string) (uintptr, error), err error) {
	lib := windows.NewLazySystemDLL("nvcuda.dll")
	if err := lib.Load(); err != nil {
		return nil, err
	}
	return func(name string) (uintptr, error) {
		p := lib.NewProc(name)
		if err := p.Find(); err != nil {
			return 0, err
		}
		return p.Addr(), nil
	}, nil
}
