//go:build race

package adversary_test

// raceDetector is whether this test binary carries the race detector.
const raceDetector = true
