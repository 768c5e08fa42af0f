package ptx

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// rowVariant runs a kernel with reductions: lanes threads share a row, each
// with groups of width columns. A row of few columns stays in registers, deep
// groups to a thread, and every value is computed once. Otherwise deep is 0:
// the threads go along the row once for every stage and compute again what
// they need.
type rowVariant struct{ width, lanes, deep int }

// rowGroup are the threads of a workgroup whose warps, or parts of warps, have
// a row each.
const rowGroup = 256

const warp = 32

// rowVariants go from the shortest rows to the longest.
var rowVariants = []rowVariant{
	{4, 16, 1}, {4, warp, 1}, {4, warp, 2}, {4, warp, 4}, {4, 256, 1}, {4, 256, 2}, {4, 256, 0}, {4, 1024, 0},
	{1, warp, 0}, {1, 256, 0}, {1, 1024, 0},
}

// longRow is where a row gets as many threads as a workgroup may have, if there
// are few rows to keep the machine busy.
const (
	longRow = 1 << 14
	fewRows = 1 << 9
)

func rowVariantFor(rows, cols int) rowVariant {
	if cols%4 != 0 {
		switch {
		case cols <= 512:
			return rowVariant{1, warp, 0}
		case cols < longRow || rows > fewRows:
			return rowVariant{1, 256, 0}
		}
		return rowVariant{1, 1024, 0}
	}
	for _, v := range rowVariants {
		if v.width == 4 && v.deep > 0 && cols <= v.width*v.lanes*v.deep {
			return v
		}
	}
	if cols < longRow || rows > fewRows {
		return rowVariant{4, 256, 0}
	}
	return rowVariant{4, 1024, 0}
}

func (v rowVariant) name() string { return fmt.Sprintf("rows%dx%dx%d", v.lanes, v.width, v.deep) }

// group are the threads of a workgroup.
func (v rowVariant) group() int { return max(v.lanes, rowGroup) }

// fill has nothing to add.
func (v rowVariant) fill(_ *launch.Pass, rows, _ int) int {
	return ceilDiv(rows, v.group()/v.lanes)
}

// rowPrinter is what printing one rowVariant needs.
type rowPrinter struct {
	*unit
	shape  rowVariant
	lane   string // of this thread in its row
	first  string // whether it is the first
	inside string // whether the row is one; empty where threads of others are gone
	slots  int    // of shared memory, each a word for every warp
}

func (v rowVariant) print(key string, k *kernel.Kernel) *printed {
	e := newEntry(key, v.group(), k, 0)
	p := &rowPrinter{unit: newUnit(e, k, v.width), shape: v}
	row, thread := p.let("mov.u32", "%ctaid.x"), p.let("mov.u32", "%tid.x")
	p.lane = thread
	if v.lanes <= warp {
		p.lane = p.let("and.b32", thread, literal(v.lanes-1))
		row = p.let("mad.lo.s32", row, literal(rowGroup/v.lanes), p.let("shr.u32", thread, literal(log2(v.lanes))))
	}
	end := p.label()
	p.first = p.when("eq.s32", p.lane, "0")
	if v.lanes < warp { // the rows of a warp stay together: those beyond the last repeat it
		p.inside = p.when("lt.u32", row, p.rows())
		p.first = p.and(p.first, p.inside)
		row = p.let("min.s32", row, p.let("sub.s32", p.rows(), "1"))
	} else {
		p.emit("@%s bra %s", p.when("ge.u32", row, p.rows()), end)
	}
	if v.deep > 0 {
		p.resident(row)
	} else {
		p.looping(row)
	}
	p.place(end)
	e.shared = 4 * p.slots * v.lanes / warp
	return e.code()
}

// stages is one more than the reductions that any store waits for.
func (p *rowPrinter) stages() int {
	n := 0
	for _, x := range p.stores {
		n = max(n, x.stage)
	}
	return n + 1
}

// reductions lists those of a stage: the nodes that stores need.
func (p *rowPrinter) reductions(stage int) []*lower.Node {
	needed := map[*lower.Node]bool{}
	var visit func(n *lower.Node)
	visit = func(n *lower.Node) {
		if !needed[n] {
			needed[n] = true
			for _, a := range n.Args {
				visit(a)
			}
		}
	}
	for _, x := range p.stores {
		visit(x.value)
		visit(x.index)
	}
	var list []*lower.Node
	for _, n := range p.graph.Nodes {
		if needed[n] && n.Op.IsReduce() && n.Stage == stage+1 {
			list = append(list, n)
		}
	}
	return list
}

// resident prints straight code. A thread whose groups lie beyond the row has
// the row's last group instead, and neither stores nor adds it.
func (p *rowPrinter) resident(row string) {
	groups := p.let("shr.u32", p.cols(), "2")
	last := p.let("sub.s32", groups, "1")
	var vecs, valid []string
	for i := range p.shape.deep {
		number := p.lane
		if i > 0 {
			number = p.let("add.s32", p.lane, literal(i*p.shape.lanes))
		}
		in := p.when("lt.s32", number, groups)
		if p.inside != "" {
			in = p.and(in, p.inside)
		}
		valid = append(valid, in)
		vecs = append(vecs, p.let("mul.lo.s32", p.let("min.s32", number, last), literal(p.width)))
	}
	s := p.scope(row, vecs...)
	for stage := range p.stages() {
		reductions := p.reductions(stage)
		parts := make([]string, len(reductions))
		for i, n := range reductions {
			v := s.spread(n.Args[0])
			for vec := range vecs {
				part := v[vec*p.width]
				for _, w := range v[vec*p.width+1 : (vec+1)*p.width] {
					part = p.let(combine[n.Op].op, part, w)
				}
				if n.Op == kernel.OpReduceSum {
					part = p.let("selp.s32", part, "0", valid[vec])
				}
				if vec > 0 {
					part = p.let(combine[n.Op].op, parts[i], part)
				}
				parts[i] = part
			}
		}
		p.across(s, reductions, parts)
		for _, x := range p.stores {
			switch {
			case x.stage != stage:
			case x.perRow():
				s.putRow(x, p.first)
			default:
				s.put(x, valid)
			}
		}
	}
}

// looping prints a loop along the row for every stage.
func (p *rowPrinter) looping(row string) {
	outer := p.scope(row)
	start := p.let("mul.lo.s32", p.lane, literal(p.width))
	for stage := range p.stages() {
		reductions := p.reductions(stage)
		var parts []string
		var stores []*store
		var roots []*lower.Node
		for _, n := range reductions {
			parts = append(parts, p.variable(combine[n.Op].neutral))
			roots = append(roots, n.Args[0])
		}
		for _, x := range p.stores {
			if x.stage == stage && !x.perRow() {
				stores = append(stores, x)
				roots = append(roots, x.value, x.index)
			}
		}
		if len(roots) > 0 {
			outer.hoist(func(n *lower.Node) bool { return !n.Col }, roots...)
			col, next, done := p.variable(start), p.label(), p.label()
			p.place(next)
			p.emit("@%s bra %s", p.when("ge.s32", col, p.cols()), done)
			s := outer.inner(row, col)
			for i, n := range reductions {
				for _, v := range s.spread(n.Args[0]) {
					p.emit("%s %s, %s, %s", combine[n.Op].op, parts[i], parts[i], v)
				}
			}
			for _, x := range stores {
				s.put(x, nil)
			}
			p.emit("add.s32 %s, %s, %d", col, col, p.shape.lanes*p.width)
			p.emit("bra %s", next)
			p.place(done)
		}
		p.across(outer, reductions, parts)
		for _, x := range p.stores {
			if x.stage == stage && x.perRow() {
				outer.putRow(x, p.first)
			}
		}
	}
}

// combine says how parts of a reduction become one: in an instruction, across
// a warp, and what changes nothing.
var combine = map[kernel.Op]struct{ op, redux, neutral string }{
	kernel.OpReduceOr:  {"or.b32", "or.b32", "0"},
	kernel.OpReduceMax: {"max.s32", "max.s32", "-2147483648"},
	kernel.OpReduceSum: {"add.s32", "add.s32", "0"},
}

// across reduces every thread's part over all threads of the row and makes
// the results values of s. Parts of a warp exchange what they have; warps meet
// in shared memory, each reduction in a slot of its own, so that one barrier
// does.
func (p *rowPrinter) across(s *scope, reductions []*lower.Node, parts []string) {
	redux := func(n *lower.Node, v string) string {
		if p.shape.lanes < warp {
			for far := p.shape.lanes / 2; far > 0; far /= 2 {
				other := p.let("shfl.sync.bfly.b32", v, literal(far), "31", "0xffffffff")
				v = p.let(combine[n.Op].op, v, other)
			}
			return v
		}
		return p.let("redux.sync."+combine[n.Op].redux, v, "0xffffffff")
	}
	warps := p.shape.lanes / warp
	for i, n := range reductions {
		parts[i] = redux(n, p.register(parts[i]))
	}
	if warps > 1 && len(reductions) > 0 {
		slot := p.slots
		p.slots += len(reductions)
		base := p.let("mov.u32", "shared")
		own := p.let("mad.lo.s32", p.let("shr.u32", p.lane, "5"), "4", base)
		inWarp := p.let("and.b32", p.lane, literal(warp-1))
		leads := p.when("eq.s32", inWarp, "0")
		for i := range reductions {
			p.emit("@%s st.shared.b32 [%s+%d], %s", leads, own, 4*warps*(slot+i), parts[i])
		}
		p.emit("bar.sync 0")
		other := p.let("mad.lo.s32", p.let("and.b32", p.lane, literal(warps-1)), "4", base)
		counts := p.when("lt.s32", inWarp, literal(warps))
		for i, n := range reductions {
			v := p.let("ld.shared.b32", fmt.Sprintf("[%s+%d]", other, 4*warps*(slot+i)))
			if n.Op == kernel.OpReduceSum && warps < warp {
				v = p.let("selp.s32", v, "0", counts)
			}
			parts[i] = redux(n, v)
		}
	}
	for i, n := range reductions {
		s.values[n] = []string{parts[i]}
	}
}
