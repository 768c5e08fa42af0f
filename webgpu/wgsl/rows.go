package wgsl

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// rowsForm says which text of a rows kernel serves an instance.
//
// A team of invocations computes a group of rows: for every row and stage it
// goes over the columns for the reductions, and then once more for what is
// stored. A group is one row; or four, so that it begins and ends at whole
// words, where words would be shared by rows. Values per row that the stores
// of four rows need are kept in an array.
type rowsForm struct {
	*shape
	lanes int  // invocations of a team
	teams int  // of a workgroup
	four  bool // groups of four rows
	quad  bool // the columns are a multiple of four
	temp  bool // the accumulator is in a temporary
}

// teamSizes are the sizes that rowsForm chooses from.
var teamSizes = []int{1, 16, 64, 256}

// rowsForm chooses the text: small teams for short rows, so that few
// invocations idle, and for many of them, so that few barriers are met.
func (p *Printer) rowsForm(s *shape, rows, cols int, temp bool) rowsForm {
	lanes := p.options.Team
	switch {
	case lanes != 0:
	case cols <= 16 && rows >= 64:
		lanes = 1
	case cols < 256:
		lanes = 16
	case cols < 1024 || rows >= 4096:
		lanes = 64
	default:
		lanes = 256
	}
	for lanes > 1 && lanes > p.options.Limits.Lanes {
		lanes /= 4
	}
	return s.rowsOf(lanes, cols%4 == 0, temp)
}

func (s *shape) rowsOf(lanes int, quad, temp bool) rowsForm {
	f := rowsForm{shape: s, lanes: lanes, teams: max(1, mapLanes/lanes), temp: temp}
	f.four = s.narrowRow || s.narrow && !quad
	f.quad = s.narrow && !f.four
	return f
}

func (f rowsForm) key() string {
	key := fmt.Sprintf("%s/rows%d", f.id, f.lanes)
	if f.four {
		key += ".four"
	}
	if f.quad {
		key += ".quad"
	}
	if f.temp {
		key += ".temp"
	}
	return key
}

// size is the rows of a group.
func (f rowsForm) size() int {
	if f.four {
		return 4
	}
	return 1
}

// division lets passes begin at multiples of four rows, where words begin.
func (f rowsForm) division(in *kernel.Instance) division {
	at := func(unit int) int { return min(unit*4, in.Rows) }
	return division{
		units:  ceil(in.Rows, 4),
		start:  func(unit int) int { return at(unit) * in.Cols },
		at:     at,
		groups: func(from, to int) int { return ceil(at(to)-at(from), f.size()*f.teams) },
	}
}

// rowsPrinter prints one rows text.
type rowsPrinter struct {
	rowsForm
	*unit
	top  *scope // what is the same everywhere
	keep []*lower.Node
}

func (f rowsForm) print(u *unit) *lines {
	u.invocations, u.header = f.lanes*f.teams, mapHeader
	p := &rowsPrinter{rowsForm: f, unit: u}
	p.top = newScope(u, "  ", nil)
	p.top.holds = func(n *lower.Node) bool { return n.Level() == lower.Uniform }
	body := &lines{indent: "  "}
	if f.four {
		stores := p.storeFour() // which finds out what is to be kept
		p.reduceFour(body)
		body.put(stores)
	} else {
		p.one(body)
	}
	out := &lines{indent: "  "}
	p.prologue(out)
	out.put(p.top.lines)
	out.put(body)
	return out
}

// prologue finds the team and its first row.
func (p *rowsPrinter) prologue(out *lines) {
	out.add("let end = %s;", p.param(paramTo))
	out.add("let cols = %s;", p.head("cols"))
	team := ""
	switch {
	case p.lanes == 1:
		team = " + i32(local)"
	case p.teams > 1:
		out.add("let team = i32(local / %du);", p.lanes)
		out.add("let lane = i32(local %% %du);", p.lanes)
		team = " + team"
	default:
		out.add("let lane = i32(local);")
	}
	out.add("let base = %s + (group * %d%s) * %d;", p.param(paramFrom), p.teams, team, p.size())
	if p.lanes == 1 {
		p.leave(out)
	}
}

// leave ends the invocations of teams without rows. Those that others wait
// for must stay.
func (p *rowsPrinter) leave(out *lines) {
	if p.teams > 1 {
		out.add("if (base >= end) {")
		out.add("  return;")
		out.add("}")
	}
}

// row opens the block of one row, in which values of the row are printed.
func (p *rowsPrinter) row(indent string) *scope {
	s := p.top.inside(&place{row: func() value { return value{text: "row"} }})
	s.indent = indent
	s.holds = func(n *lower.Node) bool { return !n.Col }
	return s
}

// one prints the stages and stores of a group of one row.
func (p *rowsPrinter) one(out *lines) {
	s := p.row(out.indent)
	s.add("let row = min(base, end - 1);")
	s.add("let here0 = row * cols;")
	for i := range p.stages {
		p.reductions(s, i)
	}
	if p.lanes > 1 {
		p.leave(s.lines)
	}
	p.storeRow(s)
	c, finish := p.columns(s, p.quad)
	any := false
	for _, st := range p.stores {
		if !st.perRow() {
			c.store(st)
			any = true
		}
	}
	if any {
		finish()
	}
	out.put(s.lines)
}

// columns opens the loop over the columns of the row of s; finish closes it.
// An invocation handles four columns at once: those of words, or for loads
// that neighbours share, columns that lie a team apart.
func (p *rowsPrinter) columns(s *scope, words bool) (c *scope, finish func()) {
	at := &place{wide: true, quad: words, row: s.place.row, acc: p.accumulator}
	c = s.inside(at)
	from := p.lane()
	if words {
		from += " * 4"
		at.first = "first"
		c.add("let first = here0 + c;")
		at.here = c.named("here", "vec4<i32>(first) + vec4<i32>(0, 1, 2, 3)", true)
		at.col = c.named("col", "vec4<i32>(c) + vec4<i32>(0, 1, 2, 3)", true)
	} else {
		at.there = func(j int) string { return fmt.Sprintf("c + %d < cols", j*p.lanes) }
		c.add("let raw = vec4<i32>(c) + vec4<i32>(0, %d, %d, %d);", p.lanes, 2*p.lanes, 3*p.lanes)
		c.add("let col = min(raw, vec4<i32>(cols - 1));")
		at.col = func() value { return value{"col", true} }
		at.here = c.named("here", "vec4<i32>(here0) + col", true)
	}
	return c, func() {
		s.add("for (var c = %s; c < cols; c = c + %d) {", from, 4*p.lanes)
		s.put(c.lines)
		s.add("}")
	}
}

// accumulator loads what an earlier pass left.
func (p *rowsPrinter) accumulator(s *scope) value {
	return s.loadAt(len(p.kernel.Bufs), s.place.here())
}

// lane is the invocation's number in its team.
func (p *rowsPrinter) lane() string {
	if p.lanes == 1 {
		return "0"
	}
	return "lane"
}

// storeRow prints the stores that happen once in the row of s, where valid
// holds. Those that share words with other rows come later.
func (p *rowsPrinter) storeRow(s *scope, valid ...string) {
	list := s.block()
	for _, st := range p.stores {
		if !st.perRow() || p.kernel.Bufs[st.mem].DType != kernel.I32 {
			continue
		}
		v := s.value(st.value)
		if st.kind == adding {
			list.add("%s", s.addWord(st.mem, s.value(st.index).text, v.text))
		} else {
			list.add("%s", s.putWord(st.mem, "row", "bitcast<u32>("+v.text+")"))
		}
	}
	if p.lanes > 1 {
		valid = append(valid, "lane == 0")
	}
	s.when(list, valid...)
}

// when puts a block where all conditions hold, if there is anything in it.
func (l *lines) when(block *lines, conditions ...string) {
	if block.b.Len() == 0 {
		return
	}
	open := "{"
	if len(conditions) > 0 {
		open = "if (" + strings.Join(conditions, " && ") + ") {"
	}
	l.add("%s", open)
	l.put(block)
	l.add("}")
}
