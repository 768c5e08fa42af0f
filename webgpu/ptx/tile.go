package ptx

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// tile is how much of a product a workgroup computes, and how. It copies m
// rows of A and n rows of B, k bytes of each, into a stage of shared memory
// while it multiplies what lies in earlier stages; each of its warps holds wm x
// wn sums in registers.
//
// A row of a stage is k/16 chunks. Chunk c of row r lies at place c ^ r%8, or
// c ^ r/2%4 where there are four, so that eight rows of one chunk, which is
// what is read at once, lie in eight different groups of banks.
type tile struct {
	m, n, k, wm, wn, stages int

	hopper   bool    // multiplies with wgmma
	together int     // workgroups that one multiprocessor runs at a time
	speed    float64 // of one multiprocessor that is full, relative
}

// tiles are what the shape chooses among, the largest first. A tile of 64x64
// to a warp reads shared memory least for what it multiplies; smaller ones
// serve small products and fill the machine.
var tiles = []tile{
	{m: 128, n: 256, k: 128, wm: 16, wn: 256, stages: 4, hopper: true, together: 1, speed: 1.6},
	{m: 128, n: 128, k: 128, wm: 16, wn: 128, stages: 3, hopper: true, together: 2, speed: 1.5},
	{m: 128, n: 256, k: 64, wm: 64, wn: 64, stages: 4, together: 1, speed: 1},
	{m: 128, n: 128, k: 64, wm: 64, wn: 64, stages: 4, together: 2, speed: 0.95},
	{m: 64, n: 128, k: 64, wm: 32, wn: 64, stages: 4, together: 3, speed: 0.8},
	{m: 64, n: 64, k: 64, wm: 32, wn: 32, stages: 4, together: 4, speed: 0.65},
	{m: 32, n: 32, k: 64, wm: 16, wn: 16, stages: 4, together: 8, speed: 0.3},
}

func (t tile) name() string {
	if t.hopper {
		return fmt.Sprintf("wgmma%dx%dx%d", t.m, t.n, t.k)
	}
	return fmt.Sprintf("mma%dx%dx%d", t.m, t.n, t.k)
}

// warps of a workgroup, along m and in all.
func (t tile) warpsM() int { return t.m / t.wm }
func (t tile) lanes() int  { return t.warpsM() * (t.n / t.wn) * warp }

// stage is the size of one stage in bytes.
func (t tile) stage() int { return (t.m + t.n) * t.k }

// pitch is the distance of rows of sums in shared memory, in words. Eight more
// than the sums keep four rows, which is what half a warp stores at once, in
// different banks.
func (t tile) pitch() int { return t.n + 8 }

// maxSums is how many bytes of shared memory sums may take where stages take
// less; larger tiles finish in parts.
const maxSums = 72 << 10

// parts is how often the workgroup's sums go through shared memory.
func (t tile) parts() int {
	n := 1
	for t.m/n*t.pitch()*4 > max(maxSums, t.stages*t.stage()) {
		n *= 2
	}
	return n
}

func (t tile) shared() int { return max(t.stages*t.stage(), t.m/t.parts()*t.pitch()*4) }

// matmulVariant multiplies with a tile and stores width elements at once. With
// split a workgroup has only a part of the sum.
type matmulVariant struct {
	tile
	width int
	split bool
}

func (v matmulVariant) name() string { return fmt.Sprintf("%sw%d", v.tile.name(), v.width) }

// tilePrinter is what printing one matmulVariant needs.
type tilePrinter struct {
	*unit
	t   tile
	tid string
	// The tile's place: batch and its parts, first row of A and of B.
	batch, outer, inner, m0, n0 string
	// The part along k: where it begins and ends, and its length.
	k0, end, depth string

	acc [][]string // by 16 rows, then 8 columns and what a thread has of them
}

func (v matmulVariant) print(key string, k *kernel.Kernel) *printed {
	extra := extraMatmul
	if v.split {
		extra = extraSplit
	}
	e := newEntry(key, v.lanes(), k, extra)
	e.shared = v.tile.shared()
	if v.hopper {
		e.target, e.version = "sm_90a", "8.0"
	}
	p := &tilePrinter{unit: newUnit(e, k, v.width), t: v.tile}
	p.tid = p.let("mov.u32", "%tid.x")
	p.locate(v.split)
	if v.hopper {
		p.multiplyHopper()
	} else {
		p.multiply()
	}
	p.finish()
	return e.code()
}

// locateGroup is how many tiles along m neighbouring workgroups share columns
// over: a square of tiles in flight reads the least memory.
const locateGroup = 8

// locate finds the workgroup's tile and its part along k.
func (p *tilePrinter) locate(split bool) {
	rest := func(x, q, d string) string { return p.let("sub.s32", x, p.let("mul.lo.s32", q, d)) }
	tilesM, tilesN := p.extra(extraTilesM), p.extra(extraTilesN)
	group := p.let("mov.u32", "%ctaid.x")
	all := len(p.kernel.Params) + 2 // where the extra parameters begin
	p.k0, p.end = "0", p.extra(extraK)
	p.depth = p.end
	if split {
		part := p.divide(group, byParam(all+extraGroups))
		group = rest(group, part, p.extra(extraGroups))
		p.k0 = p.let("mul.lo.s32", part, p.extra(extraDepth))
		p.end = p.let("min.s32", p.end, p.let("add.s32", p.k0, p.extra(extraDepth)))
		p.depth = p.let("sub.s32", p.end, p.k0)
	}
	each := divisor{"tiles", func(params []int32) int32 { return params[all+extraTilesM] * params[all+extraTilesN] }}
	span := divisor{"span", func(params []int32) int32 { return params[all+extraTilesN] * locateGroup }}
	b1 := p.kernel.Contract.B1
	p.batch = p.divide(group, each)
	group = rest(group, p.batch, p.let("mul.lo.s32", tilesM, tilesN))
	p.outer = p.divide(p.batch, byParam(b1))
	p.inner = rest(p.batch, p.outer, p.param(b1))

	block := p.divide(group, span)
	group = rest(group, block, p.let("mul.lo.s32", tilesN, literal(locateGroup)))
	first := p.let("mul.lo.s32", block, literal(locateGroup))
	high := p.let("min.s32", p.let("sub.s32", tilesM, first), literal(locateGroup))
	n := p.let("div.u32", group, high)
	m := p.let("add.s32", first, rest(group, n, high))
	p.m0 = p.let("mul.lo.s32", m, literal(p.t.m))
	p.n0 = p.let("mul.lo.s32", n, literal(p.t.n))
}

// copier brings one operand into shared memory: each thread one chunk of every
// step-th row.
type copier struct {
	from []string // addresses, which move along k
	to   int      // where the operand's rows begin in a stage
	step int
}

// stager fills stages, each thread with its part.
type stager struct {
	*tilePrinter
	copiers []copier
	to      string // in the first stage
	at      string // along k, of this thread's next chunk
}

func (p *tilePrinter) stager() *stager {
	t := p.t
	chunks := t.k / chunk
	row, col := p.let("shr.u32", p.tid, literal(log2(chunks))), p.let("and.b32", p.tid, literal(chunks-1))
	at := p.let("mad.lo.s32", col, literal(chunk), p.k0)
	c := p.kernel.Contract
	s := &stager{tilePrinter: p, copiers: []copier{
		p.copier(c.A, extraA, row, at, p.m0, p.param(c.M), t.m, 0),
		p.copier(c.B, extraB, row, at, p.n0, p.cols(), t.n, t.m*t.k),
	}}
	s.to = p.let("mad.lo.s32", row, literal(t.k), p.let("mad.lo.s32", p.swizzle(col, row), literal(chunk), p.let("mov.u32", "shared")))
	s.at = p.variable(at)
	return s
}

// next starts copying the next stage to slot. What lies beyond k becomes 0;
// what lies beyond the last row is never stored, and so the last row stands for
// it.
func (s *stager) next(slot string) {
	size := s.let("selp.s32", literal(chunk), "0", s.when("lt.s32", s.at, s.end))
	for _, c := range s.copiers {
		for i, from := range c.from {
			s.emit("cp.async.cg.shared.global [%s+%d], [%s], %d, %s", slot, c.to+i*c.step*s.t.k, from, chunk, size)
			s.emit("add.s64 %s, %s, %d", from, from, s.t.k)
		}
	}
	s.emit("add.s32 %s, %s, %d", s.at, s.at, s.t.k)
}

// begin starts copying the first n stages.
func (s *stager) begin(n int) {
	for i := range n {
		slot, enough := s.to, s.label()
		if i > 0 {
			slot = s.let("add.s32", s.to, literal(i*s.t.stage()))
			s.emit("@%s bra %s", s.when("le.s32", s.depth, literal(i*s.t.k)), enough)
		}
		s.next(slot)
		s.place(enough)
		s.emit("cp.async.commit_group")
	}
}

// ahead starts copying the stage that is n after the one at work, if there is
// one: left is what remains along k, fill the slot's offset.
func (s *stager) ahead(n int, left, fill string) {
	enough := s.label()
	s.emit("@%s bra %s", s.when("le.s32", left, literal(n*s.t.k)), enough)
	s.next(s.let("add.s32", s.to, fill))
	s.place(enough)
	s.emit("cp.async.commit_group")
	s.advance(fill)
}

// advance moves the offset of a slot on to the next.
func (s *stager) advance(slot string) {
	s.emit("add.s32 %s, %s, %d", slot, slot, s.t.stage())
	s.emit("selp.s32 %s, 0, %s, %s", slot, slot, s.when("eq.s32", slot, literal(s.t.stages*s.t.stage())))
}

// multiply computes the sums. A slot is filled again once every warp has come
// to the barrier that follows its use.
func (p *tilePrinter) multiply() {
	t, s := p.t, p.stager()
	s.begin(t.stages - 1)
	a, b := p.fragments()
	p.clearSums()
	fill, take := p.variable(literal((t.stages-1)*t.stage())), p.variable("0")
	left, loop := p.variable(p.depth), p.label()
	p.place(loop)
	p.emit("cp.async.wait_group %d", t.stages-2)
	p.emit("bar.sync 0")
	s.ahead(t.stages-1, left, fill)
	for i := range t.k / (2 * chunk) {
		p.multiplyChunks(p.let("add.s32", a[i], take), p.let("add.s32", b[i], take))
	}
	s.advance(take)
	p.emit("sub.s32 %s, %s, %d", left, left, t.k)
	p.emit("@%s bra %s", p.when("gt.s32", left, "0"), loop)
}

func log2(n int) int {
	b := 0
	for 1<<b < n {
		b++
	}
	return b
}

// swizzle is the place of chunk col in row.
func (p *tilePrinter) swizzle(col, row string) string {
	if p.t.k/chunk == 4 {
		row = p.let("shr.u32", row, "1")
	}
	return p.let("xor.b32", col, p.let("and.b32", row, literal(p.t.k/chunk-1)))
}

// copier finds what this thread copies of an operand: row first+row and every
// step-th after it, from place at along k.
func (p *tilePrinter) copier(buf, extra int, row, at, first, rows string, height, to int) copier {
	start := p.let("mad.lo.s32", p.outer, p.extra(extra+1), p.extra(extra))
	start = p.let("mad.lo.s32", p.inner, p.extra(extra+2), start)
	start = p.let("add.s32", start, at)
	last := p.let("sub.s32", rows, "1")
	row = p.let("add.s32", first, row)
	c := copier{to: to, step: p.t.lanes() / (p.t.k / chunk)}
	for i := range height / c.step {
		r := row
		if i > 0 {
			r = p.let("add.s32", row, literal(i*c.step))
		}
		index := p.let("mad.lo.s32", p.let("min.s32", r, last), p.extra(extra+3), start)
		c.from = append(c.from, p.wide("mad.wide.s32", index, "1", p.pointer(buf)))
	}
	return c
}

// fragments are the places in the first stage from which this thread's
// ldmatrix reads, for every 32 bytes along k. Its eight lanes with equal
// lane/8 name the rows of one matrix of 8 x 16 bytes. The four of A are two
// groups of rows at the first chunk, then at the second; those of B two chunks
// of the first group of rows, then of the second.
func (p *tilePrinter) fragments() (a, b []string) {
	t := p.t
	lane := p.let("and.b32", p.tid, literal(warp-1))
	id := p.let("shr.u32", p.tid, "5")
	warpM := p.let("and.b32", id, literal(t.warpsM()-1))
	warpN := p.let("shr.u32", id, literal(log2(t.warpsM())))
	in8 := p.let("and.b32", lane, "7")
	bit3 := p.let("and.b32", p.let("shr.u32", lane, "3"), "1")
	bit4 := p.let("shr.u32", lane, "4")
	shared := p.let("mov.u32", "shared")
	places := func(group, chunkOf, first string, size, base int) []string {
		row := p.let("mad.lo.s32", group, "8", in8)
		row = p.let("mad.lo.s32", first, literal(size), row)
		line := p.let("add.s32", p.let("mad.lo.s32", row, literal(t.k), shared), literal(base))
		var list []string
		for i := range t.k / (2 * chunk) {
			c := chunkOf
			if i > 0 {
				c = p.let("add.s32", chunkOf, literal(2*i))
			}
			list = append(list, p.let("mad.lo.s32", p.swizzle(c, row), literal(chunk), line))
		}
		return list
	}
	return places(bit3, bit4, warpM, t.wm, 0), places(bit4, bit3, warpN, t.wn, t.m*t.k)
}

func (p *tilePrinter) clearSums() {
	for range p.t.wm / 16 {
		var row []string
		for range p.t.wn / 8 * 4 {
			row = append(row, p.variable("0"))
		}
		p.acc = append(p.acc, row)
	}
}

// multiplyChunks adds the products of 32 bytes along k, which lie at a and b.
func (p *tilePrinter) multiplyChunks(a, b string) {
	t := p.t
	load := func(at string, groups int) (regs [][]string) {
		for i := range groups {
			r := []string{p.word(), p.word(), p.word(), p.word()}
			p.emit("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%s}, [%s+%d]", strings.Join(r, ", "), at, i*16*t.k)
			regs = append(regs, r)
		}
		return regs
	}
	as, bs := load(a, t.wm/16), load(b, t.wn/16)
	for i, x := range as {
		for j := range t.wn / 8 {
			y := bs[j/2][j%2*2 : j%2*2+2]
			sum := strings.Join(p.acc[i][4*j:4*j+4], ", ")
			p.emit("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%s}, {%s}, {%s}, {%s}", sum, strings.Join(x, ", "), strings.Join(y, ", "), sum)
		}
	}
}

// finishTogether is how many rows a thread has at a time when it stores: their
// loads and stores do not wait for one another.
const finishTogether = 4

// finish computes the stores. Sums go through shared memory, so that a thread
// has neighbouring elements of a row and one piece of code serves all.
func (p *tilePrinter) finish() {
	t := p.t
	p.emit("cp.async.wait_group 0")
	p.emit("bar.sync 0")
	parts := t.parts()
	height := t.wm / parts // rows of every warp in a part

	shared := p.let("mov.u32", "shared")
	put := p.sumsPlace(shared, height)
	across := t.n / p.width // groups of columns
	vec, line := p.let("and.b32", p.tid, literal(across-1)), p.let("shr.u32", p.tid, literal(log2(across)))
	col := p.let("mad.lo.s32", vec, literal(p.width), p.n0)
	beyond := p.when("ge.s32", col, p.cols())
	firstCol := p.when("eq.s32", col, "0")
	from := p.let("mad.lo.s32", line, literal(4*t.pitch()), p.let("mad.lo.s32", vec, literal(4*p.width), shared))

	outer := p.scope("", col)
	var roots []*lower.Node
	for _, x := range p.stores {
		roots = append(roots, x.value, x.index)
	}
	outer.hoist(func(n *lower.Node) bool { return !n.Row && !n.Col }, roots...)
	part, again := p.variable("0"), p.label()
	p.place(again)
	p.storeSums(put, part, parts, height)
	p.emit("bar.sync 0")

	step := t.lanes() / across                      // rows between those of a thread
	together := min(finishTogether, t.m/parts/step) // of which it has some at a time
	rowIn, at := p.variable(line), p.variable(from)
	loop, done := p.label(), p.label()
	p.emit("@%s bra %s", beyond, done)
	column := outer.inner("", col)
	column.hoist(func(n *lower.Node) bool { return !n.Row }, roots...)
	p.place(loop)
	m := p.param(p.kernel.Contract.M)
	for i := range together {
		row := rowIn
		if i > 0 {
			row = p.let("add.s32", rowIn, literal(i*step))
		}
		if parts > 1 { // the rows of a warp lie together in each part
			which := p.let("shr.u32", row, literal(log2(height)))
			row = p.let("mad.lo.s32", which, literal(t.wm-height), row)
			row = p.let("mad.lo.s32", part, literal(height), row)
		}
		row = p.let("add.s32", p.m0, row)
		// A row beyond the last is computed as the last, and not stored.
		inside := p.when("lt.s32", row, m)
		row = p.let("min.s32", row, p.let("sub.s32", m, "1"))
		s := column.inner(p.let("mad.lo.s32", p.batch, m, row), col)
		s.acc = p.loadSums(at, i*step*4*t.pitch())
		for _, x := range p.stores {
			if x.perRow() {
				s.putRow(x, p.and(firstCol, inside))
			} else {
				s.put(x, []string{inside})
			}
		}
	}
	p.emit("add.s32 %s, %s, %d", rowIn, rowIn, together*step)
	p.emit("add.s32 %s, %s, %d", at, at, together*step*4*t.pitch())
	p.emit("@%s bra %s", p.when("lt.s32", rowIn, literal(t.m/parts)), loop)
	p.place(done)
	if parts > 1 {
		p.emit("bar.sync 0")
		p.emit("add.s32 %s, %s, 1", part, part)
		p.emit("@%s bra %s", p.when("lt.s32", part, literal(parts)), again)
	}
}

// sumsPlace is where this thread's first sums go.
func (p *tilePrinter) sumsPlace(shared string, height int) string {
	t := p.t
	lane := p.let("and.b32", p.tid, literal(warp-1))
	id := p.let("shr.u32", p.tid, "5")
	warpM := p.let("and.b32", id, literal(t.warpsM()-1))
	warpN := p.let("shr.u32", id, literal(log2(t.warpsM())))
	row := p.let("mad.lo.s32", warpM, literal(height), p.let("shr.u32", lane, "2"))
	col := p.let("mul.lo.s32", p.let("and.b32", lane, "3"), "2")
	col = p.let("mad.lo.s32", warpN, literal(t.wn), col)
	return p.let("mad.lo.s32", p.let("mad.lo.s32", row, literal(t.pitch()), col), "4", shared)
}

// storeSums puts the sums of one part into shared memory. Registers have no
// numbers that a loop could count: each part has its own code.
func (p *tilePrinter) storeSums(put, part string, parts, height int) {
	join := p.label()
	for i := range parts {
		next := p.label()
		if i < parts-1 {
			p.emit("@%s bra %s", p.when("ne.s32", part, literal(i)), next)
		}
		for j := range height / 16 {
			for c, sums := 0, p.acc[i*height/16+j]; c < len(sums); c += 4 {
				at := 4 * (j*16*p.t.pitch() + c*2)
				p.emit("st.shared.v2.b32 [%s+%d], {%s, %s}", put, at, sums[c], sums[c+1])
				p.emit("st.shared.v2.b32 [%s+%d], {%s, %s}", put, at+4*8*p.t.pitch(), sums[c+2], sums[c+3])
			}
		}
		if i < parts-1 {
			p.emit("bra %s", join)
			p.place(next)
		}
	}
	p.place(join)
}

// loadSums reads the sums of one group of columns.
func (p *tilePrinter) loadSums(at string, offset int) []string {
	if p.width == 1 {
		return []string{p.let("ld.shared.b32", literalAddress(at, offset))}
	}
	v := []string{p.word(), p.word(), p.word(), p.word()}
	p.emit("ld.shared.v4.b32 {%s}, %s", strings.Join(v, ", "), literalAddress(at, offset))
	return v
}
