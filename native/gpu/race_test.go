//go:build race

package gpu

// raced tells that the race detector is on. It makes the reference, which is
// most of a conformance test, many times slower, and finds nothing in it.
const raced = true
