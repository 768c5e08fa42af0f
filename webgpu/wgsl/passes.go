package wgsl

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// fill is how a memory is bound: whole, in as many parts as it has, or as a
// window of some of them, where it is larger than a binding and touched at
// Here alone.
type fill struct {
	bindings int
	window   bool
}

// plain tells whether the memory is one binding from its start.
func (f fill) plain() bool { return f.bindings == 1 && !f.window }

// keyOf tells in a key how memories are bound, unless all are plain.
func keyOf(fills []fill) string {
	key, plain := "/", true
	for _, f := range fills {
		key += fmt.Sprint(f.bindings)
		if f.window {
			key += "w"
		} else {
			key += "p"
		}
		plain = plain && f.plain()
	}
	if plain {
		return ""
	}
	return key
}

// division is where the work of an instance can be cut into passes. Each of
// its units touches consecutive elements of what is touched at Here.
type division struct {
	units  int
	start  func(unit int) int     // its first element
	at     func(unit int) int     // how a pass is told to begin or end there
	groups func(from, to int) int // workgroups that some units take
}

// work is what passes are to do.
type work struct {
	shape *shape
	form
	division
	in     *kernel.Instance
	temps  []launch.Temp
	header []int
	clear  []int // memories that begin as zeros
}

// extent is a memory of an instance.
type extent struct {
	fill
	size  int64 // bytes of an element
	parts int
	here  bool // touched at Here alone
}

// extents are the memories of w, and how each is bound: in windows as small as
// a unit of work allows, where that is less than the whole.
func (p *Printer) extents(w work) (all []extent, windows bool) {
	add := func(t kernel.DType, elems int, here bool) {
		size, part := int64(t.Size()), p.options.Limits.Binding
		n := int(max(1, (size*int64(elems)+part-1)/part))
		all = append(all, extent{fill: fill{bindings: n}, size: size, parts: n, here: here})
	}
	for i, b := range w.in.Kernel.Bufs {
		add(b.DType, w.in.Lens[i], w.shape.here[i])
	}
	for _, t := range w.temps {
		add(t.DType, t.Elems, true)
	}
	for i := range all {
		e := &all[i]
		if !e.here || e.parts == 1 {
			continue
		}
		widest := 1
		for u := range w.units {
			_, n := p.touched(w, e, u, u+1)
			widest = max(widest, n)
		}
		if widest < e.parts {
			e.fill, windows = fill{widest, true}, true
		}
	}
	return all, windows
}

// touched are the first part of a memory that units from to to touch at Here,
// and how many.
func (p *Printer) touched(w work, e *extent, from, to int) (first, n int) {
	part := p.options.Limits.Binding
	a, b := int64(w.start(from))*e.size/part, (int64(w.start(to))*e.size-1)/part
	return int(a), int(b-a) + 1
}

// fit tells whether units from to to touch no more than the windows hold.
func (p *Printer) fit(w work, all []extent, from, to int) bool {
	for i := range all {
		e := &all[i]
		if _, n := p.touched(w, e, from, to); e.window && n > e.bindings {
			return false
		}
	}
	return true
}

// passes cuts w into passes that windows allow. One pass is the rule.
func (p *Printer) passes(w work) ([]launch.Pass, error) {
	all, windows := p.extents(w)
	fills := make([]fill, len(all))
	for i, e := range all {
		fills[i] = e.fill
	}
	var passes []launch.Pass
	for from, to := 0, 0; from < w.units; from = to {
		to = w.units
		if windows {
			for to = from + 1; to < w.units && p.fit(w, all, from, to+1); {
				to++
			}
		}
		pass, err := p.pass(w, fills, from, to)
		if err != nil {
			return nil, err
		}
		for i := range all {
			if e := &all[i]; e.window {
				first, _ := p.touched(w, e, from, to)
				p.slide(&pass, i, min(first, e.parts-e.bindings))
			}
		}
		passes = append(passes, pass)
	}
	passes[0].Clear = w.clear
	return passes, nil
}

// slide moves the window of a memory to where a part begins.
func (p *Printer) slide(pass *launch.Pass, mem, part int) {
	pass.Params = append(pass.Params, int32(int64(part)*p.options.Limits.Binding/4))
	refs := slices.Clone(pass.Refs)
	for i := range refs {
		if refs[i].Buf == mem {
			refs[i].Part += part
		}
	}
	pass.Refs = refs
}

// pass is the launch of some units.
func (p *Printer) pass(w work, fills []fill, from, to int) (launch.Pass, error) {
	c, limits, groups := p.code(w.shape, w.form, fills), p.options.Limits, w.groups(from, to)
	switch name := w.shape.kernel.Name; {
	case len(c.refs) > limits.Bindings:
		return launch.Pass{}, fmt.Errorf("wgsl: %s binds %d memories, and the machine %d at most", name, len(c.refs), limits.Bindings)
	case groups > limits.Side*limits.Side:
		return launch.Pass{}, fmt.Errorf("wgsl: %s takes %d workgroups, and a grid has %d x %d at most", name, groups, limits.Side, limits.Side)
	}
	params := make([]int32, 0, c.code.Params)
	params = append(params, int32(groups), int32(w.at(from)), int32(w.at(to)))
	for _, v := range w.header {
		params = append(params, int32(v))
	}
	params = append(params, w.in.Params...)
	return launch.Pass{Code: c.code, Refs: c.refs, Params: params, Groups: groups}, nil
}
