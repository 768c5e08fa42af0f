package wazerobox

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// traps are the ways in which wazero says that a module did what WebAssembly
// forbids. Its errors are of no type that others can ask for. Not among them
// is a stack overflow, which is the engine's failing: calls are counted before
// it comes to that.
var traps = []string{
	"unreachable", "out of bounds memory access", "invalid table access", "indirect call type mismatch",
	"integer divide by zero", "integer overflow", "invalid conversion to integer",
}

func failure(err error) error {
	text := err.Error()
	for _, trap := range traps {
		if strings.HasPrefix(text, "wasm error: "+trap+"\n") || text == "wasm error: "+trap {
			return sandbox.ErrTrap
		}
	}
	return fmt.Errorf("wazerobox: %w", err)
}
