package glsl

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Options say for what machine to print.
type Options struct {
	Limits launch.Limits
	Width  int // texels in a row of a texture: a power of two, at most Limits.Side
	Rows   int // of what a fragment of a matmul computes: 4 or 8, at most Limits.Targets; 0: 4
}

// Variants are the choices worth a try where o holds, the safest first.
func Variants(o Options) []Options {
	var all []Options
	for _, rows := range []int{4, 8} {
		if o.Rows = rows; rows <= max(o.Limits.Targets, 4) {
			all = append(all, o)
		}
	}
	return all
}

// Printer prints kernels as GLSL.
type Printer struct {
	options  Options
	contract map[[2]layout]*pass

	mu      sync.Mutex // guards what follows
	modules map[*kernel.Kernel]*module
}

var _ launch.Printer = (*Printer)(nil)

// New makes a printer.
func New(o Options) (*Printer, error) {
	if o.Width < 4 || bits.OnesCount(uint(o.Width)) != 1 || o.Width > o.Limits.Side {
		return nil, fmt.Errorf("glsl: options: width is %d, want a power of two from 4 to the side of a texture, %d", o.Width, o.Limits.Side)
	}
	o.Rows = cmp.Or(o.Rows, 4)
	if o.Rows != 4 && o.Rows != 8 {
		return nil, fmt.Errorf("glsl: options: tiles of %d rows, want 4 or 8", o.Rows)
	}
	if o.Limits.Targets < o.Rows {
		return nil, fmt.Errorf("glsl: options: %d targets, want at least %d", o.Limits.Targets, o.Rows)
	}
	return &Printer{options: o, contract: contractions(o.Width, o.Rows), modules: map[*kernel.Kernel]*module{}}, nil
}

// Name implements launch.Printer.
func (p *Printer) Name() string { return fmt.Sprintf("glsl %dx%d", p.options.Rows, across4) }

// Codes implements launch.Printer. A kernel that cannot be printed has none.
func (p *Printer) Codes(k *kernel.Kernel) []*launch.Code {
	m, err := p.module(k)
	if err != nil {
		return nil
	}
	codes := slices.Clone(m.codes)
	if k.Contract != nil {
		for _, key := range slices.SortedFunc(maps.Keys(p.contract), compareLayouts) {
			codes = append(codes, p.contract[key].code)
		}
	}
	return codes
}

func compareLayouts(a, b [2]layout) int { return slices.Compare(a[:], b[:]) }

// module prints the passes of k on first use.
func (p *Printer) module(k *kernel.Kernel) (*module, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.modules[k]; m != nil {
		return m, nil
	}
	m, err := newModule(k, p.options.Width, p.options.Rows, p.options.Limits.Targets)
	if err != nil {
		return nil, err
	}
	for _, c := range m.codes {
		if n := len(c.Bindings); n > p.options.Limits.Bindings {
			return nil, fmt.Errorf("glsl: %s binds %d memories, the machine %d", c.Key, n, p.options.Limits.Bindings)
		}
	}
	p.modules[k] = m
	return m, nil
}
