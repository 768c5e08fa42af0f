package wgsl

import (
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// mapLanes is the size of a workgroup without barriers: a multiple of what
// any hardware runs in step.
const mapLanes = 64

// mapHeader are the parameters of maps and rows besides the kernel's.
var mapHeader = []string{"rows", "cols"}

// mapForm says which text of a map serves an instance.
type mapForm struct {
	*shape
	wide bool // an invocation handles four elements
	quad bool // the four always lie in one row, and before the end
	temp bool // the accumulator is in a temporary
}

func (s *shape) mapForm(rows, cols int, temp bool) mapForm {
	if s.flat {
		cols *= rows
	}
	return mapForm{shape: s, wide: s.narrow, quad: s.narrow && cols%4 == 0, temp: temp}
}

func (f mapForm) key() string {
	key := f.id + "/map"
	if f.wide {
		key += "4"
	}
	if f.quad {
		key += ".quad"
	}
	if f.temp {
		key += ".temp"
	}
	return key
}

// division lets passes begin at multiples of step elements.
func (f mapForm) division(in *kernel.Instance, step int) division {
	n, each := in.Rows*in.Cols, mapLanes
	if f.wide {
		each *= 4
	}
	at := func(unit int) int { return min(unit*step, n) }
	return division{
		units:  ceil(n, step),
		start:  at,
		at:     at,
		groups: func(from, to int) int { return ceil(at(to)-at(from), each) },
	}
}

// print emits a map: every invocation computes one element, or four whose
// values share words.
func (f mapForm) print(u *unit) *lines {
	u.invocations, u.header = mapLanes, mapHeader
	out := &lines{indent: "  "}
	if f.wide {
		out.add("let first = %s + (group * %d + i32(local)) * 4;", u.param(paramFrom), mapLanes)
	} else {
		out.add("let first = %s + group * %d + i32(local);", u.param(paramFrom), mapLanes)
	}
	out.add("let elements = %s;", u.param(paramTo))
	out.add("if (first >= elements) {")
	out.add("  return;")
	out.add("}")
	at := &place{flat: f.flat, wide: f.wide, quad: f.quad}
	s := newScope(u, out.indent, at)
	at.acc = func(s *scope) value { return s.loadAt(len(u.kernel.Bufs), at.here()) }
	if !f.wide {
		at.here = func() value { return value{text: "first"} }
		f.coordinates(s)
	} else {
		at.first = "first"
		f.four(s)
	}
	for _, st := range f.stores {
		s.store(st)
	}
	out.put(s.lines)
	return out
}

// four places a map that handles four elements.
func (f mapForm) four(s *scope) {
	at := s.place
	if !f.quad {
		at.there = func(j int) string { return fmt.Sprintf("first + %d < elements", j) }
		at.here = s.named("here", "min(vec4<i32>(first) + vec4<i32>(0, 1, 2, 3), vec4<i32>(elements - 1))", true)
		f.coordinates(s)
		return
	}
	at.here = s.named("here", "vec4<i32>(first) + vec4<i32>(0, 1, 2, 3)", true)
	at.row = s.named("row", quotient("first", s.head("cols"), false), false)
	at.col = sync.OnceValue(func() value {
		at.row()
		s.add("let col = vec4<i32>(first - row * %s) + vec4<i32>(0, 1, 2, 3);", s.head("cols"))
		return value{"col", true}
	})
}

// coordinates finds the row and column of the place from the dense index.
func (f mapForm) coordinates(s *scope) {
	at, cols := s.place, as(value{text: s.head("cols")}, f.wide)
	at.row = sync.OnceValue(func() value {
		s.add("let row = %s;", quotient(at.here().text, cols, f.wide))
		return value{"row", f.wide}
	})
	at.col = sync.OnceValue(func() value {
		s.add("let col = %s - %s * %s;", at.here().text, at.row().text, cols)
		return value{"col", f.wide}
	})
}

// named returns a function that defines a name when it is first called.
func (s *scope) named(name, text string, wide bool) func() value {
	return sync.OnceValue(func() value {
		s.add("let %s = %s;", name, text)
		return value{name, wide}
	})
}
