// Package cpu is the fast device on a processor: every kernel of the op set
// as machine code for AVX-512 with VNNI, AVX2, or NEON, chosen when the device
// is made, and plain Go below that, so that every GOARCH has the lane.
//
// The machine code is built from the C text that package clang prints, and
// carried as Go assembly (image_*.s): the package needs neither cgo nor a
// compiler. A kernel whose code is missing or older than its definition runs
// in plain Go.
//
// The package owns memory, threads, and the choice of code. It refuses to know
// what any op means.
//
// # Goroutines
//
// A device with n threads owns n-1 goroutines, started by New and joined by
// Close. Each waits for a share of the rows of a step and computes it on its
// own scratch memory; the caller of Run computes the first share. One run is
// executed at a time.
package cpu

//go:generate go run ./internal/gen
