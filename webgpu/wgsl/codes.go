package wgsl

import (
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Codes lists every code that Step can return for k where every memory is one
// binding.
func (p *Printer) Codes(k *kernel.Kernel) []*launch.Code {
	s := p.shape(k)
	var codes []*launch.Code
	add := func(f form, temps int) {
		fills := slices.Repeat([]fill{{bindings: 1}}, len(k.Bufs)+temps)
		codes = append(codes, p.code(s, f, fills).code)
	}
	if k.Contract == nil {
		for _, f := range p.elementForms(s, []bool{true, false}, false) {
			add(f, 0)
		}
		return codes
	}
	two := map[bool]bool{} // whether a second pass is printed, for columns that are multiples of four or not
	for _, tile := range p.options.Tile.all() {
		for _, whole := range []bool{true, false} {
			for _, cut := range []bool{false, true} {
				if cut && !tile.Shared {
					continue
				}
				bare, temps := cut || s.twoPasses(whole), 0
				if bare {
					two[whole], temps = true, 1
				}
				for _, f := range (matmulForm{shape: s, tile: tile, dot4: p.options.Dot4, whole: whole, bare: bare, cut: cut}).loaders() {
					add(f, temps)
				}
			}
		}
	}
	var quads []bool
	for _, whole := range []bool{true, false} {
		if two[whole] {
			quads = append(quads, whole)
		}
	}
	for _, f := range p.elementForms(s, quads, true) {
		add(f, 1)
	}
	return codes
}

// loaders lists f for every layout of its operands.
func (f matmulForm) loaders() []form {
	var all []form
	for _, f.a = range layouts {
		for _, f.b = range layouts {
			for _, f.tail = range []bool{false, true} {
				all = append(all, f)
			}
		}
	}
	return all
}

// elementForms lists the forms of maps and rows, for numbers of columns that
// are multiples of four or not.
func (p *Printer) elementForms(s *shape, quads []bool, temp bool) []form {
	var all []form
	seen := map[string]bool{}
	add := func(f form) {
		if !seen[f.key()] {
			seen[f.key()] = true
			all = append(all, f)
		}
	}
	for _, quad := range quads {
		if !s.rows {
			add(mapForm{shape: s, wide: s.narrow, quad: s.narrow && quad, temp: temp})
			continue
		}
		for _, lanes := range teamSizes {
			if lanes <= p.options.Limits.Lanes {
				add(s.rowsOf(lanes, quad, temp))
			}
		}
	}
	return all
}
