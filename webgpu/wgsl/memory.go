package wgsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// memory is a buffer of the kernel or a temporary.
type memory struct {
	dtype kernel.DType
	fill
	used   bool
	write  bool
	atomic bool
}

// binding names part of a memory.
func binding(mem, part int) string {
	if part == 0 {
		return fmt.Sprintf("mem%d", mem)
	}
	return fmt.Sprintf("mem%d_%d", mem, part)
}

// word is word i of a memory.
func (u *unit) word(mem int, i string) string {
	u.memory[mem].used = true
	if u.memory[mem].plain() {
		return fmt.Sprintf("mem%d[%s]", mem, i)
	}
	return u.find(mem, "word", "", " -> u32", func(at string) string { return "w = " + at + ";" }) + "(" + i + ")"
}

// putWord is the statement that stores word i of a memory.
func (u *unit) putWord(mem int, i, w string) string {
	m := &u.memory[mem]
	m.used, m.write = true, true
	if m.plain() {
		return fmt.Sprintf("mem%d[%s] = %s;", mem, i, w)
	}
	return fmt.Sprintf("%s(%s, %s);", u.find(mem, "put", ", v: u32", "", func(at string) string { return at + " = v;" }), i, w)
}

// addWord is the statement that adds to element i of an i32 memory.
func (u *unit) addWord(mem int, i, v string) string {
	m := &u.memory[mem]
	m.used, m.write, m.atomic = true, true, true
	if m.plain() {
		return fmt.Sprintf("atomicAdd(&mem%d[%s], %s);", mem, i, v)
	}
	return fmt.Sprintf("%s(%s, %s);", u.find(mem, "add", ", v: i32", "", func(at string) string { return "atomicAdd(&" + at + ", v);" }), i, v)
}

// find is the function that does something with word i of the binding that
// holds it.
func (u *unit) find(mem int, verb, formals, result string, do func(at string) string) string {
	name := fmt.Sprintf("%s%d", verb, mem)
	if u.names[name] {
		return name
	}
	m := &u.memory[mem]
	f := &lines{}
	f.add("fn %s(i: i32%s)%s {", name, formals, result)
	f.indent = "  "
	if result != "" {
		f.add("var w = 0u;")
	}
	at := "i"
	if m.window {
		at = "at"
		f.add("let at = i - %s;", u.windowOf(mem))
	}
	for part := range m.bindings {
		last := part == m.bindings-1
		here := at
		if part > 0 {
			here = fmt.Sprintf("%s - %d", at, part*u.part)
		}
		act := do(fmt.Sprintf("%s[%s]", binding(mem, part), here))
		switch {
		case m.bindings == 1:
			f.add("%s", act)
			continue
		case part == 0:
			f.add("if (%s < %d) {", at, u.part)
		case last:
			f.add("} else {")
		default:
			f.add("} else if (%s < %d) {", at, (part+1)*u.part)
		}
		f.add("  %s", act)
		if last {
			f.add("}")
		}
	}
	if result != "" {
		f.add("return w;")
	}
	f.indent = ""
	f.add("}")
	return u.need(name, f.b.String())
}

// windowOf is the parameter that tells the first word of a memory's window.
func (u *unit) windowOf(mem int) string {
	n := u.windows()
	for _, m := range u.memory[:mem] {
		if m.window {
			n++
		}
	}
	return u.param(n)
}

// element is element i of a memory, widened.
func (u *unit) element(mem int, i string) string {
	switch u.memory[mem].dtype {
	case kernel.I8:
		return u.narrow(mem, i, "(~u32(i) & 3u) << 3u", "i >> 2u", 24)
	case kernel.I16:
		return u.narrow(mem, i, "(~u32(i) & 1u) << 4u", "i >> 1u", 16)
	default:
		return "bitcast<i32>(" + u.word(mem, i) + ")"
	}
}

// narrow calls the function that loads an i8 or i16: it moves the element to
// the top of its word, and back with its sign.
func (u *unit) narrow(mem int, i, up, at string, down int) string {
	name := fmt.Sprintf("load%d", mem)
	word := u.word(mem, at)
	u.need(name, fmt.Sprintf("fn %s(i: i32) -> i32 {\n  return bitcast<i32>(%s << (%s)) >> %du;\n}\n", name, word, up, down))
	return name + "(" + i + ")"
}
