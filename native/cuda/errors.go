package cuda

import (
	"fmt"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// result is a CUresult that is not success.
type result int32

// Results that mean something to callers.
const (
	outOfMemory result = 2
)

// lostResults end a context: whatever is called afterwards fails as well.
var lostResults = map[result]bool{
	4:   true, // deinitialized
	46:  true, // devices unavailable
	201: true, // invalid context
	214: true, // uncorrectable ECC error
	220: true, // uncorrectable NVLink error
	700: true, // illegal address
	702: true, // launch timeout
	709: true, // context is destroyed
	710: true, // assert
	714: true, // hardware stack error
	715: true, // illegal instruction
	716: true, // misaligned address
	717: true, // invalid address space
	718: true, // invalid program counter
	719: true, // launch failed
	721: true, // external device
	999: true, // unknown
}

// explain is the error for a result, in the driver's words.
func (l *library) explain(r result) error {
	name, text := l.text(l.cuGetErrorName, r), l.text(l.cuGetErrorString, r)
	if name == "" {
		name = fmt.Sprintf("CUDA error %d", r)
	}
	if text != "" {
		name += " (" + text + ")"
	}
	return &driverError{r, name}
}

// driverError is an error of the driver.
type driverError struct {
	result result
	text   string
}

func (e *driverError) Error() string { return e.text }

// Is sorts the error into the kinds that callers act on.
func (e *driverError) Is(target error) bool {
	switch target {
	case device.ErrMemory:
		return e.result == outOfMemory
	case device.ErrLost:
		return lostResults[e.result]
	}
	return false
}

// text calls one of the functions that name results.
func (l *library) text(function uintptr, r result) string {
	var at *byte
	if function == 0 || l.status(function, uintptr(uint32(r)), uintptr(unsafe.Pointer(&at))) != 0 || at == nil {
		return ""
	}
	const longest = 200
	s := unsafe.Slice(at, longest)
	for i, c := range s {
		if c == 0 {
			return string(s[:i])
		}
	}
	return string(s)
}
