//go:build !js

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "box is a part of the page: build it with GOOS=js GOARCH=wasm; natively, use shoal-node")
	os.Exit(2)
}
