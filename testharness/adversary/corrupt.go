package adversary

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
)

// The ways to be wrong. All return new bytes of the same shape.

// dice returns a source of randomness that depends on its arguments alone.
func dice(seed uint64, about string, n uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(about))
	return rand.New(rand.NewPCG(seed^h.Sum64(), n))
}

// of turns a key into a number to roll dice by.
func (k Key) number() uint64 { return binary.BigEndian.Uint64(k[:]) }

func copied(outputs [][]byte) [][]byte {
	c := make([][]byte, len(outputs))
	for i, out := range outputs {
		c[i] = bytes.Clone(out)
	}
	return c
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// zeros is the answer of whoever computed nothing.
func zeros(honest [][]byte) [][]byte {
	c := make([][]byte, len(honest))
	for i, out := range honest {
		c[i] = make([]byte, len(out))
	}
	return c
}

// noise is rubbish of the right size. Most of it lies outside the ranges that
// the program declares.
func noise(r *rand.Rand, honest [][]byte) [][]byte {
	c := copied(honest)
	for _, out := range c {
		for i := range out {
			out[i] = byte(r.Uint32())
		}
	}
	return c
}

// nudged is one bit away from the truth, in one element: nothing that a
// plausibility check would notice.
func nudged(r *rand.Rand, honest [][]byte) [][]byte {
	c := copied(honest)
	size := 0
	for _, out := range c {
		size += len(out)
	}
	if size == 0 {
		return c
	}
	at := r.IntN(size)
	for _, out := range c {
		if at < len(out) {
			out[at&^3] ^= 1 // the lowest bit of a little-endian word
			break
		}
		at -= len(out)
	}
	return c
}

// negated turns every word around: a gradient that climbs. Its elements stay
// within symmetric ranges.
func negated(honest [][]byte) [][]byte {
	c := copied(honest)
	for _, out := range c {
		for i := 0; i+4 <= len(out); i += 4 {
			v := -int32(binary.LittleEndian.Uint32(out[i:]))
			binary.LittleEndian.PutUint32(out[i:], uint32(v))
		}
	}
	return c
}

// fits reports whether a has the shape of b.
func fits(a, b [][]byte) bool {
	return slices.EqualFunc(a, b, func(x, y []byte) bool { return len(x) == len(y) })
}
