package glsl

import (
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// An inversion says how to find the rows and columns at which the index of an
// adding store has a given value, without trying all of them.
//
// An index is often a number of several digits, (d2*r1 + d1)*r0 + d0, each digit
// within its radix whatever the row and the column. Then the index has the
// value o where every digit has that of o, and digits say something about the
// row or the column alone:
//
//   - the column itself, or its remainder by the radix: the columns are one, or
//     every r-th;
//   - a digit of the row, or a sum of one and something that the column
//     decides: that digit of the row is known;
//   - anything else has to be tried.
//
// A digit may also be such a sum limited to its radix, where the value is 0
// beyond the limits: what is limited adds nothing.
type inversion struct {
	digits []digit // the lowest first
	column int     // the digit that tells the column, or -1
	whole  bool    // it is the column, not a remainder
	rows   []known // of the row's digits, the lowest first
	radix  []*lower.Node
	unique bool // all of the row's digits are known
	tests  []int
}

// digit is a digit of an index; the highest has no radix.
type digit struct{ node, radix *lower.Node }

// known is a digit of the row: that of the index, less the rest.
type known struct {
	digit int
	rest  []term
}

// term is part of a sum.
type term struct {
	node     *lower.Node
	negative bool
}

func invert(s *store) *inversion {
	v := &inversion{digits: digits(s.index), column: -1}
	solved := map[int]known{}         // by place in the row
	chains := map[int][]*lower.Node{} // what the places below divide by, and the place itself
	for i, d := range v.digits {
		switch {
		case v.column < 0 && d.node.Op == kernel.OpCol && d.radix != nil && d.radix.Op == kernel.OpCols:
			v.column, v.whole = i, true
			continue
		case v.column < 0 && isRemainder(d.node, d.radix) && dividend(d.node).Op == kernel.OpCol:
			v.column = i
			continue
		}
		if at, chain, rest, ok := rowDigit(d, s.value); ok {
			if _, twice := solved[at]; !twice {
				solved[at], chains[at] = known{i, rest}, chain
				continue
			}
		}
		v.tests = append(v.tests, i)
	}
	v.takeRows(solved, chains)
	return v
}

// takeRows takes the known digits of the row from the lowest on, as far as
// they go; those beyond a gap are tests.
func (v *inversion) takeRows(solved map[int]known, chains map[int][]*lower.Node) {
	for at := 0; ; at++ {
		k, ok := solved[at]
		if !ok || !begins(chains[at], v.radix) {
			break
		}
		delete(solved, at)
		v.rows = append(v.rows, k)
		if len(chains[at]) == at { // the highest
			v.unique = true
			break
		}
		v.radix = chains[at]
	}
	for _, k := range solved {
		v.tests = append(v.tests, k.digit)
	}
	slices.Sort(v.tests)
}

func begins(list, with []*lower.Node) bool {
	if len(list) < len(with) {
		return false
	}
	for i, n := range with {
		if list[i] != n {
			return false
		}
	}
	return true
}

// digits takes an index apart.
func digits(n *lower.Node) []digit {
	if n.Op == kernel.OpAdd {
		for i, m := range n.Args {
			low := n.Args[1-i]
			if m.Op != kernel.OpMul {
				continue
			}
			for j, radix := range m.Args {
				if radix.Level() == lower.Uniform && within(low, radix) {
					return append([]digit{{low, radix}}, digits(m.Args[1-j])...)
				}
			}
		}
	}
	return []digit{{node: n}}
}

// within tells whether 0 <= n < radix by the form of n.
func within(n, radix *lower.Node) bool {
	switch n.Op {
	case kernel.OpCol:
		return radix.Op == kernel.OpCols
	case kernel.OpRow:
		return radix.Op == kernel.OpRows
	case kernel.OpMin:
		return limited(n, radix) != nil
	}
	return isRemainder(n, radix)
}

// limited is x where n is x limited to 0 to radix-1.
func limited(n, radix *lower.Node) *lower.Node {
	if n.Op != kernel.OpMin || radix == nil {
		return nil
	}
	low, top := n.Args[0], n.Args[1]
	if top.Op != kernel.OpSub || top.Args[0] != radix || !top.Args[1].IsConst(1) {
		return nil
	}
	if low.Op != kernel.OpMax || !low.Args[1].IsConst(0) {
		return nil
	}
	return low.Args[0]
}

// isRemainder tells whether n is x - x/radix*radix.
func isRemainder(n, radix *lower.Node) bool {
	if n.Op != kernel.OpSub || n.Args[1].Op != kernel.OpMul || radix == nil {
		return false
	}
	m := n.Args[1].Args
	for i, q := range m {
		if q.Op == kernel.OpDiv && q.Args[0] == n.Args[0] && q.Args[1] == m[1-i] && m[1-i] == radix {
			return true
		}
	}
	return false
}

// dividend is x of a remainder of x.
func dividend(n *lower.Node) *lower.Node { return n.Args[0] }

// rowDigit finds the digit of the row that d tells: its place, what the places
// below it and, unless it is the highest, itself divide by, and what has to be
// subtracted from d.
func rowDigit(d digit, value *lower.Node) (at int, chain []*lower.Node, rest []term, ok bool) {
	sum := d.node
	if x := limited(d.node, d.radix); x != nil {
		if !zeroOutside(value, x, d.radix) {
			return 0, nil, nil, false
		}
		sum = x
	}
	found := false
	for _, t := range terms(sum, false) {
		place, c, isDigit := placeInRow(t.node)
		switch {
		case isDigit && !found && !t.negative:
			at, chain, found = place, c, true
		case t.node.Row:
			return 0, nil, nil, false
		default:
			rest = append(rest, t)
		}
	}
	return at, chain, rest, found
}

// placeInRow tells which digit of the row n is.
func placeInRow(n *lower.Node) (at int, chain []*lower.Node, ok bool) {
	if n.Op == kernel.OpSub && n.Args[1].Op == kernel.OpMul {
		for _, radix := range n.Args[1].Args {
			if below, ok := quotients(n.Args[0]); ok && isRemainder(n, radix) {
				return len(below), append(below, radix), true
			}
		}
	}
	below, ok := quotients(n)
	return len(below), below, ok
}

// quotients lists what the row is divided by to give n.
func quotients(n *lower.Node) ([]*lower.Node, bool) {
	switch n.Op {
	case kernel.OpRow:
		return nil, true
	case kernel.OpDiv:
		below, ok := quotients(n.Args[0])
		return append(below[:len(below):len(below)], n.Args[1]), ok && !n.Args[1].Row && !n.Args[1].Col
	}
	return nil, false
}

// terms takes a sum apart.
func terms(n *lower.Node, negative bool) []term {
	if _, _, ok := placeInRow(n); !ok && (n.Op == kernel.OpAdd || n.Op == kernel.OpSub) {
		return append(terms(n.Args[0], negative), terms(n.Args[1], negative != (n.Op == kernel.OpSub))...)
	}
	return []term{{n, negative}}
}

// zeroOutside tells whether value is a product that is 0 unless 0 <= x < radix.
func zeroOutside(value, x, radix *lower.Node) bool {
	low, high := false, false
	for _, f := range factors(value) {
		if f.Op != kernel.OpLt {
			continue
		}
		low = low || f.Args[0].IsConst(-1) && f.Args[1] == x
		high = high || f.Args[0] == x && f.Args[1] == radix
	}
	return low && high
}

func factors(n *lower.Node) []*lower.Node {
	if n.Op != kernel.OpMul {
		return []*lower.Node{n}
	}
	return append(factors(n.Args[0]), factors(n.Args[1])...)
}

// inStep tells whether n is the same for four columns that begin at a multiple
// of 4, where radix is one: whether it sees columns only divided by radix.
func inStep(n, radix *lower.Node) bool {
	switch {
	case !n.Col:
		return true
	case n.Op == kernel.OpCol || n.Unit:
		return false
	case n.Op == kernel.OpDiv && n.Args[0].Op == kernel.OpCol && hasFactor(n.Args[1], radix):
		return true
	}
	for _, a := range n.Args {
		if !inStep(a, radix) {
			return false
		}
	}
	return true
}

func hasFactor(n, radix *lower.Node) bool {
	for _, f := range factors(n) {
		if f == radix {
			return true
		}
	}
	return false
}
