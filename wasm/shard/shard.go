package shard

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// Func computes one input. It must not depend on anything but the input, and
// inside the sandbox it cannot. The input is its own to change.
type Func func(input []byte) ([]byte, error)

// Exit codes of Main. They are part of a run's outcome.
const (
	exitDone   = 0
	exitFailed = 1
	exitPanic  = 2 // as of any Go program
)

// Main reads the input from standard input, calls f, writes the output to
// standard output, and exits. An error of f is a failed run: it is printed to
// standard error and the exit code is 1. A panic is one too, with 2.
func Main(f Func) { os.Exit(run(f, os.Stdin, os.Stdout, os.Stderr)) }

func run(f Func, in io.Reader, out, complaints io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			// Of a failed run the end is kept: what happened comes after where.
			fmt.Fprintf(complaints, "%s\npanic: %v\n", debug.Stack(), p)
			code = exitPanic
		}
	}()
	input, err := io.ReadAll(in)
	if err != nil {
		fmt.Fprintf(complaints, "read the input: %v\n", err)
		return exitFailed
	}
	output, err := f(input)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return exitFailed
	}
	// The sandbox ends a run that writes more than it may, so an error here is
	// that of a native pipe.
	if _, err := out.Write(output); err != nil {
		fmt.Fprintf(complaints, "write the output: %v\n", err)
		return exitFailed
	}
	return exitDone
}
