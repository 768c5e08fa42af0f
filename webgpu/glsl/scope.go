package glsl

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// value is the name of a value: of one number, or of four that the fragment
// handles together.
type value struct {
	text string
	wide bool
}

// view is how a block sees the iteration space.
type view struct {
	row, col value // the rows and the columns it handles
	// first is the first of four consecutive columns, a multiple of 4.
	first string
	// line is the first of four consecutive rows, a multiple of 4.
	line string
	// own says that the fragment's texel is where those four lie in a dense
	// tensor.
	own bool
	// quad says that rows are whole texels.
	quad bool
	// stage is the last whose reductions were done by earlier passes.
	stage int
	// now are values of this pass: what it has just reduced.
	now map[*lower.Node]value
}

// scope prints the values of one block. A value that the enclosing block can
// know is printed there, once for all.
type scope struct {
	*shader
	*lines
	module *module
	parent *scope
	holds  func(*lower.Node) bool // what is printed here rather than in a block inside
	view   view
	names  map[*lower.Node]value
	texts  map[string]string
}

func (m *module) scope(s *shader, v view) *scope {
	return &scope{
		shader: s, lines: &lines{indent: "  "}, module: m, view: v,
		holds: func(n *lower.Node) bool { return n.Level() == lower.Uniform },
		names: map[*lower.Node]value{}, texts: map[string]string{},
	}
}

// inside opens a block inside s.
func (s *scope) inside(v view, holds func(*lower.Node) bool) *scope {
	return &scope{
		shader: s.shader, lines: &lines{indent: s.indent}, module: s.module, parent: s, view: v, holds: holds,
		names: map[*lower.Node]value{}, texts: map[string]string{},
	}
}

// ofRow holds what does not depend on the column.
func ofRow(n *lower.Node) bool { return !n.Col }

// home is the block that prints n.
func (s *scope) home(n *lower.Node) *scope {
	for s.parent != nil && s.parent.holds(n) {
		s = s.parent
	}
	return s
}

// value prints n where it belongs, if it was not, and names it.
func (s *scope) value(n *lower.Node) value {
	if n.Op == kernel.OpConst {
		return value{text: literal(n.K)}
	}
	if v, ok := s.view.now[n]; ok {
		return v
	}
	h := s.home(n)
	if v, ok := h.names[n]; ok {
		return v
	}
	v := h.print(n)
	h.names[n] = v
	return v
}

func (s *scope) print(n *lower.Node) value {
	if v, ok := s.view.now[n]; ok {
		return v
	}
	if v, ok := s.kept(n); ok {
		return v
	}
	switch n.Op {
	case kernel.OpParam:
		return value{text: s.word(fmt.Sprintf("p%d", n.K))}
	case kernel.OpRows:
		return value{text: s.word("rows")}
	case kernel.OpCols:
		return value{text: s.word("cols")}
	case kernel.OpRow:
		return s.view.row
	case kernel.OpCol:
		return s.view.col
	case kernel.OpAcc:
		return s.let(n, s.accumulator())
	case kernel.OpLoad:
		return s.let(n, s.load(n))
	}
	return s.let(n, s.apply(n))
}

// let names v after n.
func (s *scope) let(n *lower.Node, v value) value {
	name := fmt.Sprintf("v%d", n.ID)
	kind := "int"
	if v.wide {
		kind = "ivec4"
	}
	s.add("%s %s = %s;", kind, name, v.text)
	return value{name, v.wide}
}

// once prints a statement that declares name, if it was not.
func (s *scope) once(name, format string, args ...any) string {
	for at := s; at != nil; at = at.parent {
		if _, ok := at.texts[name]; ok {
			return name
		}
	}
	s.texts[name] = name
	s.add(format, args...)
	return name
}

// literal is a constant. The smallest number is not the negative of one.
func literal(v int32) string {
	switch {
	case v == -1<<31:
		return "(-2147483647 - 1)"
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
	return "ivec4(" + v.text + ")"
}

// apply is an operation on values.
func (s *scope) apply(n *lower.Node) value {
	a := make([]value, len(n.Args))
	wide := false
	for i, x := range n.Args {
		a[i] = s.value(x)
		wide = wide || a[i].wide
	}
	return value{s.operation(n, a, wide), wide}
}

// operation is the expression of n.
func (s *scope) operation(n *lower.Node, a []value, wide bool) string {
	arg := func(i int) string {
		if wide {
			return widen(a[i])
		}
		return a[i].text
	}
	// Vectors and numbers mix, except that a number is not shifted by a vector.
	infix := func(op string) string { return a[0].text + " " + op + " " + a[1].text }
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
		return arg(0) + " << " + a[1].text
	case kernel.OpSar:
		return arg(0) + " >> " + a[1].text
	case kernel.OpLt:
		return call(s.need("lt", lt))
	case kernel.OpEq:
		return call(s.need("eq", eq))
	case kernel.OpSelect:
		return call(s.need("sel", sel))
	case kernel.OpMin:
		return call("min")
	case kernel.OpMax:
		return call("max")
	case kernel.OpAbs:
		return call("abs")
	case kernel.OpBitLen:
		return call(s.need("bitlen", bitlen))
	case kernel.OpDiv:
		if n.Args[1].Bound.Lo >= 1 {
			return infix("/")
		}
		return fmt.Sprintf("%s / max(%s, 1)", a[0].text, a[1].text)
	case kernel.OpIsqrt:
		return call(s.need("isqrt", isqrt))
	case kernel.OpRand:
		return call(s.need("rand", rand))
	}
	panic(fmt.Sprintf("glsl: %s: no GLSL for %s", s.module.kernel.Name, n.Op))
}
