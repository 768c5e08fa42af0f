package freivalds

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Key is what a prover must not know before the products are fixed. Vectors
// follow from it, so that whoever is shown the key later can repeat the check.
type Key [32]byte

// NewKey draws a key from the system's source of randomness.
func NewKey() Key {
	var k Key
	rand.Read(k[:]) // never fails: the program ends instead
	return k
}

// Product is a claimed product: C, little-endian int32, is A times B, both
// int8, as Layout lays them out.
type Product struct {
	ops.Layout
	A, B, C []byte
}

// LayoutOf is the layout of an instance of a matmul kernel.
func LayoutOf(in *kernel.Instance) (ops.Layout, error) {
	c := in.Kernel.Contract
	if c == nil {
		return ops.Layout{}, fmt.Errorf("freivalds: kernel %s contracts nothing", in.Kernel.Name)
	}
	p := func(i int) int { return int(in.Params[i]) }
	return ops.Layout{
		B0: in.Rows / (p(c.M) * p(c.B1)), B1: p(c.B1), M: p(c.M), N: in.Cols, K: p(c.K),
		AOff: p(c.AOff), AB0: p(c.AB0), AB1: p(c.AB1), AM: p(c.AM), AK: p(c.AK),
		BOff: p(c.BOff), BB0: p(c.BB0), BB1: p(c.BB1), BN: p(c.BN), BK: p(c.BK),
	}, nil
}

// WrongError reports a product that is not what it claims to be: the row Row
// of batch Batch, counted over both batch dimensions, holds a wrong entry.
type WrongError struct{ Batch, Row int }

func (e *WrongError) Error() string {
	return fmt.Sprintf("freivalds: row %d of batch %d is not the product", e.Row, e.Batch)
}

// Checker checks products with vectors from one key. Every check draws its own
// vectors. It keeps its buffers between checks and is not safe for concurrent
// use.
type Checker struct {
	src     *mathrand.ChaCha8
	trials  int
	r, y    vector
	z       []uint64 // residues of B*r, and then of A*y
	scratch []sums
}

// New returns a checker that makes trials trials of every product: a wrong one
// passes with probability at most Prime^-trials.
func New(key Key, trials int) (*Checker, error) {
	if trials < 1 {
		return nil, fmt.Errorf("freivalds: trials is %d, want at least 1", trials)
	}
	return &Checker{src: mathrand.NewChaCha8(key), trials: trials}, nil
}

// Check returns nil for every exact product, and a *WrongError for a wrong one
// but for the stated probability. Any other error is about sizes that do not
// fit one another.
func (c *Checker) Check(p Product) error {
	if err := p.check(); err != nil {
		return err
	}
	for range c.trials {
		if err := c.trial(p); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checker) trial(p Product) error {
	c.r.resize(p.N, true)
	for i := range p.N {
		c.r.setWide(i, uniform(c.src))
	}
	c.y.resize(p.K, false)
	c.z = slices.Grow(c.z[:0], max(p.K, p.M))
	done := -1 // the offset whose B*r is in y: batches often share B
	for batch := range p.B0 * p.B1 {
		a, b := p.views(batch)
		if b.off != done {
			z := c.z[:p.K]
			b.times(&c.r, z, &c.scratch)
			for i, x := range z {
				c.y.set(i, x)
			}
			done = b.off
		}
		z := c.z[:p.M]
		a.times(&c.y, z, &c.scratch)
		rows := p.C[4*batch*p.M*p.N:]
		for i, x := range z {
			if wideRow(rows[4*i*p.N:4*(i+1)*p.N], &c.r) != x {
				return &WrongError{Batch: batch, Row: i}
			}
		}
	}
	return nil
}

// views are the operands of a batch: a is M x K, and b, transposed so that its
// rows run along the contraction, is K x N.
func (p Product) views(batch int) (a, b view) {
	b0, b1 := batch/p.B1, batch%p.B1
	a = view{data: p.A, off: p.AOff + b0*p.AB0 + b1*p.AB1, rows: p.M, cols: p.K, down: p.AM, across: p.AK}
	b = view{data: p.B, off: p.BOff + b0*p.BB0 + b1*p.BB1, rows: p.K, cols: p.N, down: p.BK, across: p.BN}
	return a, b
}

// check reports sizes that do not fit one another.
func (p Product) check() error {
	for _, f := range []struct {
		name      string
		v, lo, hi int
	}{
		{"b0", p.B0, 1, ops.MaxElements}, {"b1", p.B1, 1, ops.MaxElements},
		{"m", p.M, 1, ops.MaxElements}, {"n", p.N, 1, ops.MaxElements}, {"k", p.K, 1, 1 << 17},
		{"a_off", p.AOff, 0, ops.MaxElements}, {"a_b0", p.AB0, 0, ops.MaxElements}, {"a_b1", p.AB1, 0, ops.MaxElements},
		{"a_m", p.AM, 0, ops.MaxElements}, {"a_k", p.AK, 0, ops.MaxElements},
		{"b_off", p.BOff, 0, ops.MaxElements}, {"b_b0", p.BB0, 0, ops.MaxElements}, {"b_b1", p.BB1, 0, ops.MaxElements},
		{"b_n", p.BN, 0, ops.MaxElements}, {"b_k", p.BK, 0, ops.MaxElements},
	} {
		if f.v < f.lo || f.v > f.hi {
			return fmt.Errorf("freivalds: %s is %d, want %d to %d", f.name, f.v, f.lo, f.hi)
		}
	}
	elements := 1
	for _, n := range []int{p.B0, p.B1, p.M, p.N} {
		if elements *= n; elements > ops.MaxElements {
			return fmt.Errorf("freivalds: C has more than %d entries", ops.MaxElements)
		}
	}
	if len(p.C) != 4*elements {
		return fmt.Errorf("freivalds: C has %d bytes, want %d", len(p.C), 4*elements)
	}
	// Sums of at most five products of two numbers up to 2^28.
	last := p.AOff + (p.B0-1)*p.AB0 + (p.B1-1)*p.AB1 + (p.M-1)*p.AM + (p.K-1)*p.AK
	if last >= len(p.A) {
		return fmt.Errorf("freivalds: A has %d entries, and the layout reads number %d", len(p.A), last)
	}
	last = p.BOff + (p.B0-1)*p.BB0 + (p.B1-1)*p.BB1 + (p.N-1)*p.BN + (p.K-1)*p.BK
	if last >= len(p.B) {
		return fmt.Errorf("freivalds: B has %d entries, and the layout reads number %d", len(p.B), last)
	}
	return nil
}

// Cost is the exact number of integer operations of one trial, counted as the
// contraction's own: 2 for every product that is added up. A residue drawn or
// put together counts 32.
func Cost(l ops.Layout) int64 {
	batches := int64(l.B0) * int64(l.B1)
	m, n, k := int64(l.M), int64(l.N), int64(l.K)
	const digits, wideDigits, residue = 3, 2, 32
	right := int64(1) // how often B*r is computed: again where the offset of B changes
	if l.BB1 != 0 {
		right += int64(l.B0) * int64(l.B1-1)
	}
	if l.BB0 != (l.B1-1)*l.BB1 {
		right += int64(l.B0 - 1)
	}
	return residue*n + right*(2*digits*k*n+residue*k) + batches*(2*digits*m*k+2*wideDigits*m*n+2*residue*m)
}
