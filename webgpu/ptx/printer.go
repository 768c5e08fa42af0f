package ptx

import (
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Options say for which machine kernels are printed. Unlike a shader, PTX
// serves one maker's hardware, so there is less to choose.
type Options struct {
	Limits launch.Limits
	Units  int // multiprocessors: how many workgroups it takes to fill the machine
	// Hopper allows the matmul instructions that only compute capability 9.0
	// has. No other machine takes such code.
	Hopper bool
	// Tile forces one tile of matmuls by name, and Split the parts of their
	// sums, for tests and tuning; empty and 0 let the shape choose.
	Tile  string
	Split int
}

// Printer prints kernels as PTX.
type Printer struct {
	options Options

	codesMu sync.Mutex
	codes   map[codeID]*printed
}

var _ launch.Printer = (*Printer)(nil)

// codeID is what a code is printed for.
type codeID struct {
	kernel  *kernel.Kernel
	variant string
}

// New makes a printer.
func New(o Options) *Printer {
	return &Printer{options: o, codes: map[codeID]*printed{}}
}

// Name is ptx and what was chosen.
func (p *Printer) Name() string {
	name := "ptx"
	if p.options.Hopper {
		name += " hopper"
	}
	if p.options.Tile != "" {
		name += " " + p.options.Tile
	}
	if p.options.Split > 0 {
		name += fmt.Sprintf(" split%d", p.options.Split)
	}
	return name
}

// variant is one way to run a kernel. It prints the kernel for it.
type variant interface {
	name() string
	print(key string, k *kernel.Kernel) *printed
}

// code prints k for v, once.
func (p *Printer) code(k *kernel.Kernel, v variant) *printed {
	p.codesMu.Lock()
	defer p.codesMu.Unlock()
	id := codeID{k, v.name()}
	c := p.codes[id]
	if c == nil {
		key := v.name()
		if k != nil {
			key = k.Name + " " + key
		}
		c = v.print(key, k)
		p.codes[id] = c
	}
	return c
}

// Step says how to run in.
func (p *Printer) Step(in *kernel.Instance) (*launch.Step, error) {
	k := in.Kernel
	if n := len(k.Bufs); p.options.Limits.Bindings > 0 && n > p.options.Limits.Bindings {
		return nil, fmt.Errorf("ptx: %s has %d buffers, the machine binds %d", k.Name, n, p.options.Limits.Bindings)
	}
	for _, s := range k.Stores {
		if b := k.Bufs[s.Buf]; s.Add && b.DType != kernel.I32 {
			return nil, fmt.Errorf("ptx: %s adds into %s, which is %s: only i32 can be added to", k.Name, b.Name, b.DType)
		}
	}
	if k.Form() == kernel.Matmul {
		return p.matmul(in)
	}
	v := shape(k, in.Rows, in.Cols)
	code := p.code(k, v)
	pass := launch.Pass{Code: code.Code, Params: params(in), Refs: refs(len(k.Bufs))}
	pass.Groups = v.fill(&pass, in.Rows, in.Cols)
	pass.Params = code.params(pass.Params)
	for _, s := range k.Stores {
		if s.Add {
			pass.Clear = append(pass.Clear, s.Buf)
		}
	}
	return &launch.Step{Passes: []launch.Pass{pass}}, nil
}

// Codes lists what Step may return for k.
func (p *Printer) Codes(k *kernel.Kernel) []*launch.Code {
	var codes []*launch.Code
	if k.Form() == kernel.Matmul {
		return p.matmulCodes(k)
	}
	for _, v := range shapes(k) {
		codes = append(codes, p.code(k, v).Code)
	}
	return codes
}

// elementwise is a variant of the forms that are not matmul.
type elementwise interface {
	variant
	// fill adds the variant's own parameters and returns the workgroups.
	fill(pass *launch.Pass, rows, cols int) int
}

// shapes lists the variants of a kernel, shape the one for an extent.
func shapes(k *kernel.Kernel) []elementwise {
	var all []elementwise
	switch {
	case reduces(k):
		for _, r := range rowVariants {
			all = append(all, r)
		}
	case k.Form() == kernel.Scatter:
		all = append(all, scatterVariant{})
	default:
		all = append(all, mapVariant{width: 4}, mapVariant{width: 1})
	}
	return all
}

func shape(k *kernel.Kernel, rows, cols int) elementwise {
	switch {
	case reduces(k):
		return rowVariantFor(rows, cols)
	case k.Form() == kernel.Scatter:
		return scatterVariant{}
	}
	return mapVariantFor(k, rows, cols)
}

// reduces tells whether k has a reduction, whatever its form.
func reduces(k *kernel.Kernel) bool {
	found := false
	k.Walk(func(e *kernel.Expr) { found = found || e.Op.IsReduce() })
	return found
}

// params are the parameters that every code of a kernel begins with.
func params(in *kernel.Instance) []int32 {
	return append(append([]int32(nil), in.Params...), int32(in.Rows), int32(in.Cols))
}

// refs binds n buffers in order.
func refs(n int) []launch.Ref {
	r := make([]launch.Ref, n)
	for i := range r {
		r[i].Buf = i
	}
	return r
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// Variants lists the options worth comparing on one machine: the shape
// chooses, then each tile of matmuls alone.
func Variants(o Options) []Options {
	all := []Options{o}
	for _, t := range New(o).tiles() {
		o.Tile = t.name()
		all = append(all, o)
	}
	return all
}
