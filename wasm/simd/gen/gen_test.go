package main

import (
	"errors"
	"os"
	"testing"
)

// TestCurrent builds the module again: what is committed must be what the
// sources give, byte for byte.
func TestCurrent(t *testing.T) {
	err := run(t.Context(), "..", true)
	if errors.Is(err, errNoCompiler) && os.Getenv("SHOAL_REQUIRE") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Error(err)
	}
}
