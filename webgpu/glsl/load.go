package glsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// load reads a buffer of the kernel.
func (s *scope) load(n *lower.Node) value {
	m := memory{buf: int(n.K), dtype: s.module.kernel.Bufs[n.K].DType}
	v, index := &s.view, n.Args[0]
	if !n.Unit {
		if index.Op == kernel.OpRow && v.line != "" {
			return value{s.texel(m, v.line+" >> 2"), true}
		}
		return s.elements(m, s.value(index))
	}
	if v.own && s.module.isDense(index) {
		return value{fmt.Sprintf("texelFetch(%s, at, 0)", s.sampler(m)), true}
	}
	base, col := s.value(index), v.col
	switch {
	case index.IsConst(0) && v.first == "":
		return s.elements(m, col)
	case base.wide || v.first == "":
		return s.elements(m, value{base.text + " + " + col.text, base.wide || col.wide})
	case index.IsConst(0):
		return value{s.texel(m, v.first+" >> 2"), true}
	case v.quad && s.module.fours(index):
		return value{s.texel(m, fmt.Sprintf("(%s + %s) >> 2", base.text, v.first)), true}
	}
	s.needElem()
	return value{fmt.Sprintf("%s(%s, %s + %s)", s.need("run", run), s.sampler(m), base.text, v.first), true}
}

func (s *shader) needElem() {
	s.place("")
	s.need("pick", pick)
	s.need("elem", elem)
}

// elements reads single elements.
func (s *scope) elements(m memory, index value) value {
	s.needElem()
	return value{fmt.Sprintf("elem(%s, %s)", s.sampler(m), index.text), index.wide}
}

// isDense tells whether base is that of the dense index.
func (m *module) isDense(base *lower.Node) bool {
	if m.flat {
		return base.IsConst(0)
	}
	return base.Op == kernel.OpMul && base.Args[0].Op == kernel.OpRow && base.Args[1].Op == kernel.OpCols
}

// fours tells whether n is a multiple of 4 wherever the number of columns is.
func (m *module) fours(n *lower.Node) bool {
	switch n.Op {
	case kernel.OpConst:
		return n.K&3 == 0
	case kernel.OpCols:
		return true
	case kernel.OpMul:
		return m.fours(n.Args[0]) || m.fours(n.Args[1])
	case kernel.OpAdd, kernel.OpSub:
		return m.fours(n.Args[0]) && m.fours(n.Args[1])
	case kernel.OpShl:
		return m.fours(n.Args[0]) || n.Args[1].Op == kernel.OpConst && n.Args[1].K >= 2
	}
	return false
}

// kept reads what an earlier pass left for every row.
func (s *scope) kept(n *lower.Node) (value, bool) {
	k, ok := s.module.kept[n]
	if !ok || n.Stage > s.view.stage {
		return value{}, false
	}
	mem := temporary(fmt.Sprintf("row%d_%d", n.Stage, k/4))
	name, part := fmt.Sprintf("r%d_%d", n.Stage, k/4), "xyzw"[k%4]
	if !s.view.row.wide {
		s.once(name, "ivec4 %s = %s;", name, s.texel(mem, s.view.row.text))
		return value{text: fmt.Sprintf("%s.%c", name, part)}, true
	}
	var parts [4]any
	for i, c := range "xyzw" {
		one := fmt.Sprintf("%s%c", name, c)
		s.once(one, "ivec4 %s = %s;", one, s.texel(mem, fmt.Sprintf("%s.%c", s.view.row.text, c)))
		parts[i] = fmt.Sprintf("%s.%c", one, part)
	}
	return s.let(n, value{fmt.Sprintf("ivec4(%s, %s, %s, %s)", parts[:]...), true}), true
}
