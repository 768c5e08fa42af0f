package witness

import (
	"fmt"
	"strconv"

	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Product is a contraction that is checked and not computed again.
type Product struct {
	Op int // of the program
	ops.Layout

	a, b   int // values of the program: the operands
	acc    ops.Type
	output int // which output of the program the accumulators are; -1: part of the witness
	part   int // which part of the witness they are; -1: an output
}

// Split is a program with its contractions taken out. It is immutable.
type Split struct {
	program  *program.Program
	prover   *program.Program
	verifier *program.Program // nil if nothing is left to compute
	products []Product
	parts    int         // of the witness
	made     map[int]int // which output of the verifier's program a value is
}

// New splits the contractions of p that choose accepts, which is all of them
// if choose is nil; a contraction left whole is computed again. It fails if one
// of the two programs has more inputs or outputs than a program may have.
func New(p *program.Program, choose func(ops.Layout) bool) (*Split, error) {
	s := &Split{program: p, made: map[int]int{}}
	if err := s.choose(choose); err != nil {
		return nil, err
	}
	var err error
	if s.prover, err = s.proverProgram(); err != nil {
		return nil, fmt.Errorf("witness: the prover's program: %w", err)
	}
	if s.verifier, err = s.verifierProgram(); err != nil {
		return nil, fmt.Errorf("witness: the verifier's program: %w", err)
	}
	return s, nil
}

// Program is what is verified.
func (s *Split) Program() *program.Program { return s.program }

// Prover is the program whose outputs are those of Program followed by the
// witness.
func (s *Split) Prover() *program.Program { return s.prover }

// Products are the contractions that are checked, in the program's order.
// Callers must not change them.
func (s *Split) Products() []Product { return s.products }

// Divide cuts the outputs of a run of Prover into those of Program and the
// witness.
func (s *Split) Divide(all [][]byte) (outputs, witness [][]byte, err error) {
	n := len(s.program.Outputs())
	if len(all) != n+s.parts {
		return nil, nil, fmt.Errorf("witness: a run of the prover's program has %d outputs, want %d", len(all), n+s.parts)
	}
	return all[:n], all[n:], nil
}

// choose fills in the products.
func (s *Split) choose(accept func(ops.Layout) bool) error {
	outputs := map[int]int{}
	for i, o := range s.program.Outputs() {
		outputs[o.Value] = i
	}
	for op, n := range s.program.Nodes() {
		if !separable(s.program, n) {
			continue
		}
		l, err := freivalds.LayoutOf(&n.Instance)
		if err != nil {
			return err
		}
		if accept != nil && !accept(l) {
			continue
		}
		acc, err := ops.MatmulOp.Apply([]ops.Type{s.program.Type(n.In[0]), s.program.Type(n.In[1])}, l.Attrs())
		if err != nil {
			return fmt.Errorf("witness: op %d: %w", op, err)
		}
		product := Product{Op: op, Layout: l, a: n.In[0], b: n.In[1], acc: acc.Outputs[0], output: -1, part: -1}
		if i, ok := outputs[n.Out]; ok && n.Def == ops.MatmulOp {
			product.output = i // a result already
		} else {
			product.part = s.parts
			s.parts++
		}
		s.products = append(s.products, product)
	}
	return nil
}

// proverProgram is the program with the accumulators of products as outputs
// after its own.
func (s *Split) proverProgram() (*program.Program, error) {
	c := newCopy(s.program)
	for _, in := range s.program.Inputs() {
		c.input(in)
	}
	rest := s.products
	accumulators := make([]program.Value, s.parts)
	for op, n := range s.program.Nodes() {
		if len(rest) == 0 || rest[0].Op != op {
			c.whole(n)
			continue
		}
		product := rest[0]
		rest = rest[1:]
		acc := c.b.One(ops.MatmulOp, c.in(n)[:2], product.Attrs()...)
		if product.part >= 0 {
			accumulators[product.part] = acc
		}
		c.epilogue(n, acc)
	}
	taken := map[string]bool{}
	for _, o := range s.program.Outputs() {
		c.b.Output(o.Name, c.values[o.Value])
		taken[o.Name] = true
	}
	for _, product := range s.products {
		if product.part >= 0 {
			c.b.Output(free("acc."+strconv.Itoa(product.Op), taken), accumulators[product.part])
		}
	}
	return c.b.Build()
}

// verifierProgram takes the inputs and then the accumulators of every product.
// Its outputs are values of the program: operands of products and results. It
// is nil if all of those are inputs.
func (s *Split) verifierProgram() (*program.Program, error) {
	c := newCopy(s.program)
	taken := map[string]bool{}
	for _, in := range s.program.Inputs() {
		c.input(in)
		taken[in.Name] = true
	}
	accumulators := make([]program.Value, len(s.products))
	for i, product := range s.products {
		accumulators[i] = c.b.Input(free("acc."+strconv.Itoa(product.Op), taken), product.acc)
	}
	at := 0
	for op, n := range s.program.Nodes() {
		if at < len(s.products) && s.products[at].Op == op {
			c.epilogue(n, accumulators[at])
			at++
		} else {
			c.whole(n)
		}
	}
	given := map[int]bool{} // values that are inputs of the verifier's program
	for _, product := range s.products {
		if product.output >= 0 {
			given[s.program.Outputs()[product.output].Value] = true
		}
	}
	want := func(v int) {
		if _, ok := s.made[v]; ok || v < len(s.program.Inputs()) || given[v] {
			return
		}
		s.made[v] = len(s.made)
		c.b.Output("v"+strconv.Itoa(v), c.values[v])
	}
	for _, product := range s.products {
		want(product.a)
		want(product.b)
	}
	for _, o := range s.program.Outputs() {
		want(o.Value)
	}
	if len(s.made) == 0 {
		return nil, nil
	}
	return c.b.Build()
}

// copying is a program being written from another, value by value.
type copying struct {
	from   *program.Program
	b      program.Builder
	values []program.Value       // by value of from
	zeros  map[int]program.Value // columns of zeros, by length
}

func newCopy(p *program.Program) *copying {
	return &copying{from: p, values: make([]program.Value, p.Values()), zeros: map[int]program.Value{}}
}

func (c *copying) input(p program.Port) { c.values[p.Value] = c.b.Input(p.Name, p.Type) }

func (c *copying) in(n program.Node) []program.Value {
	in := make([]program.Value, len(n.In))
	for i, v := range n.In {
		in[i] = c.values[v]
	}
	return in
}

// whole copies an op as it is.
func (c *copying) whole(n program.Node) {
	copy(c.values[n.Out:], c.b.Apply(n.Def, c.in(n), n.Attrs...))
}

// free is name, or name with something appended if it is taken. It takes it.
func free(name string, taken map[string]bool) string {
	for taken[name] {
		name += "_"
	}
	taken[name] = true
	return name
}
