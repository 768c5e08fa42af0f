package clang

import (
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
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
	graph  *lower.Graph
	flat   bool
	adds   bool
	stores []store
	stages []stage
	tables []*lower.Node
	kept   []*lower.Node // in the order of their scratch
}

type store struct {
	kernel.Store
	value *lower.Node
	index *lower.Node // of the element; of column 0 if unit
	unit  bool
	stage int
}

// perRow tells whether the store happens once per row.
func (s *store) perRow() bool { return !s.unit && !s.index.Col && !s.value.Col }

type stage struct {
	rows      []*lower.Node // computed in the row loop
	rowStores []*store      // done in the row loop
	reduce    []*lower.Node
	stores    []*store      // done in the column loop
	keep      []*lower.Node // computed in the column loop and kept
}

// keepFrom is the cost from which a value is kept rather than computed again:
// a store and a load, which miss the first cache at worst.
const keepFrom = 10

// tableFrom is the cost from which a value that every row computes alike is
// kept in a table.
const tableFrom = 8

func newSchedule(k *kernel.Kernel) *schedule {
	flat := lower.IsFlat(k)
	g := lower.New(k, lower.Options{Units: true, Flat: flat})
	s := &schedule{graph: g, flat: flat}
	for _, st := range k.Stores {
		s.adds = s.adds || st.Add
		n := store{Store: st, value: g.Lower(st.Value), index: g.Lower(st.Index)}
		if base := g.Base(n.index); base != nil {
			n.index, n.unit = base, true
		}
		n.stage = max(n.value.Stage, n.index.Stage)
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
		if n.Op.IsReduce() {
			s.stages[n.Stage-1].reduce = append(s.stages[n.Stage-1].reduce, n)
		}
	}
	s.chooseKept()
	s.chooseTables()
	for _, n := range s.reachable() {
		if n.Level() == lower.PerRow && !n.Op.IsReduce() && !trivial(n) {
			s.stages[n.Stage].rows = append(s.stages[n.Stage].rows, n)
		}
	}
}

// reachable lists the nodes that the stores need, arguments first.
func (s *schedule) reachable() []*lower.Node {
	seen := map[*lower.Node]bool{}
	for i := range s.stores {
		mark(s.stores[i].value, seen, nil)
		mark(s.stores[i].index, seen, nil)
	}
	return sorted(seen)
}

// mark adds n and its arguments to seen, not looking behind nodes for which
// stop holds.
func mark(n *lower.Node, seen map[*lower.Node]bool, stop func(*lower.Node) bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if stop != nil && stop(n) {
		return
	}
	for _, a := range n.Args {
		mark(a, seen, stop)
	}
}

// sorted lists a set by number: arguments come before their users.
func sorted(set map[*lower.Node]bool) []*lower.Node {
	list := make([]*lower.Node, 0, len(set))
	for n := range set {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *lower.Node) int { return a.ID - b.ID })
	return list
}

// trivial tells whether a per-row value is cheaper to compute where it is
// used than to keep: the row itself, or one operation on it.
func trivial(n *lower.Node) bool {
	if n.Level() != lower.PerRow || n.Op == kernel.OpLoad || n.Op.IsReduce() || n.Weight > 2 {
		return false
	}
	for _, a := range n.Args {
		if a.Level() == lower.PerRow && a.Op != kernel.OpRow {
			return false
		}
	}
	return true
}

// roots are the values that the column loop of stage i must produce.
func (s *schedule) roots(i int) []*lower.Node {
	st := &s.stages[i]
	var roots []*lower.Node
	for _, r := range st.reduce {
		roots = append(roots, r.Args[0])
	}
	for _, x := range st.stores {
		roots = append(roots, x.value, x.index)
	}
	return append(roots, st.keep...)
}

// columns lists the nodes that the column loop of stage i mentions. Behind
// those of other levels, and behind values kept by earlier stages, nothing is
// needed.
func (s *schedule) columns(i int) []*lower.Node {
	seen := map[*lower.Node]bool{}
	for _, r := range s.roots(i) {
		mark(r, seen, func(n *lower.Node) bool {
			switch n.Level() {
			case lower.Uniform, lower.PerRow:
				return true
			case lower.PerCol:
				return slices.Contains(s.tables, n)
			}
			return s.keptBefore(n, i)
		})
	}
	return sorted(seen)
}

// keptBefore tells whether an earlier stage than i keeps n.
func (s *schedule) keptBefore(n *lower.Node, i int) bool {
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
	for id := len(s.graph.Nodes) - 1; id >= 0; id-- {
		n := s.graph.Nodes[id]
		if n.Level() != lower.PerElem || cost(n, lower.PerElem) < keepFrom {
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
	wanted := map[*lower.Node]bool{}
	want := func(n *lower.Node) {
		if n.Level() == lower.PerCol && cost(n, lower.PerCol) >= tableFrom {
			wanted[n] = true
		}
	}
	for i := range s.stages {
		for _, r := range s.roots(i) {
			want(r)
		}
		for _, n := range s.columns(i) {
			if n.Level() == lower.PerElem {
				for _, a := range n.Args {
					want(a)
				}
			}
		}
	}
	s.tables = sorted(wanted)
}

// cost is the weight of n and of everything of its level behind it.
func cost(n *lower.Node, l lower.Level) int {
	seen := map[*lower.Node]bool{}
	mark(n, seen, func(n *lower.Node) bool { return n.Level() != l })
	sum := 0
	for m := range seen {
		if m.Level() == l {
			sum += m.Weight
		}
	}
	return sum
}

// arrays lists the per-row values that outlive their row loop: those that
// column loops or later row loops mention.
func (s *schedule) arrays() map[*lower.Node]bool {
	out := map[*lower.Node]bool{}
	add := func(n *lower.Node) {
		if n.Level() == lower.PerRow && !trivial(n) {
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
			if n.Level() != lower.PerElem && n.Level() != lower.PerCol {
				continue
			}
			for _, a := range n.Args {
				add(a)
			}
		}
		for _, n := range st.rows {
			for _, a := range n.Args {
				if a.Stage < n.Stage {
					add(a)
				}
			}
		}
		for _, x := range st.rowStores {
			for _, a := range []*lower.Node{x.value, x.index} {
				if a.Stage < x.stage {
					add(a)
				}
			}
		}
	}
	return out
}
