// Command gen prints every kernel of the op set as C, builds the module of
// package simd from it with clang 16, and writes both beside the package,
// together with the table of kernels. With -check it only says whether what
// is there is current.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "compare instead of writing")
	dir := flag.String("dir", ".", "`directory` of package simd")
	flag.Parse()
	if err := run(context.Background(), *dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, check bool) error {
	files, err := generate(ctx, dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if !check {
			if err := os.WriteFile(path, f.data, 0o644); err != nil {
				return err
			}
			continue
		}
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(old, f.data) {
			return fmt.Errorf("%s is not what the sources give: run go generate ./wasm/simd", f.name)
		}
	}
	return nil
}
