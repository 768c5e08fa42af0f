package freivalds

import (
	"math/bits"
	"math/rand/v2"
)

// Prime is the field's modulus, the largest prime below 2^47. A residue taken
// between -2^46 and 2^46 is three signed 16-bit digits, or two of 24 bits.
const Prime = 1<<47 - 115

// fold is 2^64 modulo Prime.
const fold = 115 << 17

// reduce is x modulo Prime, not negative.
func reduce(x int64) uint64 {
	x %= Prime
	return uint64(x + x>>63&Prime)
}

// shifted is x * 2^s modulo Prime for x below Prime and s up to 48: the upper
// word of the product then stays so small that folding it cannot carry.
func shifted(x uint64, s uint) uint64 {
	hi, lo := bits.Mul64(x, 1<<s)
	return (hi*fold + lo%Prime) % Prime
}

// uniform draws a residue. Draws of 47 bits at or above Prime are repeated,
// which leaves all residues equally likely.
func uniform(src *rand.ChaCha8) uint64 {
	for {
		if x := src.Uint64() >> 17; x < Prime {
			return x
		}
	}
}

// centred is x as the number between -Prime/2 and Prime/2.
func centred(x uint64) int64 {
	v := int64(x)
	if v > Prime/2 {
		v -= Prime
	}
	return v
}
