package ptx

import (
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// unit is an entry for a kernel: what its scopes share.
type unit struct {
	*entry
	kernel *kernel.Kernel
	graph  *lower.Graph
	width  int // consecutive columns that a thread has together: 1, or 4 where rows are whole fours
	stores []*store
}

// store is a kernel's store, lowered.
type store struct {
	kernel.Store
	dtype kernel.DType
	value *lower.Node
	index *lower.Node // of column 0 if unit
	unit  bool        // along the row
	stage int         // how many reductions come before
}

// perRow tells whether the store happens once per row.
func (s *store) perRow() bool { return !s.unit && !s.index.Col && !s.value.Col }

func newUnit(e *entry, k *kernel.Kernel, width int) *unit {
	u := &unit{
		entry: e, kernel: k, width: width,
		graph: lower.New(k, lower.Options{Units: true, Flat: lower.IsFlat(k)}),
	}
	for _, s := range k.Stores {
		n := &store{Store: s, dtype: k.Bufs[s.Buf].DType, value: u.graph.Lower(s.Value), index: u.graph.Lower(s.Index)}
		if base := u.graph.Base(n.index); base != nil {
			n.index, n.unit = base, true
		}
		n.stage = max(n.value.Stage, n.index.Stage)
		u.stores = append(u.stores, n)
	}
	return u
}

// rows and cols are the extents of the iteration space; extra is parameter i
// of those that come after them.
func (u *unit) rows() string       { return u.param(len(u.kernel.Params)) }
func (u *unit) cols() string       { return u.param(len(u.kernel.Params) + 1) }
func (u *unit) extra(i int) string { return u.param(len(u.kernel.Params) + 2 + i) }

// A scope is a stretch of straight code in which a thread has some columns of
// one row. A value is computed where it is first asked for, once, and may be
// used until the scope ends; an inner scope, such as the body of a loop, also
// sees what its outer one has computed.
type scope struct {
	*unit
	up   *scope
	row  string
	vecs []string // the first column of each group of width columns
	acc  []string // the accumulator at each column

	values map[*lower.Node][]string
	conds  map[*lower.Node][]string
	places map[place]string
	cells  []string // each column, once asked for
}

func (u *unit) scope(row string, vecs ...string) *scope {
	return &scope{
		unit: u, row: row, vecs: vecs,
		values: map[*lower.Node][]string{}, conds: map[*lower.Node][]string{}, places: map[place]string{},
		cells: make([]string, len(vecs)*u.width),
	}
}

// inner is a scope within s, which goes on after it ends.
func (s *scope) inner(row string, vecs ...string) *scope {
	in := s.unit.scope(row, vecs...)
	in.up = s
	return in
}

// copies is how many columns the thread has.
func (s *scope) copies() int { return len(s.vecs) * s.width }

// value is n at every column, or one value if it is the same at all.
func (s *scope) value(n *lower.Node) []string {
	for o := s; o != nil; o = o.up {
		if v := o.values[n]; v != nil {
			return v
		}
	}
	v := s.compute(n)
	s.values[n] = v
	return v
}

// spread is value with one entry for every column.
func (s *scope) spread(n *lower.Node) []string {
	if v := s.value(n); len(v) > 1 || s.copies() == 1 {
		return v
	}
	return slices.Repeat(s.value(n), s.copies())
}

// one is the value of what is the same at every column.
func (s *scope) one(n *lower.Node) string { return s.value(n)[0] }

// at is entry i of a value.
func at(v []string, i int) string {
	if len(v) == 1 {
		return v[0]
	}
	return v[i]
}

// column is the number of column i of the scope.
func (s *scope) column(i int) string {
	if s.cells[i] == "" {
		s.cells[i] = s.vecs[i/s.width]
		if j := i % s.width; j > 0 {
			s.cells[i] = s.let("add.s32", s.cells[i], literal(j))
		}
	}
	return s.cells[i]
}

// hoist computes here whatever roots need of which keep holds, so that inner
// scopes find it.
func (s *scope) hoist(keep func(*lower.Node) bool, roots ...*lower.Node) {
	seen := map[*lower.Node]bool{}
	var visit func(n *lower.Node)
	visit = func(n *lower.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if keep(n) {
			s.value(n)
			return
		}
		for _, a := range n.Args {
			visit(a)
		}
	}
	for _, n := range roots {
		visit(n)
	}
}

func (s *scope) compute(n *lower.Node) []string {
	switch n.Op {
	case kernel.OpConst:
		return []string{literal(n.K)}
	case kernel.OpParam:
		return []string{s.param(int(n.K))}
	case kernel.OpRows:
		return []string{s.rows()}
	case kernel.OpCols:
		return []string{s.cols()}
	case kernel.OpRow:
		return []string{s.row}
	case kernel.OpAcc:
		return s.acc
	case kernel.OpLoad:
		return s.load(n)
	}
	v := make([]string, 1)
	if n.Col {
		v = make([]string, s.copies())
	}
	if n.Op == kernel.OpCol {
		for i := range v {
			v[i] = s.column(i)
		}
		return v
	}
	if n.Op == kernel.OpLt || n.Op == kernel.OpEq {
		for i, p := range s.cond(n) {
			v[i] = s.let("selp.s32", "1", "0", p)
		}
		return v
	}
	if n.Op == kernel.OpSelect {
		p, x, y := s.cond(n.Args[0]), s.value(n.Args[1]), s.value(n.Args[2])
		for i := range v {
			v[i] = s.let("selp.s32", at(x, i), at(y, i), at(p, i))
		}
		return v
	}
	args := make([][]string, len(n.Args))
	for i, a := range n.Args {
		args[i] = s.value(a)
	}
	for i := range v {
		a := make([]string, len(args))
		for j := range a {
			a[j] = at(args[j], i)
		}
		v[i] = s.apply(n, a)
	}
	return v
}

// cond is whether n is not 0, as predicates.
func (s *scope) cond(n *lower.Node) []string {
	for o := s; o != nil; o = o.up {
		if p := o.conds[n]; p != nil {
			return p
		}
	}
	var p []string
	switch n.Op {
	case kernel.OpLt, kernel.OpEq:
		op := "lt.s32"
		if n.Op == kernel.OpEq {
			op = "eq.s32"
		}
		x, y := s.value(n.Args[0]), s.value(n.Args[1])
		for i := range max(len(x), len(y)) {
			p = append(p, s.when(op, at(x, i), at(y, i)))
		}
	default:
		for _, v := range s.value(n) {
			p = append(p, s.when("ne.s32", v, "0"))
		}
	}
	s.conds[n] = p
	return p
}
