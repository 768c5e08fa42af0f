package wgsl

import (
	"fmt"
	"hash/fnv"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// shape is what the printer knows of a kernel, whatever the instance.
type shape struct {
	kernel *kernel.Kernel
	id     string // of the kernel in keys
	flat   bool
	rows   bool // reduces rows, or stores once a row
	stores []store
	stages int             // reductions that lie behind one another, plus one
	reduce [][]*lower.Node // by stage: those whose arguments the stage knows

	narrow    bool // an output at Here is i8 or i16: invocations handle four elements
	narrowRow bool // one at Row is

	here []bool // buffers that are touched nowhere but at Here
}

// store is where a value goes.
type store struct {
	mem          int
	index, value *lower.Node
	kind         storeKind
}

type storeKind int

const (
	dense  storeKind = iota // at Here
	atRow                   // at Row
	adding                  // anywhere, added to what others add
)

// perRow tells whether the store happens once a row, not at every column.
func (s *store) perRow() bool {
	return s.kind == atRow || s.kind == adding && !s.index.Col && !s.value.Col
}

func shapeOf(k *kernel.Kernel, id string) *shape {
	s := &shape{kernel: k, id: id, flat: lower.IsFlat(k)}
	g := lower.New(k, lower.Options{Flat: s.flat})
	seen := map[*lower.Node]bool{}
	for _, st := range k.Stores {
		n := store{mem: st.Buf, index: g.Lower(st.Index), value: g.Lower(st.Value)}
		small := k.Bufs[st.Buf].DType != kernel.I32
		switch {
		case st.Add:
			n.kind = adding
		case n.index.Op == kernel.OpRow:
			n.kind, s.rows = atRow, true
			s.narrowRow = s.narrowRow || small
		default:
			s.narrow = s.narrow || small
		}
		s.stores = append(s.stores, n)
		reach(n.index, seen)
		reach(n.value, seen)
		s.stages = max(s.stages, n.index.Stage+1, n.value.Stage+1)
	}
	s.reduce = make([][]*lower.Node, s.stages)
	s.here = make([]bool, len(k.Bufs))
	for i := range s.here {
		s.here[i] = true
	}
	if c := k.Contract; c != nil {
		s.here[c.A], s.here[c.B] = false, false
	}
	for i := range s.stores {
		if st := &s.stores[i]; st.kind != dense {
			s.here[st.mem] = false
		}
	}
	for _, n := range g.Nodes {
		if seen[n] && n.Op == kernel.OpLoad && !s.isHere(n.Args[0]) {
			s.here[n.K] = false
		}
		if seen[n] && n.Op.IsReduce() {
			s.rows = true
			s.reduce[n.Stage-1] = append(s.reduce[n.Stage-1], n)
		}
	}
	return s
}

// isHere tells whether n is the dense index.
func (s *shape) isHere(n *lower.Node) bool { return n.IsHere() || s.flat && n.Op == kernel.OpCol }

// reach adds n and what it is made of to seen.
func reach(n *lower.Node, seen map[*lower.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, a := range n.Args {
		reach(a, seen)
	}
}

// identify names a kernel by its name and a digest of what it computes: there
// may be several of one name, simplified for different ranges.
func identify(k *kernel.Kernel) string {
	h := fnv.New64a()
	put := func(v ...int) {
		for _, x := range v {
			h.Write([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24)})
		}
	}
	put(len(k.Params))
	for _, b := range k.Bufs {
		put(int(b.DType), truth(b.Out))
	}
	ids := map[*kernel.Expr]int{}
	k.Walk(func(e *kernel.Expr) {
		ids[e] = len(ids)
		put(int(e.Op), int(e.K))
		for _, a := range e.Args {
			put(ids[a])
		}
	})
	for _, s := range k.Stores {
		put(s.Buf, ids[s.Index], ids[s.Value], truth(s.Add))
	}
	if c := k.Contract; c != nil {
		put(c.A, c.B, c.M, c.B1, c.K, c.AOff, c.AB0, c.AB1, c.AM, c.AK, c.BOff, c.BB0, c.BB1, c.BN, c.BK)
	}
	return fmt.Sprintf("%s@%08x", k.Name, uint32(h.Sum64()^h.Sum64()>>32))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
