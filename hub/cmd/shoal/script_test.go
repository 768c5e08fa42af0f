package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/shoal-compute/shoal/site"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shoal": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds:                map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "module": writeModule},
		Condition:           condition,
	})
}

// condition knows [built]: the WebAssembly worker is part of this binary.
func condition(name string) (bool, error) {
	if name != "built" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if !site.Built() && os.Getenv("SHOAL_REQUIRE") != "" {
		return false, errors.New("the WebAssembly worker is not built: run make wasm")
	}
	return site.Built(), nil
}

// exits runs `shoal ARG...` and requires the exit code: exits CODE ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	err := ts.Exec("shoal", args[1:]...)
	got := "0"
	if err != nil {
		got = "?"
		if e, ok := err.(interface{ ExitCode() int }); ok {
			got = string(rune('0' + e.ExitCode()))
		}
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
