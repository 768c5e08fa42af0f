// Package shard turns a Go function into a program that volunteers run: the
// module of a job of kind "map".
//
// A shard is a function from bytes to bytes. This is a whole one:
//
//	package main
//
//	import (
//		"bytes"
//
//		"github.com/shoal-compute/shoal/wasm/shard"
//	)
//
//	func main() {
//		shard.Main(func(input []byte) ([]byte, error) {
//			return bytes.ToUpper(input), nil
//		})
//	}
//
// Build it for WebAssembly, try it, and give it to a hub:
//
//	GOOS=wasip1 GOARCH=wasm go build -o upper.wasm .
//	printf 'one\ntwo\n' | shoal map upper.wasm
//	shoal submit upper.yaml
//
// with a job file upper.yaml that says which inputs there are:
//
//	kind: map
//	name: upper
//	map:
//	  module: upper.wasm
//	  inputs: {lines: words.txt}
//
// Every input is one run of the module, from its very beginning: nothing is
// left over from the input before, whichever volunteer computed that. Built for
// the machine it is on, the same program is a filter from standard input to
// standard output, so it can be tested, profiled and debugged like any other.
//
// # What is the same everywhere
//
// What a shard returns depends on its module, its limits and its input alone.
// Two volunteers who return different bytes have not both been honest, and
// anybody may run any input again to see who was. The sandbox sees to that,
// not the author: the bits of floating-point NaNs are made canonical, fuel,
// memory and depth of calls are counted the same way in every engine, and
// whatever could tell two machines apart is not there:
//
//   - there is no clock: time.Now begins at one moment in every run and moves
//     only by being looked at or slept by, so that time.Sleep returns at once;
//   - random numbers, crypto/rand too, and the order in which Go walks a map
//     follow from a fixed seed: they repeat, and keep nothing secret;
//   - there are no files, no network, no environment and no arguments;
//   - there is one thread. Goroutines work, and take their turns in the same
//     order each time.
//
// Standard output is the result. Standard error is for complaints: of a run
// that fails, its last 1024 bytes are kept (job.MaxComplaint).
//
// # Limits
//
// A run has fuel, one unit for every WebAssembly instruction; memory, of which
// the Go runtime takes some 3 MiB before the function is called; and a bound on
// what it writes. They are fields of the job file (map.fuel, map.memory,
// map.output). A run that goes over one ends there, on every machine at the
// same instruction, and its outcome says which limit it was. `shoal shard run
// --json` prints what a run took: leave room above that, for volunteers are
// paid for the fuel that was used and not for what was allowed.
//
// Starting the Go runtime is part of every run: about a million instructions, a
// few milliseconds. Inputs that are worth a tenth of a second make it not matter.
// (A module without a main, which exports shoal_run itself, saves a fifth of
// that. It is not worth a second way to write a shard.)
//
// # Other languages
//
// Nothing here is needed to be a shard. Any WebAssembly module will do that is
// a wasip1 command reading standard input and writing standard output, or that
// exports memory and two functions:
//
//	shoal_alloc(size i32) i32             where to put an input of that size
//	shoal_run(ptr i32, len i32) i64       compute; the result is at ptr<<32|len
//
// with an _initialize, if there is one, that is called before them.
package shard
