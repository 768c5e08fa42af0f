package clang

import (
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// A schedule says in which loop every node of a kernel is computed.
//
//	uniforms                       once
//	tables                         once per column
//	for every block of rows:
//	  for every stage:
//	    row loop                   what is known of every row by now
//	    for every row: column loop reductions, stores, kept values
//
// A value behind a reduction belongs to a later stage. What an earlier stage
// already computed for an element is computed again, or kept in scratch where
// that is cheaper.
type schedule struct {
	graph  *graph
	flat   bool
	adds   bool
	stores []store
	stages []stage
	tables []*node
	kept   []*node // in the order of their scratch
}

type store struct {
	kernel.Store
	value *node
	index *node // of the element; of column 0 if unit
	unit  bool
	stage int
}

// perRow tells whether the store happens once per row.
func (s *store) perRow() bool { return !s.unit && !s.index.col && !s.value.col }

type stage struct {
	rows      []*node  // computed in the row loop
	rowStores []*store // done in the row loop
	reduce    []*node
	stores    []*store // done in the column loop
	keep      []*node  // computed in the column loop and kept
}

// keepFrom is the cost from which a value is kept rather than computed again:
// a store and a load, which miss the first cache at worst.
const keepFrom = 10

// tableFrom is the cost from which a value that every row computes alike is
// kept in a table.
const tableFrom = 8

func newSchedule(k *kernel.Kernel) *schedule {
	g := newGraph(k)
	s := &schedule{graph: g, flat: isFlat(k)}
	if s.flat {
		g.flat = g.op(kernel.OpCol)
		g.flat.row = true // every element is its own: no tables
	}
	for _, st := range k.Stores {
		s.adds = s.adds || st.Add
		n := store{Store: st, value: g.lower(st.Value), index: g.lower(st.Index)}
		if base := g.base(n.index); base != nil {
			n.index, n.unit = base, true
		}
		n.stage = max(n.value.stage, n.index.stage)
		s.stores = append(s.stores, n)
	}
	s.place()
	return s
}

func (s *schedule) place() {
	last := 0
	for i := range s.stores {
		last = max(last, s.stores[i].stage)
	}
	s.stages = make([]stage, last+1)
	for i := range s.stores {
		st := &s.stores[i]
		if st.perRow() {
			s.stages[st.stage].rowStores = append(s.stages[st.stage].rowStores, st)
		} else {
			s.stages[st.stage].stores = append(s.stages[st.stage].stores, st)
		}
	}
	for _, n := range s.reachable() {
		if n.op.IsReduce() {
			s.stages[n.stage-1].reduce = append(s.stages[n.stage-1].reduce, n)
		}
	}
	s.chooseKept()
	s.chooseTables()
	for _, n := range s.reachable() {
		if n.level() == perRow && !n.op.IsReduce() && !n.trivial() {
			s.stages[n.stage].rows = append(s.stages[n.stage].rows, n)
		}
	}
}

// reachable lists the nodes that the stores need, arguments first.
func (s *schedule) reachable() []*node {
	seen := map[*node]bool{}
	for i := range s.stores {
		mark(s.stores[i].value, seen, nil)
		mark(s.stores[i].index, seen, nil)
	}
	return sorted(seen)
}

// mark adds n and its arguments to seen, not looking behind nodes for which
// stop holds.
func mark(n *node, seen map[*node]bool, stop func(*node) bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if stop != nil && stop(n) {
		return
	}
	for _, a := range n.args {
		mark(a, seen, stop)
	}
}

// sorted lists a set by number: arguments come before their users.
func sorted(set map[*node]bool) []*node {
	list := make([]*node, 0, len(set))
	for n := range set {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *node) int { return a.id - b.id })
	return list
}

// trivial tells whether a per-row value is cheaper to compute where it is
// used than to keep: the row itself, or one operation on it.
func (n *node) trivial() bool {
	if n.level() != perRow || n.op == kernel.OpLoad || n.op.IsReduce() || n.weight > 2 {
		return false
	}
	for _, a := range n.args {
		if a.level() == perRow && a.op != kernel.OpRow {
			return false
		}
	}
	return true
}

// roots are the values that the column loop of stage i must produce.
func (s *schedule) roots(i int) []*node {
	st := &s.stages[i]
	var roots []*node
	for _, r := range st.reduce {
		roots = append(roots, r.args[0])
	}
	for _, x := range st.stores {
		roots = append(roots, x.value, x.index)
	}
	return append(roots, st.keep...)
}

// columns lists the nodes that the column loop of stage i mentions. Behind
// those of other levels, and behind values kept by earlier stages, nothing is
// needed.
func (s *schedule) columns(i int) []*node {
	seen := map[*node]bool{}
	for _, r := range s.roots(i) {
		mark(r, seen, func(n *node) bool {
			switch n.level() {
			case uniform, perRow:
				return true
			case perCol:
				return slices.Contains(s.tables, n)
			}
			return s.keptBefore(n, i)
		})
	}
	return sorted(seen)
}

// keptBefore tells whether an earlier stage than i keeps n.
func (s *schedule) keptBefore(n *node, i int) bool {
	for j := range i {
		if slices.Contains(s.stages[j].keep, n) {
			return true
		}
	}
	return false
}

// chooseKept finds, users before arguments, the values that several stages
// need and that cost too much to compute twice.
func (s *schedule) chooseKept() {
	for id := len(s.graph.nodes) - 1; id >= 0; id-- {
		n := s.graph.nodes[id]
		if n.level() != perElem || cost(n, perElem) < keepFrom {
			continue
		}
		var users []int
		for i := range s.stages {
			if slices.Contains(s.columns(i), n) {
				users = append(users, i)
			}
		}
		if len(users) > 1 {
			first := &s.stages[users[0]]
			first.keep = append(first.keep, n)
			s.kept = append(s.kept, n)
		}
	}
}

// chooseTables finds the expensive values of the columns alone.
func (s *schedule) chooseTables() {
	if s.flat {
		return
	}
	wanted := map[*node]bool{}
	want := func(n *node) {
		if n.level() == perCol && cost(n, perCol) >= tableFrom {
			wanted[n] = true
		}
	}
	for i := range s.stages {
		for _, r := range s.roots(i) {
			want(r)
		}
		for _, n := range s.columns(i) {
			if n.level() == perElem {
				for _, a := range n.args {
					want(a)
				}
			}
		}
	}
	s.tables = sorted(wanted)
}

// cost is the weight of n and of everything of its level behind it.
func cost(n *node, l level) int {
	seen := map[*node]bool{}
	mark(n, seen, func(n *node) bool { return n.level() != l })
	sum := 0
	for m := range seen {
		if m.level() == l {
			sum += m.weight
		}
	}
	return sum
}

// arrays lists the per-row values that outlive their row loop: those that
// column loops or later row loops mention.
func (s *schedule) arrays() map[*node]bool {
	out := map[*node]bool{}
	add := func(n *node) {
		if n.level() == perRow && !n.trivial() {
			out[n] = true
		}
	}
	for i := range s.stages {
		st := &s.stages[i]
		for _, n := range st.reduce {
			out[n] = true
		}
		for _, n := range s.columns(i) {
			add(n)
			if n.level() != perElem && n.level() != perCol {
				continue
			}
			for _, a := range n.args {
				add(a)
			}
		}
		for _, n := range st.rows {
			for _, a := range n.args {
				if a.stage < n.stage {
					add(a)
				}
			}
		}
		for _, x := range st.rowStores {
			for _, a := range []*node{x.value, x.index} {
				if a.stage < x.stage {
					add(a)
				}
			}
		}
	}
	return out
}
