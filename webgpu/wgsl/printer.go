package wgsl

import (
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Options choose one printer.
type Options struct {
	Limits launch.Limits
	Dot4   bool // dot4I8Packed may be used
	Tile   Tile // of matmuls; the zero value is Direct4x4
	Team   int  // invocations that share a row: 1, 16, 64 or 256; 0: by its length
}

// Printer prints kernels. It is safe for concurrent use.
type Printer struct {
	options Options
	shapes  sync.Map // id to *shape
	codes   sync.Map // key to *printed
}

var _ launch.Printer = (*Printer)(nil)

// New makes a printer.
func New(o Options) *Printer {
	if o.Tile == (Tile{}) {
		o.Tile = Direct4x4
	}
	return &Printer{options: o}
}

// Name tells what was chosen.
func (p *Printer) Name() string {
	name := "wgsl "
	if p.options.Dot4 {
		name += "dot4 "
	}
	name += p.options.Tile.String()
	if p.options.Team != 0 {
		name += fmt.Sprintf(" team %d", p.options.Team)
	}
	return name
}

// printed is a code and what it is bound to, which is the same for every
// instance.
type printed struct {
	code *launch.Code
	refs []launch.Ref
}

func (p *Printer) shape(k *kernel.Kernel) *shape {
	id := identify(k)
	if s, ok := p.shapes.Load(id); ok {
		return s.(*shape)
	}
	s, _ := p.shapes.LoadOrStore(id, shapeOf(k, id))
	return s.(*shape)
}

// form is one text of a kernel.
type form interface {
	key() string
	print(u *unit) *lines
}

// code prints f, once. fills are how its memories are bound.
func (p *Printer) code(s *shape, f form, fills []fill) *printed {
	key := f.key() + keyOf(fills)
	if c, ok := p.codes.Load(key); ok {
		return c.(*printed)
	}
	u := &unit{kernel: s.kernel, part: int(p.options.Limits.Binding / 4), names: map[string]bool{}}
	for i, n := range fills {
		dtype := kernel.I32
		if i < len(s.kernel.Bufs) {
			dtype = s.kernel.Bufs[i].DType
		}
		u.memory = append(u.memory, memory{dtype: dtype, fill: n})
	}
	main := f.print(u)
	c, _ := p.codes.LoadOrStore(key, u.code(key, main))
	return c.(*printed)
}

// Step says how to run in.
func (p *Printer) Step(in *kernel.Instance) (*launch.Step, error) {
	if p.options.Limits.Binding < 256 {
		return nil, fmt.Errorf("wgsl: limits: bindings of %d bytes, want at least 256", p.options.Limits.Binding)
	}
	s := p.shape(in.Kernel)
	for _, st := range s.stores {
		if b := in.Kernel.Bufs[st.mem]; st.kind == adding && b.DType != kernel.I32 {
			return nil, fmt.Errorf("wgsl: %s adds into %s, which is %s: want i32", in.Kernel.Name, b.Name, b.DType)
		}
	}
	if in.Kernel.Contract != nil {
		return p.matmul(s, in)
	}
	passes, err := p.elements(s, in, nil)
	if err != nil {
		return nil, err
	}
	return &launch.Step{Passes: passes}, nil
}

// elements are the passes that compute what the kernel stores, of an
// accumulator in a temporary if there is one.
func (p *Printer) elements(s *shape, in *kernel.Instance, temps []launch.Temp) ([]launch.Pass, error) {
	w := work{shape: s, in: in, temps: temps, header: []int{in.Rows, in.Cols}}
	for _, st := range s.stores {
		if st.kind == adding {
			w.clear = append(w.clear, st.mem)
		}
	}
	if s.rows {
		f := p.rowsForm(s, in.Rows, in.Cols, len(temps) > 0)
		w.form, w.division = f, f.division(in)
	} else {
		f := s.mapForm(in.Rows, in.Cols, len(temps) > 0)
		w.form, w.division = f, f.division(in, int(p.options.Limits.Binding/4))
	}
	return p.passes(w)
}
