package glsl

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// module is every pass of one kernel: what is the same for all instances.
type module struct {
	kernel *kernel.Kernel
	key    string // begins the keys of its codes
	width  int
	tile   int // rows of a contraction's tile
	graph  *lower.Graph
	flat   bool

	stages []stage
	kept   map[*lower.Node]int // values that stages leave for later passes: where in their texels

	reductions []reduction // by stage
	elements   []form      // stores at every element
	perRow     []*pass     // stores at every row
	gathers    []*gather   // adding stores
	codes      []*launch.Code
}

// form is a pass in two forms: for rows that are whole texels, and for any.
type form struct{ quad, loose *pass }

func (f form) of(quad bool) *pass {
	if quad || f.loose == nil {
		return f.quad
	}
	return f.loose
}

// stage is what one pass over all columns finds out.
type stage struct {
	reduce []*lower.Node
	keep   []*lower.Node // of the values that it makes known
}

// store is a store of the kernel, lowered.
type store struct {
	kernel.Store
	index, value *lower.Node
}

func newModule(k *kernel.Kernel, width, tile, targets int) (*module, error) {
	m := &module{kernel: k, key: k.Name, width: width, tile: tile, flat: lower.IsFlat(k), kept: map[*lower.Node]int{}}
	m.graph = lower.New(k, lower.Options{Units: true, Flat: m.flat})
	var elements, perRow, adding []*store
	for _, st := range k.Stores {
		s := &store{Store: st, index: m.graph.Lower(st.Index), value: m.graph.Lower(st.Value)}
		switch {
		case s.Add:
			adding = append(adding, s)
		case s.index.Op == kernel.OpRow:
			perRow = append(perRow, s)
		default:
			elements = append(elements, s)
		}
	}
	m.findStages(slices.Concat(elements, perRow, adding))
	for _, st := range m.stages {
		if n := len(st.keep); n > 4*targets || len(st.reduce) > 4*targets {
			return nil, fmt.Errorf("glsl: %s: %d values of a row are more than %d targets hold", k.Name, n, targets)
		}
	}
	m.printReductions()
	for i, group := range slices.Collect(slices.Chunk(elements, targets)) {
		m.elements = append(m.elements, m.printElements(i, group))
	}
	for i, group := range slices.Collect(slices.Chunk(perRow, targets)) {
		m.perRow = append(m.perRow, m.printRows(i, group))
	}
	for _, s := range adding {
		m.gathers = append(m.gathers, m.printGather(s))
	}
	return m, nil
}

// findStages finds the reductions that the stores need and what of them has to
// be kept.
func (m *module) findStages(stores []*store) {
	seen := map[*lower.Node]bool{}
	var visit func(n *lower.Node, stage int)
	keep := func(n *lower.Node) {
		if _, ok := m.kept[n]; ok {
			return
		}
		st := m.stage(n.Stage)
		m.kept[n] = len(st.keep)
		st.keep = append(st.keep, n)
	}
	// visit walks what the passes behind a stage compute; a row's values of
	// the stage itself are computed with its reductions.
	visited := map[[2]int]bool{}
	visit = func(n *lower.Node, of int) {
		if visited[[2]int{n.ID, of}] {
			return
		}
		visited[[2]int{n.ID, of}] = true
		if n.Op.IsReduce() && !seen[n] {
			seen[n] = true
			st := m.stage(n.Stage)
			st.reduce = append(st.reduce, n)
			visit(n.Args[0], 0)
		}
		here := n.Stage == of
		if n.Level() == lower.PerRow && n.Stage > 0 && !here && (n.Op.IsReduce() || dear(n)) {
			keep(n)
			of = n.Stage
		}
		if n.Op.IsReduce() {
			return
		}
		for _, a := range n.Args {
			visit(a, of)
		}
	}
	for _, s := range stores {
		visit(s.value, 0)
		visit(s.index, 0)
	}
	for i := range m.stages {
		slices.SortFunc(m.stages[i].reduce, func(a, b *lower.Node) int { return a.ID - b.ID })
	}
}

// stage is the stage of a number, from 1.
func (m *module) stage(n int) *stage {
	for len(m.stages) < n {
		m.stages = append(m.stages, stage{})
	}
	return &m.stages[n-1]
}

// dear tells whether a value is better read than computed again.
func dear(n *lower.Node) bool {
	switch n.Op {
	case kernel.OpBitLen, kernel.OpDiv, kernel.OpIsqrt, kernel.OpRand:
		return true
	}
	return false
}

// add makes p one of the kernel's passes.
func (m *module) add(p *pass) *pass {
	m.codes = append(m.codes, p.code)
	return p
}

func (m *module) buffer(i int) memory { return memory{buf: i, dtype: m.kernel.Bufs[i].DType} }
