// Command gen rebuilds the machine code of package cpu. Run it by go generate
// in webgpu/cpu.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/shoal-compute/shoal/webgpu/cpu/internal/codegen"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate() error {
	files, err := codegen.Files(context.Background())
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(name, data, 0o644); err != nil { //nolint:gosec // source files are readable
			return err
		}
	}
	return nil
}
