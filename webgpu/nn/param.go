package nn

import (
	"math/bits"

	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Param is a trained tensor: int32 in units of 2^-26, within ±4.
type Param struct {
	Name  string
	Shape []int
	Std   Std
}

// Len is the number of elements.
func (p Param) Len() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Std is the standard deviation of a parameter's initial values, as an exact
// rule: the square root of Num/Den. The zero Std is 0.
type Std struct {
	Num, Den int
}

// fixed is floor(sqrt(Num/Den) * 2^26).
func (s Std) fixed() int64 {
	if s.Num == 0 {
		return 0
	}
	return int64(root(uint64(s.Num) << (2 * ops.FW) / uint64(s.Den)))
}

// initialise fills the parameter: a sum of four 16-bit uniform numbers, whose
// standard deviation is 37837, scaled. Element j of stream s takes the
// numbers pcg(s*2654435761 + 2j) and its successor.
func (p Param) initialise(stream uint32) []int32 {
	w := make([]int32, p.Len())
	std := p.Std.fixed()
	if std == 0 {
		return w
	}
	for j := range w {
		at := stream*2654435761 + 2*uint32(j)
		a, b := pcg(at), pcg(at+1)
		sum := int64(a&0xffff) + int64(a>>16) + int64(b&0xffff) + int64(b>>16) - 131070
		w[j] = int32(max(-ops.WeightLimit, min(sum*std/37837, ops.WeightLimit)))
	}
	return w
}

// pcg is the generator of the numeric spec (PCG-RXS-M-XS-32).
func pcg(x uint32) uint32 {
	s := x*747796405 + 2891336453
	w := ((s >> (s>>28 + 4)) ^ s) * 277803737
	return w>>22 ^ w
}

// root is floor(sqrt(x)).
func root(x uint64) uint64 {
	var r uint64
	for b := uint64(1) << (bits.Len64(x) / 2); b > 0; b >>= 1 {
		if t := r | b; t <= 1<<32-1 && t*t <= x {
			r = t
		}
	}
	return r
}
