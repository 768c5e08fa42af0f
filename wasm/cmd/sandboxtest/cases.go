package main

import (
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
)

// selection says which cases to run.
type selection struct {
	seed     uint64
	programs int    // random ones, and as many broken ones
	only     string // names, divided by commas; empty: all
}

// cases are the selected ones; built are the Go programs.
func (s selection) cases(built map[string][]byte) []sandboxtest.Case {
	all := append(sandboxtest.Cases(), sandboxtest.GoCases(built)...)
	for i := range s.programs {
		all = append(all, sandboxtest.Random(s.seed, i), sandboxtest.Broken(s.seed, i))
	}
	if s.only == "" {
		return all
	}
	names := strings.Split(s.only, ",")
	return slices.DeleteFunc(all, func(c sandboxtest.Case) bool { return !slices.Contains(names, c.Name) })
}
