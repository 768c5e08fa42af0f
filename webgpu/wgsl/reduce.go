package wgsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// reductions prints the reductions of a stage, which the team computes
// together, for the row of s.
func (p *rowsPrinter) reductions(s *scope, stage int) {
	nodes := p.reduce[stage]
	if len(nodes) == 0 {
		return
	}
	c, finish := p.columns(s, false)
	for _, n := range nodes {
		v := widen(c.value(n.Args[0]))
		part := fmt.Sprintf("p%d", n.ID)
		if n.Op == kernel.OpReduceSum { // the last column again does not matter to the others
			v = fmt.Sprintf("select(vec4<i32>(0), %s, raw < vec4<i32>(cols))", v)
		}
		s.add("var %s = vec4<i32>(%s);", part, identity(n.Op))
		c.add("%s = %s;", part, combine(n.Op, part, v))
	}
	finish()
	if p.lanes > 1 {
		p.tree(s, nodes)
	}
	for _, n := range nodes {
		from := folded(n)
		if p.lanes > 1 {
			from = fmt.Sprintf("s%d[%s]", n.ID, p.slot())
		}
		s.names[n] = s.let(n, value{text: from})
	}
}

// slot is where in workgroup memory lane 0 of the team is.
func (p *rowsPrinter) slot() string {
	if p.teams == 1 {
		return "0"
	}
	return fmt.Sprintf("team * %d", p.lanes)
}

// tree combines what the lanes of every team found.
func (p *rowsPrinter) tree(s *scope, nodes []*lower.Node) {
	for _, n := range nodes {
		p.workgroup(fmt.Sprintf("s%d", n.ID), "i32", 4, p.unit.invocations)
		s.add("s%d[local] = %s;", n.ID, folded(n))
	}
	s.add("workgroupBarrier();")
	s.add("for (var reach = %du; reach > 0u; reach = reach >> 1u) {", p.lanes/2)
	s.add("  if (u32(lane) < reach) {")
	for _, n := range nodes {
		mine := fmt.Sprintf("s%d[local]", n.ID)
		s.add("    %s = %s;", mine, combine(n.Op, mine, fmt.Sprintf("s%d[local + reach]", n.ID)))
	}
	s.add("  }")
	s.add("  workgroupBarrier();")
	s.add("}")
}

// folded combines the four numbers that an invocation found.
func folded(n *lower.Node) string {
	p := fmt.Sprintf("p%d", n.ID)
	return combine(n.Op, combine(n.Op, p+".x", p+".y"), combine(n.Op, p+".z", p+".w"))
}

func identity(op kernel.Op) string {
	if op == kernel.OpReduceMax {
		return literal(-1 << 31)
	}
	return "0"
}

func combine(op kernel.Op, x, y string) string {
	switch op {
	case kernel.OpReduceOr:
		return "(" + x + " | " + y + ")"
	case kernel.OpReduceMax:
		return "max(" + x + ", " + y + ")"
	default:
		return "(" + x + " + " + y + ")"
	}
}
