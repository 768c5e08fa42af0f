package sandboxtest

import (
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// GoPrograms are the names under testdata of the programs that GoCases are of,
// which have to be built first.
var GoPrograms = []string{"command", "exports"}

// GoCases are runs of programs that Go's compiler built, by their names.
func GoCases(built map[string][]byte) (all []Case) {
	limits := sandbox.Limits{Fuel: 400_000_000, Memory: 512, Output: 1 << 16}
	for _, c := range []struct {
		program, input string
		want           *job.Outcome
	}{
		{"command", "", returns("input: \"\"\n")},
		{"command", "some text", returns("input: \"some text\"\n")},
		{"command", "world", nil},
		{"command", "floats", nil},
		{"command", "goroutines", returns("190 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 \n")},
		{"command", "garbage", returns("50 598725\n")},
		{"command", "maps", nil},
		{"command", "panic", nil},
		{"command", "nil", nil},
		{"command", "exit", ends(job.Exited, "leaving\n")},
		{"command", "deep", returns("500\n")},
		{"command", "too deep", ends(job.OutOfStack, "")},
		{"command", "too much memory", nil},
		{"command", "for ever", ends(job.OutOfFuel, "")},
		{"command", "asleep", nil},
		{"command", "much output", ends(job.OutputTooBig, "")},
		{"exports", "", returns("HELLO  1")},
		{"exports", "some text", returns("HELLO SOME TEXT 1")},
		{"exports", "garbage", returns("HELLO GARBAGE 1")},
		{"exports", "panic", nil},
	} {
		all = append(all, Case{Name: "go/" + c.program + "/" + c.input, Module: built[c.program], Limits: limits, Input: []byte(c.input), Want: c.want})
	}
	return all
}
