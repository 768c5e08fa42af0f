// Package ops is the op set: the numeric specification of everything a
// volunteer can be asked to compute. Each op is defined once, as a kernel, and
// documented in SPEC.md with shapes, ranges and rounding.
//
// The package decides what an op means and which shapes and ranges it accepts.
// It refuses to know how ops are combined into models, on what device they
// run, and how a program is encoded.
package ops

//go:generate go test . -run "TestSpec|TestVectors" -update

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Type is the static type of a tensor: storage type, shape, and the interval
// its values are proved to lie in.
type Type struct {
	DType kernel.DType
	Shape []int
	Range kernel.Interval
}

// Int32 is the type of an int32 tensor with values in [lo, hi].
func Int32(lo, hi int64, shape ...int) Type {
	return Type{DType: kernel.I32, Shape: shape, Range: kernel.Interval{Lo: lo, Hi: hi}}
}

// Int8 is the type of an int8 tensor with values in [lo, hi].
func Int8(lo, hi int64, shape ...int) Type {
	return Type{DType: kernel.I8, Shape: shape, Range: kernel.Interval{Lo: lo, Hi: hi}}
}

// Len is the number of elements.
func (t Type) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes is the size of the dense tensor.
func (t Type) Bytes() int { return t.Len() * t.DType.Size() }

// String is, for example, i32[16,128] in [0, 255].
func (t Type) String() string {
	shape := strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
	return fmt.Sprintf("%s%s in %v", t.DType, shape, t.Range)
}

// Check reports a type that cannot be.
func (t Type) Check() error {
	if t.DType.Size() == 0 {
		return fmt.Errorf("ops: unknown dtype %d", t.DType)
	}
	if len(t.Shape) < 1 || len(t.Shape) > 4 {
		return fmt.Errorf("ops: %d dimensions, want 1 to 4", len(t.Shape))
	}
	n := 1
	for _, d := range t.Shape {
		if d < 1 || d > MaxElements || n > MaxElements/d {
			return fmt.Errorf("ops: shape %v has a dimension below 1 or more than 2^28 elements", t.Shape)
		}
		n *= d
	}
	if t.Range.Lo > t.Range.Hi || !t.Range.Fits(t.DType.Range()) {
		return fmt.Errorf("ops: range %v does not fit %s", t.Range, t.DType)
	}
	return nil
}

// MaxElements bounds a tensor.
const MaxElements = 1 << 28

// Code numbers an op in a program's encoding. Codes are append-only.
type Code uint16

// Attr is a static integer of an op.
type Attr struct {
	Name     string
	Min, Max int32
}

// Def is one op.
type Def struct {
	Code    Code
	Name    string
	Doc     string // one line; SPEC.md has the rest
	Inputs  []string
	Attrs   []Attr
	Outputs []string
	Kernel  *kernel.Kernel

	infer func(*call)
}

// Applied is an op with its types and numbers: proved, costed, ready to run.
// The kernel's buffers are the op's inputs followed by its outputs.
type Applied struct {
	Def      *Def
	Instance kernel.Instance
	Proof    *kernel.Proof
	Outputs  []Type
	Cost     int64 // exact integer operations
}

// Apply checks the inputs' types and the attributes, infers the outputs and
// proves every range. The error names the op and what is wrong.
func (d *Def) Apply(in []Type, attrs []int32) (*Applied, error) {
	if len(in) != len(d.Inputs) || len(attrs) != len(d.Attrs) {
		return nil, fmt.Errorf("ops: %s takes %d inputs and %d attributes, got %d and %d", d.Name, len(d.Inputs), len(d.Attrs), len(in), len(attrs))
	}
	k := d.Kernel
	for i, t := range in {
		if err := t.Check(); err != nil {
			return nil, fmt.Errorf("ops: %s: input %s: %w", d.Name, d.Inputs[i], err)
		}
		if want := k.Bufs[i].DType; t.DType != want {
			return nil, fmt.Errorf("ops: %s: input %s is %s, want %s", d.Name, d.Inputs[i], t.DType, want)
		}
	}
	for i, a := range d.Attrs {
		if attrs[i] < a.Min || attrs[i] > a.Max {
			return nil, fmt.Errorf("ops: %s: attribute %s = %d, want %d to %d", d.Name, a.Name, attrs[i], a.Min, a.Max)
		}
	}
	c := &call{def: d, in: in, attrs: attrs, params: map[string]int64{}}
	d.infer(c)
	if c.err != nil {
		return nil, c.err
	}
	return c.apply()
}

// call is one inference under way. Its methods record the first error and go
// on, so that infer functions read as statements.
type call struct {
	def        *Def
	in         []Type
	attrs      []int32
	rows, cols int
	params     map[string]int64
	outs       [][]int
	err        error
}

func (c *call) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("ops: %s: "+format, append([]any{c.def.Name}, args...)...)
	}
}

// attr is the value of the named attribute.
func (c *call) attr(name string) int {
	i := slices.IndexFunc(c.def.Attrs, func(a Attr) bool { return a.Name == name })
	return int(c.attrs[i])
}

func (c *call) index(name string) int { return slices.Index(c.def.Inputs, name) }

// shape is the shape of the named input, which must have n dimensions (0: any).
func (c *call) shape(name string, n int) []int {
	s := c.in[c.index(name)].Shape
	if n != 0 && len(s) != n {
		c.fail("input %s has shape %v, want %d dimensions", name, s, n)
		return make([]int, max(n, 1))
	}
	return s
}

// matrix views the named input as rows of its last dimension.
func (c *call) matrix(name string) (rows, cols int) {
	s := c.shape(name, 0)
	cols = s[len(s)-1]
	return c.in[c.index(name)].Len() / cols, cols
}

// length is the number of elements of the named input.
func (c *call) length(name string) int { return c.in[c.index(name)].Len() }

// want requires the named input to have n elements.
func (c *call) want(name string, n int) {
	if got := c.length(name); got != n {
		c.fail("input %s has %d elements, want %d", name, got, n)
	}
}

// group is n divided by the number of elements of the named input, which must
// divide it: each element serves that many rows.
func (c *call) group(name string, n int) int64 {
	l := c.length(name)
	if l < 1 || n%l != 0 {
		c.fail("input %s has %d elements, which do not divide %d rows", name, l, n)
		return 1
	}
	return int64(n / l)
}

// space sets the iteration space.
func (c *call) space(rows, cols int) { c.rows, c.cols = rows, cols }

// set gives a kernel parameter its value.
func (c *call) set(name string, v int64) { c.params[name] = v }

// out appends an output's shape.
func (c *call) out(shape ...int) { c.outs = append(c.outs, shape) }

// apply builds and proves the instance.
func (c *call) apply() (*Applied, error) {
	k := c.def.Kernel
	in := kernel.Instance{Kernel: k, Rows: c.rows, Cols: c.cols, Params: make([]int32, len(k.Params))}
	for i, p := range k.Params {
		v, ok := c.params[p]
		if !ok {
			j := slices.IndexFunc(c.def.Attrs, func(a Attr) bool { return a.Name == p })
			v = int64(c.attrs[j])
		}
		if int64(int32(v)) != v {
			return nil, fmt.Errorf("ops: %s: %s = %d leaves 32 bits", c.def.Name, p, v)
		}
		in.Params[i] = int32(v)
	}
	outs := make([]Type, len(c.outs))
	for i, s := range c.outs {
		t := Type{DType: k.Bufs[len(c.in)+i].DType, Shape: s}
		t.Range = t.DType.Range()
		if err := t.Check(); err != nil {
			return nil, fmt.Errorf("ops: %s: output %s: %w", c.def.Name, c.def.Outputs[i], err)
		}
		outs[i] = t
	}
	for _, t := range slices.Concat(c.in, outs) {
		in.Lens = append(in.Lens, t.Len())
		in.Ranges = append(in.Ranges, t.Range)
	}
	proof, err := kernel.Prove(&in)
	if err != nil {
		return nil, fmt.Errorf("ops: %s: %w", c.def.Name, err)
	}
	for i := range outs {
		outs[i].Range = proof.Outputs[len(c.in)+i]
	}
	return &Applied{Def: c.def, Instance: in, Proof: proof, Outputs: outs, Cost: kernel.Cost(&in)}, nil
}

// All lists every op, by code.
var All []*Def

var byCode = map[Code]*Def{}

func init() {
	slices.SortFunc(All, func(a, b *Def) int { return int(a.Code) - int(b.Code) })
}

// ByCode finds an op, or returns nil.
func ByCode(code Code) *Def { return byCode[code] }

// ByName finds an op, or returns nil.
func ByName(name string) *Def {
	i := slices.IndexFunc(All, func(d *Def) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return All[i]
}

// define registers an op at package initialisation. Its kernel's inputs and
// outputs are the op's, by name.
func define(code Code, doc string, k *kernel.Kernel, attrs []Attr, infer func(*call)) *Def {
	k.Share()
	d := &Def{Code: code, Name: k.Name, Doc: doc, Attrs: attrs, Kernel: k, infer: infer}
	for _, b := range k.Bufs {
		if b.Out {
			d.Outputs = append(d.Outputs, b.Name)
		} else {
			d.Inputs = append(d.Inputs, b.Name)
		}
	}
	if err := k.Check(); err != nil {
		panic(err)
	}
	if byCode[code] != nil {
		panic(fmt.Sprintf("ops: code %d is taken twice", code))
	}
	byCode[code] = d
	All = append(All, d)
	return d
}
