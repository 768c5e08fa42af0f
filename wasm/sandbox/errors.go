package sandbox

import (
	"errors"
	"fmt"
)

// ModuleError says why a module cannot be run, in words for its author.
type ModuleError struct{ Reason string }

func (e *ModuleError) Error() string { return "sandbox: module: " + e.Reason }

// ErrTrap is the error of an Instance whose module did what WebAssembly
// forbids. Any other error of an Instance is the machine's.
var ErrTrap = errors.New("sandbox: trap")

func refuse(format string, args ...any) error {
	return &ModuleError{Reason: fmt.Sprintf(format, args...)}
}
