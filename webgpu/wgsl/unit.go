package wgsl

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// lines collects statements at one indentation.
type lines struct {
	b      strings.Builder
	indent string
}

func (l *lines) add(format string, args ...any) {
	l.b.WriteString(l.indent)
	fmt.Fprintf(&l.b, format, args...)
	l.b.WriteByte('\n')
}

// put appends what other collected.
func (l *lines) put(other *lines) { l.b.WriteString(other.b.String()) }

// block collects the statements of a block inside l.
func (l *lines) block() *lines { return &lines{indent: l.indent + "  "} }

// unit is one text while it is printed.
type unit struct {
	kernel      *kernel.Kernel
	memory      []memory // the kernel's buffers, then temporaries
	part        int      // words of a part
	invocations int      // of a workgroup
	bytes       int      // of workgroup memory
	header      []string // names of the parameters before the kernel's
	helpers     []string // functions and workgroup variables, each once
	names       map[string]bool
}

// code assembles the unit around the body of its main function, and says what
// its bindings are to be bound to.
func (u *unit) code(key string, main *lines) *printed {
	var b strings.Builder
	p := &printed{}
	c := &launch.Code{Key: key, Entry: "main", Lanes: u.invocations, Shared: u.bytes, Params: u.params()}
	fmt.Fprintf(&b, "// %s\n", key)
	for i, m := range u.memory {
		if !m.used {
			continue
		}
		element, mode := "u32", "read"
		if m.write {
			mode = "read_write"
		}
		if m.atomic {
			element = "atomic<i32>"
		}
		for part := range m.bindings {
			fmt.Fprintf(&b, "@group(0) @binding(%d) var<storage, %s> %s: array<%s>;\n", len(c.Bindings), mode, binding(i, part), element)
			c.Bindings = append(c.Bindings, launch.Binding{DType: m.dtype, Write: m.write, Atomic: m.atomic})
			p.refs = append(p.refs, launch.Ref{Buf: i, Part: part})
		}
	}
	fmt.Fprintf(&b, "@group(1) @binding(0) var<uniform> params: array<vec4<i32>, %d>;\n", (c.Params+3)/4)
	for _, h := range u.helpers {
		b.WriteByte('\n')
		b.WriteString(h)
	}
	fmt.Fprintf(&b, `
@compute @workgroup_size(%d)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let group = i32(at.x + at.y * grid.x);
  if (group >= %s) {
    return;
  }
`, u.invocations, u.param(paramGroups))
	b.WriteString(main.b.String())
	b.WriteString("}\n")
	c.Text = b.String()
	p.code = c
	return p
}

// params is the number of words of parameters: groups, the pass, the header, what
// the kernel has, and where windows begin.
func (u *unit) params() int {
	n := u.windows()
	for _, m := range u.memory {
		if m.window {
			n++
		}
	}
	return n
}

// fixed are the parameters that all texts have before those of their header.
const (
	paramGroups = iota
	paramFrom   // where this pass begins
	paramTo     // and where it ends
	fixed
)

// windows is the first of the parameters that tell where windows begin.
func (u *unit) windows() int { return fixed + len(u.header) + len(u.kernel.Params) }

// param is word i of the parameters.
func (u *unit) param(i int) string { return fmt.Sprintf("params[%d].%c", i/4, "xyzw"[i%4]) }

// head is a parameter of the header.
func (u *unit) head(name string) string {
	for i, h := range u.header {
		if h == name {
			return u.param(fixed + i)
		}
	}
	panic("wgsl: no parameter " + name)
}

// own is parameter i of the kernel.
func (u *unit) own(i int) string { return u.param(fixed + len(u.header) + i) }

// need adds a helper once. Those it calls must have been added before.
func (u *unit) need(name, text string) string {
	if !u.names[name] {
		u.names[name] = true
		u.helpers = append(u.helpers, text)
	}
	return name
}

// workgroup declares an array of workgroup memory once.
func (u *unit) workgroup(name, element string, size, n int) string {
	if !u.names[name] {
		u.bytes += size * n
	}
	return u.need(name, fmt.Sprintf("var<workgroup> %s: array<%s, %d>;\n", name, element, n))
}
