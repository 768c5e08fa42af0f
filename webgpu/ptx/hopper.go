package ptx

import (
	"fmt"
	"strings"
)

// Compute capability 9.0 multiplies out of shared memory: an instruction of
// four warps together, a warpgroup, takes 64 rows of A and all columns of the
// tile, 32 bytes along k, while its threads go on. It finds its operands by
// descriptors, and reads them in the layout that tile has for rows of 128
// bytes: the chunks of a row turned by the row's number modulo 8.

// Bits of a descriptor beside the start, which is in units of 16 bytes: the
// distance of chunks, which this layout fixes, that of groups of eight rows in
// the same units, and the layout.
const (
	descriptorChunks = 1 << 16
	descriptorStride = 8 * 128 / 16 << 32
	descriptorLayout = 1 << 62 // 128 bytes, turned
)

// multiplyHopper computes the sums. Multiplications of a stage run on while the
// next one is waited for, so a slot is filled again only when both barriers
// after its use have passed.
func (p *tilePrinter) multiplyHopper() {
	t, s := p.t, p.stager()
	s.begin(t.stages - 2)
	p.clearSums()
	a, b := p.descriptors()
	accumulate := p.when("eq.s32", "0", "0")
	fill, take := p.variable(literal((t.stages-2)*t.stage())), p.variable("0")
	left, loop := p.variable(p.depth), p.label()
	p.place(loop)
	p.emit("cp.async.wait_group %d", t.stages-3)
	// What cp.async wrote must be seen by what reads past the registers.
	p.emit("fence.proxy.async.shared::cta")
	p.emit("bar.sync 0")
	p.emit("wgmma.fence.sync.aligned")
	slot := p.wide("cvt.u64.u32", p.let("shr.u32", take, "4"))
	for i := range t.k / (2 * chunk) {
		at := func(d string) string {
			return p.wide("add.s64", p.wide("add.s64", d, slot), literal(i*2))
		}
		p.emit("wgmma.mma_async.sync.aligned.m64n%dk32.s32.s8.s8 {%s}, %s, %s, %s", t.n, strings.Join(p.acc[0], ", "), at(a), at(b), accumulate)
	}
	p.emit("wgmma.commit_group.sync.aligned")
	s.ahead(t.stages-2, left, fill)
	p.emit("wgmma.wait_group.sync.aligned 1")
	s.advance(take)
	p.emit("sub.s32 %s, %s, %d", left, left, t.k)
	p.emit("@%s bra %s", p.when("gt.s32", left, "0"), loop)
	p.emit("wgmma.wait_group.sync.aligned 0")
}

// descriptors are those of both operands in the first stage: of the
// warpgroup's rows of A, and of all rows of B.
func (p *tilePrinter) descriptors() (a, b string) {
	t := p.t
	shared := p.let("mov.u32", "shared")
	rows := p.let("mul.lo.s32", p.let("shr.u32", p.tid, "7"), literal(64*t.k))
	of := func(address string) string {
		start := p.wide("cvt.u64.u32", p.let("shr.u32", address, "4"))
		return p.wide("or.b64", start, fmt.Sprint(uint64(descriptorLayout|descriptorStride|descriptorChunks)))
	}
	return of(p.let("add.s32", shared, rows)), of(p.let("add.s32", shared, literal(t.m*t.k)))
}
