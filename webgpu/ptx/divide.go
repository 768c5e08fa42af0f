package ptx

import (
	"math/bits"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// Machines have no instruction that divides: what stands for it takes about 25.
// Most divisors are the same for a whole launch, so the host finds a
// multiplier and a shift that do the same in three.

// divisor is a divisor that the host knows from the parameters of a launch.
type divisor struct {
	key   string
	value func(params []int32) int32
}

// multiplier is what replaces division by d: floor(x/d) is the high word of 2x
// * factor, shifted right, for 0 <= x < 2^31 and 1 <= d < 2^31.
//
// shift is ceil(log2 d), and factor = (2^(31+shift) + e) / d with 0 <= e < d,
// which fits 32 bits. So x * factor / 2^(31+shift) is x/d and x*e/2^(31+shift)
// d-ths more: less than one, for x < 2^31 and e < 2^shift, and so too little to
// reach the next whole number.
func multiplier(d int32) (factor, shift int32) {
	n := uint64(max(d, 1))
	s := bits.Len64(n - 1)
	return int32(uint32((uint64(1)<<(31+s) + n - 1) / n)), int32(s)
}

// params adds what the host knows to the parameters of a launch.
func (p *printed) params(given []int32) []int32 {
	all := given
	for _, d := range p.divisors {
		factor, shift := multiplier(d.value(given))
		all = append(all, factor, shift)
	}
	return all
}

// printed is a code with what the host has to work out for its launches.
type printed struct {
	*launch.Code
	divisors []divisor
}

// divide is x / d for 0 <= x < 2^31.
func (e *entry) divide(x string, d divisor) string {
	at := -1
	for i, old := range e.divisors {
		if old.key == d.key {
			at = i
		}
	}
	if at < 0 {
		at = len(e.divisors)
		e.divisors = append(e.divisors, d)
	}
	factor, shift := e.param(e.given+2*at), e.param(e.given+2*at+1)
	high := e.let("mul.hi.u32", e.let("add.s32", x, x), factor)
	return e.let("shr.u32", high, shift)
}

// byParam is parameter i as a divisor.
func byParam(i int) divisor {
	return divisor{"p" + literal(i), func(params []int32) int32 { return params[i] }}
}

// byCols is the number of columns as a divisor.
func (u *unit) byCols() divisor { return byParam(len(u.kernel.Params) + 1) }

// byNode is a node as a divisor, if it depends on parameters alone.
func (u *unit) byNode(n *lower.Node) (divisor, bool) {
	if !known(n) {
		return divisor{}, false
	}
	rows := len(u.kernel.Params)
	return divisor{"n" + literal(n.ID), func(params []int32) int32 { return evaluate(n, params, rows) }}, true
}

// known tells whether the host can evaluate n: a number made of parameters.
func known(n *lower.Node) bool {
	switch n.Op {
	case kernel.OpConst, kernel.OpParam, kernel.OpRows, kernel.OpCols:
		return true
	case kernel.OpAdd, kernel.OpSub, kernel.OpMul, kernel.OpMin, kernel.OpMax, kernel.OpShl, kernel.OpSar:
		return known(n.Args[0]) && known(n.Args[1])
	}
	return false
}

// evaluate is the value of a known node. The number of rows is parameter rows,
// that of columns the next.
func evaluate(n *lower.Node, params []int32, rows int) int32 {
	switch n.Op {
	case kernel.OpConst:
		return n.K
	case kernel.OpParam:
		return params[n.K]
	case kernel.OpRows:
		return params[rows]
	case kernel.OpCols:
		return params[rows+1]
	}
	x, y := evaluate(n.Args[0], params, rows), evaluate(n.Args[1], params, rows)
	switch n.Op {
	case kernel.OpAdd:
		return x + y
	case kernel.OpSub:
		return x - y
	case kernel.OpMul:
		return x * y
	case kernel.OpMin:
		return min(x, y)
	case kernel.OpMax:
		return max(x, y)
	case kernel.OpShl:
		return x << (y & 31)
	}
	return x >> (y & 31)
}
