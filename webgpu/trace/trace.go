package trace

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/program"
)

// Trace is what one run of a program did, as digests: 32 bytes a value and two
// nodes of the tree an op, whatever the size of the tensors.
type Trace struct {
	p      *program.Program
	values []Digest // by value, inputs included
	tree   tree
}

// New makes a trace of p from the digests of all its values, the inputs first.
func New(p *program.Program, values []Digest) (*Trace, error) {
	if len(values) != p.Values() {
		return nil, fmt.Errorf("trace: %d digests, want %d: one for every value", len(values), p.Values())
	}
	if len(p.Nodes()) == 0 {
		return nil, fmt.Errorf("trace: program %s has no ops", p.ID())
	}
	t := &Trace{p: p, values: values}
	leaves := make([]Digest, len(p.Nodes()))
	for op := range leaves {
		leaves[op] = Leaf(t.Outputs(op))
	}
	t.tree = grow(leaves)
	return t, nil
}

// Program is the traced program.
func (t *Trace) Program() *program.Program { return t.p }

// Root commits to the outputs of every op.
func (t *Trace) Root() Digest { return t.tree.node(0, len(t.p.Nodes())) }

// Value is the digest of a value. Callers must not change what the methods of
// a trace return.
func (t *Trace) Value(v int) Digest { return t.values[v] }

// Outputs are the digests of an op's outputs.
func (t *Trace) Outputs(op int) []Digest {
	n := t.p.Nodes()[op]
	return t.values[n.Out : n.Out+len(n.Outputs)]
}

// Subtree is the root of the ops from lo to lo+n-1, which must be all that is
// below one node of the tree.
func (t *Trace) Subtree(lo, n int) Digest { return t.tree.node(lo, n) }

// Opening shows what a root says of one op: the digests of its outputs, and
// the siblings of its leaf on the way to the root.
type Opening struct {
	Op      int
	Outputs []Digest
	Path    []Digest
}

// Open opens one op.
func (t *Trace) Open(op int) Opening {
	return Opening{Op: op, Outputs: t.Outputs(op), Path: t.tree.path(op)}
}

// Verify tells whether an opening belongs to the root of a trace of p.
func Verify(p *program.Program, root Digest, o Opening) bool {
	nodes := p.Nodes()
	if o.Op < 0 || o.Op >= len(nodes) || len(o.Outputs) != len(nodes[o.Op].Outputs) {
		return false
	}
	got, ok := climb(Leaf(o.Outputs), o.Op, len(nodes), o.Path)
	return ok && got == root
}

// Maker is the op that makes a value, and the number of the value among its
// outputs. It is -1 for an input of the program.
func Maker(p *program.Program, value int) (op, output int) {
	nodes := p.Nodes()
	lo, hi := 0, len(nodes) // the last op whose first output is not after value
	for lo < hi {
		if mid := (lo + hi) / 2; nodes[mid].Out <= value {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return -1, 0
	}
	return lo - 1, value - nodes[lo-1].Out
}
