package wgsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// value is the name of a value: of one number, or of four for the elements
// that an invocation handles together.
type value struct {
	text string
	wide bool
}

// scope prints the values of one block. A value that the enclosing block can
// know is printed there, once for all.
type scope struct {
	*unit
	*lines
	parent *scope
	holds  func(*lower.Node) bool // what is printed here rather than in a block inside
	names  map[*lower.Node]value
	place  *place
	wides  int // vectors named so far
}

// place is where a block stands in the iteration space: at one element, or at
// four. Coordinates are printed when they are first asked for.
type place struct {
	flat bool // a column is the dense index
	wide bool // four elements
	// quad says that four elements are those of whole words, and all there.
	quad     bool
	row, col func() value
	here     func() value
	first    string                                 // the dense index of four that follow one another
	there    func(j int) string                     // tells of element j of four whether it is there; nil: it is
	acc      func(s *scope) value                   // the accumulator
	kept     func(n *lower.Node) (v value, ok bool) // values that another loop left
}

func newScope(u *unit, indent string, at *place) *scope {
	return &scope{unit: u, lines: &lines{indent: indent}, names: map[*lower.Node]value{}, place: at}
}

// inside opens a block inside s.
func (s *scope) inside(at *place) *scope {
	return &scope{unit: s.unit, lines: s.block(), parent: s, names: map[*lower.Node]value{}, place: at}
}

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
	h := s.home(n)
	if v, ok := h.names[n]; ok {
		return v
	}
	v := h.print(n)
	h.names[n] = v
	return v
}

func (s *scope) print(n *lower.Node) value {
	at := s.place
	if at != nil && at.kept != nil {
		if v, ok := at.kept(n); ok {
			return v
		}
	}
	switch {
	case n.Op == kernel.OpParam:
		return s.let(n, value{text: s.own(int(n.K))})
	case n.Op == kernel.OpRows:
		return s.let(n, value{text: s.head("rows")})
	case n.Op == kernel.OpCols:
		return s.let(n, value{text: s.head("cols")})
	case at.isHere(n):
		return at.here()
	case n.Op == kernel.OpRow:
		return at.row()
	case n.Op == kernel.OpCol:
		return at.col()
	case n.Op == kernel.OpAcc:
		return s.let(n, at.acc(s))
	case n.Op == kernel.OpLoad:
		return s.let(n, s.load(n))
	}
	return s.let(n, s.apply(n))
}

func (at *place) isHere(n *lower.Node) bool {
	return at != nil && (n.IsHere() || at.flat && n.Op == kernel.OpCol)
}

// let names v after n.
func (s *scope) let(n *lower.Node, v value) value {
	name := fmt.Sprintf("v%d", n.ID)
	s.add("let %s = %s;", name, v.text)
	return value{text: name, wide: v.wide}
}
