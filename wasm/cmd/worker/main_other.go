//go:build !js && !wasip1

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, agent+" is a WebAssembly program: build it with GOARCH=wasm and GOOS=js or GOOS=wasip1; natively, use shoal-node")
	os.Exit(2)
}
