package job

import (
	"fmt"
	"strconv"
)

// Map describes a job of kind "map": a module that is run once for every input.
type Map struct {
	Module  string `yaml:"module" json:"module,omitempty"`     // a WebAssembly file, or a blob written "sha256:..."
	Inputs  Inputs `yaml:"inputs" json:"inputs,omitzero"`      // what it is run on
	Batch   int    `yaml:"batch" json:"batch,omitempty"`       // inputs per shard
	Fuel    int64  `yaml:"fuel" json:"fuel,omitempty"`         // instructions one run may execute
	Memory  Bytes  `yaml:"memory" json:"memory,omitempty"`     // what one run may have
	Output  Bytes  `yaml:"output" json:"output,omitempty"`     // what one run may write
	OnError string `yaml:"on_error" json:"on_error,omitempty"` // keep (default): failed runs are reported | fail: the first fails the job
}

// Inputs says what a module is run on; exactly one field is set. Names are
// files or blobs, as in Data.
type Inputs struct {
	Lines string   `yaml:"lines" json:"lines,omitempty"` // a text: every line, without its line end, is an input
	Files []string `yaml:"files" json:"files,omitempty"` // every file is an input
	Blobs []string `yaml:"blobs" json:"blobs,omitempty"` // the same, held by the hub
	Tar   string   `yaml:"tar" json:"tar,omitempty"`     // an archive: every regular file in it is an input
	Range Range    `yaml:"range" json:"range,omitzero"`  // every step is an input
}

// Range is the numbers from From up to but not including To, in pieces of Step.
// The input of a piece is its first number and the one after its last, in
// decimal with a blank between them: "0 1000".
type Range struct {
	From int64 `yaml:"from" json:"from,omitempty"`
	To   int64 `yaml:"to" json:"to,omitempty"`
	Step int64 `yaml:"step" json:"step,omitempty"`
}

// IsZero reports whether the section is absent.
func (m Map) IsZero() bool {
	return m.Module == "" && m.Inputs.IsZero() && m.Batch == 0 && m.Fuel == 0 && m.Memory == 0 && m.Output == 0 && m.OnError == ""
}

// IsZero reports whether the section is absent.
func (in Inputs) IsZero() bool {
	return in.Lines == "" && in.Files == nil && in.Blobs == nil && in.Tar == "" && in.Range == Range{}
}

// Bytes is a size. Job files may write it with a unit, as in 64MiB.
type Bytes int64

// units in falling order.
var units = [...]struct {
	name  string
	shift int
}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}

// ParseBytes reads a whole number of bytes, KiB, MiB or GiB.
func ParseBytes(s string) (Bytes, error) {
	number, shift := s, 0
	for _, u := range units {
		if n := len(s) - len(u.name); n > 0 && s[n:] == u.name {
			number, shift = s[:n], u.shift
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > 1<<62>>shift {
		return 0, fmt.Errorf("want a size such as 65536, 512KiB or 64MiB, got %q", s)
	}
	return Bytes(n << shift), nil
}

// String returns the shortest form that ParseBytes reads back.
func (b Bytes) String() string {
	for _, u := range units {
		if b != 0 && b%(1<<u.shift) == 0 {
			return strconv.FormatInt(int64(b)>>u.shift, 10) + u.name
		}
	}
	return "0B"
}
