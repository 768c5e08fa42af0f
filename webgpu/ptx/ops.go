package ptx

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// plain are the operations that are one instruction. Shift counts are 0 to 31,
// where those of PTX mean what the kernel's do.
var plain = map[kernel.Op]string{
	kernel.OpAdd: "add.s32",
	kernel.OpSub: "sub.s32",
	kernel.OpMul: "mul.lo.s32",
	kernel.OpAnd: "and.b32",
	kernel.OpOr:  "or.b32",
	kernel.OpXor: "xor.b32",
	kernel.OpShl: "shl.b32",
	kernel.OpSar: "shr.s32",
	kernel.OpMin: "min.s32",
	kernel.OpMax: "max.s32",
	kernel.OpAbs: "abs.s32",
}

// apply is the value of operation n on a.
func (s *scope) apply(n *lower.Node, a []string) string {
	if op := plain[n.Op]; op != "" {
		return s.let(op, a...)
	}
	switch n.Op {
	case kernel.OpBitLen:
		// The place of the highest bit, or -1 where there is none.
		return s.let("add.s32", s.let("bfind.u32", a[0]), "1")
	case kernel.OpDiv:
		if d, ok := s.byNode(n.Args[1]); ok {
			return s.divide(a[0], d)
		}
		if n.Args[1].Bound.Lo < 1 {
			a[1] = s.let("max.s32", a[1], "1")
		}
		return s.let("div.u32", a[0], a[1])
	case kernel.OpIsqrt:
		return s.isqrt(a[0])
	case kernel.OpRand:
		return s.rand(a[0], a[1])
	}
	panic(fmt.Sprintf("ptx: %s: no instruction for %s", s.kernel.Name, n.Op))
}

// isqrt is the whole square root of 0 <= x < 2^31, one bit at a time from the
// highest: bit b belongs to the root r where (r + b)^2 <= x, and x less the
// square so far is kept instead of x.
func (s *scope) isqrt(x string) string {
	root, rest := "0", x
	for b := 15; b >= 0; b-- {
		// (r + 2^b)^2 - r^2, with root = r * 2^(b+1)
		step := literal(1 << (2 * b))
		if root != "0" {
			step = s.let("add.s32", root, step)
		}
		fits := s.when("ge.s32", rest, step)
		rest = s.let("selp.s32", s.let("sub.s32", rest, step), rest, fits)
		half := "0"
		if root != "0" {
			half = s.let("shr.s32", root, "1")
		}
		bit := s.let("selp.s32", literal(1<<(2*b)), "0", fits)
		root = s.let("add.s32", half, bit)
	}
	return root
}

// rand is kernel.RandValue.
func (s *scope) rand(x, y string) string {
	v := s.let("mad.lo.s32", s.let("add.s32", x, y), "747796405", literal(int32(2891336453-1<<32)))
	down := s.let("add.s32", s.let("shr.u32", v, "28"), "4")
	w := s.let("xor.b32", s.let("shr.u32", v, down), v)
	w = s.let("mul.lo.s32", w, "277803737")
	return s.let("xor.b32", s.let("shr.u32", w, "22"), w)
}
