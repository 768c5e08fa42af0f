//go:build race

package cluster

// raceDetector is whether this test binary carries the race detector, which
// takes several times the memory.
const raceDetector = true
