// Package lab measures a lane and compares it with the reference: what `shoal
// bench` prints. The same code runs natively and, in the program of
// wasm/cmd/lab, inside a page's worker, where a browser's lanes live; results
// are plain data that cross from there as JSON.
//
// It owns what is run and how time is taken. It refuses to know how a lane is
// opened, and what is printed.
package lab
