package data

// PCG permutes the 32-bit integers in a way that looks random (the RXS-M-XS
// output of a linear congruential step). It is the one generator of the
// numeric spec: devices draw stochastic rounding from the same function.
func PCG(x uint32) uint32 {
	s := x*747796405 + 2891336453
	w := ((s >> ((s >> 28) + 4)) ^ s) * 277803737
	return w>>22 ^ w
}

// MaxMicroBatches is the number of micro-batches per step that Key keeps
// apart; MaxSequences is the number of sequences per step that the sampling
// rule keeps apart.
const (
	MaxMicroBatches = 64
	MaxSequences    = 1000
)

// Key is the stochastic-rounding key of micro-batch j, from 0, of a step,
// from 1.
func Key(seed, step uint32, j int) uint32 {
	return PCG(seed*31337 + step*64 + uint32(j))
}
