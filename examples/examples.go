// Package examples holds the example job files and the text they train on, so
// that `shoal demo` and the benchmarks need nothing but the program itself.
package examples

import (
	"embed"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job/data"
)

//go:embed kjv-nano.yaml data/kjv.txt.zst
var files embed.FS

// Name of the job file of the byte language model.
const KJVNano = "kjv-nano.yaml"

// JobFile returns an example job file.
func JobFile(name string) ([]byte, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	return text, nil
}

// Data returns the decompressed contents of a data file that an example job
// file names.
func Data(name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	defer f.Close()
	text, err := data.Decompress(name, f)
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	return text, nil
}
