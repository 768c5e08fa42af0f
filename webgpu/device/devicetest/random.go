package devicetest

import (
	"math/rand/v2"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// source is a seeded stream of choices.
type source struct{ *rand.Rand }

func newSource(seed, stream uint64) source {
	return source{rand.New(rand.NewPCG(seed, stream))}
}

// one tells whether an event of chance 1/n happens.
func (s source) one(n int) bool { return s.IntN(n) == 0 }

func pick[T any](s source, from ...T) T { return from[s.IntN(len(from))] }

// within is a uniform value of iv.
func (s source) within(iv kernel.Interval) int64 {
	return iv.Lo + int64(s.Uint64N(uint64(iv.Hi-iv.Lo)+1))
}

// extent is a size of at most limit. Small sizes, and sizes beside the widths
// of vectors and blocks, are where tails go wrong.
func (s source) extent(limit int) int {
	n := pick(s, 1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257)
	if s.one(4) {
		n = 1 + s.IntN(max(limit, 1))
	}
	return min(n, max(limit, 1))
}

// edges are values at which arithmetic changes its mind.
var edges = func() []int64 {
	e := []int64{0, 1, -1, 2, -2, 3, -3, 127, -127, 128, -128, -129, 255, 256, 32767, -32768, 32768, kernel.Sat, -kernel.Sat, kernel.Sat + 1, -kernel.Sat - 1, 1<<31 - 1, -1<<31 + 1, -1 << 31}
	for n := 8; n < 31; n++ {
		e = append(e, 1<<n, -1<<n, 1<<n-1, 1<<n+1, 1<<n+1<<(n-1), -1<<n-1<<(n-1))
	}
	return e
}()

// shape of a distribution of values.
type mode int

const (
	modeEdges mode = iota
	modeUniform
	modeMagnitudes
	modeSmall
	modeLow
	modeHigh
	modeEnds
	modeSparse
)

var allModes = []mode{modeEdges, modeUniform, modeMagnitudes, modeSmall, modeLow, modeHigh, modeEnds, modeSparse}

// value draws one value of iv.
func (s source) value(m mode, iv kernel.Interval) int64 {
	clamp := func(v int64) int64 { return max(min(v, iv.Hi), iv.Lo) }
	switch m {
	case modeEdges:
		return clamp(pick(s, edges...))
	case modeMagnitudes:
		v := int64(s.Uint64() >> (33 + s.IntN(31)))
		if s.one(2) {
			v = -v
		}
		return clamp(v)
	case modeSmall:
		return clamp(int64(s.IntN(9)) - 4)
	case modeLow:
		return iv.Lo
	case modeHigh:
		return iv.Hi
	case modeEnds:
		return pick(s, iv.Lo, iv.Hi)
	case modeSparse:
		if !s.one(16) {
			return clamp(0)
		}
	}
	return s.within(iv)
}
