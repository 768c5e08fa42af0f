package wgsl

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// literal is a constant. The smallest number cannot be written as the negative
// of a larger one.
func literal(v int32) string {
	switch {
	case v == -1<<31:
		return "bitcast<i32>(0x80000000u)"
	case v < 0:
		return fmt.Sprintf("(%d)", v)
	}
	return fmt.Sprint(v)
}

// widen is v as a vector.
func widen(v value) string {
	if v.wide {
		return v.text
	}
	return "vec4<i32>(" + v.text + ")"
}

// as is v, as a vector if wide.
func as(v value, wide bool) string {
	if wide {
		return widen(v)
	}
	return v.text
}

// apply is an operation on values.
func (s *scope) apply(n *lower.Node) value {
	if n.Op == kernel.OpSelect {
		return s.choose(n)
	}
	a := make([]value, len(n.Args))
	wide, closed := false, true
	for i, x := range n.Args {
		a[i] = s.value(x)
		wide = wide || a[i].wide
		closed = closed && x.Op == kernel.OpConst
	}
	if closed {
		if v, ok := wrapped(n); ok {
			return value{text: literal(v)}
		}
	}
	return value{s.operation(n, a, wide), wide}
}

// wrapped computes operations on constants that may leave 32 bits, which WGSL
// refuses to do when it compiles.
func wrapped(n *lower.Node) (v int32, ok bool) {
	switch n.Op {
	case kernel.OpAdd:
		return n.Args[0].K + n.Args[1].K, true
	case kernel.OpSub:
		return n.Args[0].K - n.Args[1].K, true
	case kernel.OpMul:
		return n.Args[0].K * n.Args[1].K, true
	case kernel.OpShl:
		return n.Args[0].K << (uint32(n.Args[1].K) & 31), true
	}
	return 0, false
}

// operation is the expression of n.
func (s *scope) operation(n *lower.Node, a []value, wide bool) string {
	arg := func(i int) string { return as(a[i], wide) }
	infix := func(op string) string { return arg(0) + " " + op + " " + arg(1) }
	call := func(name string) string {
		args := make([]string, len(a))
		for i := range a {
			args[i] = arg(i)
		}
		return name + "(" + strings.Join(args, ", ") + ")"
	}
	switch n.Op {
	case kernel.OpAdd:
		return infix("+")
	case kernel.OpSub:
		return infix("-")
	case kernel.OpMul:
		return infix("*")
	case kernel.OpAnd:
		return infix("&")
	case kernel.OpOr:
		return infix("|")
	case kernel.OpXor:
		return infix("^")
	case kernel.OpShl:
		return arg(0) + " << " + count(n.Args[1], a[1], wide)
	case kernel.OpSar:
		return arg(0) + " >> " + count(n.Args[1], a[1], wide)
	case kernel.OpLt, kernel.OpEq:
		return fmt.Sprintf("select(%s, %s, %s)", as(value{text: "0"}, wide), as(value{text: "1"}, wide), compare(n, a, wide))
	case kernel.OpMin:
		return call("min")
	case kernel.OpMax:
		return call("max")
	case kernel.OpAbs:
		return call("abs")
	case kernel.OpBitLen:
		return call("firstLeadingBit") + " + " + as(value{text: "1"}, wide)
	case kernel.OpDiv:
		if n.Args[1].Op == kernel.OpConst {
			return divided(arg(0), arg(1), wide)
		}
		return quotient(arg(0), arg(1), wide)
	case kernel.OpIsqrt:
		return s.each(s.need("isqrt", isqrt), a)
	case kernel.OpRand:
		return s.each(s.need("rand", rand), a)
	}
	panic(fmt.Sprintf("wgsl: %s: no WGSL for %s", s.kernel.Name, n.Op))
}

// quotient divides numbers that are not negative by numbers above 0, as every
// legal instance has them; but a divisor of 0 is not left to the machine.
func quotient(x, y string, wide bool) string {
	return divided(x, fmt.Sprintf("max(%s, %s)", y, as(value{text: "1"}, wide)), wide)
}

// divided is x / y. Unsigned division is the faster one, and overflows nowhere.
func divided(x, y string, wide bool) string {
	if wide {
		return fmt.Sprintf("vec4<i32>(vec4<u32>(%s) / vec4<u32>(%s))", x, y)
	}
	return fmt.Sprintf("i32(u32(%s) / u32(%s))", x, y)
}

// count is a shift count.
func count(n *lower.Node, v value, wide bool) string {
	scalar := "u32(" + v.text + ")"
	if n.Op == kernel.OpConst {
		scalar = fmt.Sprintf("%du", n.K)
	}
	switch {
	case !wide:
		return scalar
	case v.wide:
		return "vec4<u32>(" + v.text + ")"
	}
	return "vec4<u32>(" + scalar + ")"
}

func compare(n *lower.Node, a []value, wide bool) string {
	op := "<"
	if n.Op == kernel.OpEq {
		op = "=="
	}
	return as(a[0], wide) + " " + op + " " + as(a[1], wide)
}

// choose is a select: straight on a comparison, where there is one.
func (s *scope) choose(n *lower.Node) value {
	c, x, y := n.Args[0], s.value(n.Args[1]), s.value(n.Args[2])
	var test string
	var tests bool // whether the test is a vector
	if c.Op == kernel.OpLt || c.Op == kernel.OpEq {
		a := []value{s.value(c.Args[0]), s.value(c.Args[1])}
		tests = a[0].wide || a[1].wide
		test = compare(c, a, tests)
	} else {
		v := s.value(c)
		tests = v.wide
		test = v.text + " != " + as(value{text: "0"}, tests)
	}
	wide := tests || x.wide || y.wide
	if wide && !tests {
		test = "vec4<bool>(" + test + ")"
	}
	return value{fmt.Sprintf("select(%s, %s, %s)", as(y, wide), as(x, wide), test), wide}
}

// each calls a function of scalars for every element.
func (s *scope) each(name string, a []value) string {
	one := func(suffix string) string {
		args := make([]string, len(a))
		for i, v := range a {
			args[i] = v.text
			if v.wide {
				args[i] += suffix
			}
		}
		return name + "(" + strings.Join(args, ", ") + ")"
	}
	for _, v := range a {
		if v.wide {
			return fmt.Sprintf("vec4<i32>(%s, %s, %s, %s)", one(".x"), one(".y"), one(".z"), one(".w"))
		}
	}
	return one("")
}

const isqrt = `fn isqrt(x: i32) -> i32 {
  let v = bitcast<u32>(x);
  var r = 0u;
  for (var b = 0x8000u; b > 0u; b = b >> 1u) {
    let t = r | b;
    if (t * t <= v) {
      r = t;
    }
  }
  return bitcast<i32>(r);
}
`

const rand = `fn rand(x: i32, y: i32) -> i32 {
  let s = (bitcast<u32>(x) + bitcast<u32>(y)) * 747796405u + 2891336453u;
  let w = ((s >> ((s >> 28u) + 4u)) ^ s) * 277803737u;
  return bitcast<i32>((w >> 22u) ^ w);
}
`
