package ptxtest

import (
	"regexp"
	"strconv"
)

var wgmma = regexp.MustCompile(`^wgmma\.mma_async\.sync\.aligned\.m64n(\d+)k32\.s32\.s8\.s8$`)

// hopper decodes the instructions of compute capability 9.0 (9.7.15): their
// products take effect as late as they may, when their group is waited for,
// and until then their registers cannot be read.
func (d *decoder) hopper() (func(*warp, uint32), kind) {
	if d.entry.target != "sm_90a" {
		d.fail("unknown instruction for target %s", d.entry.target)
		return nil, plain
	}
	switch d.opcode {
	case "fence.proxy.async.shared::cta":
		d.want(0)
		return func(w *warp, _ uint32) { w.fence() }, convergent
	case "wgmma.fence.sync.aligned":
		d.want(0)
		return func(*warp, uint32) {}, convergent
	case "wgmma.commit_group.sync.aligned":
		d.want(0)
		return func(w *warp, _ uint32) {
			w.running = append(w.running, w.products)
			w.products = nil
		}, convergent
	case "wgmma.wait_group.sync.aligned":
		d.want(1)
		keep := int(d.number(d.args[0]))
		return func(w *warp, _ uint32) { w.multiply(keep) }, convergent
	}
	m := wgmma.FindStringSubmatch(d.opcode)
	if m == nil {
		d.fail("unknown instruction")
		return nil, plain
	}
	n, _ := strconv.Atoi(m[1])
	if n%8 != 0 || n < 8 || n > 256 {
		d.fail("%d columns", n)
	}
	return d.wgmma(n), convergent
}

// fence makes this warp's writes visible to what reads past the registers.
func (w *warp) fence() {
	for _, at := range w.unfenced {
		w.group.behind[at] = false
	}
	w.unfenced = w.unfenced[:0]
}

// product is one warp's part of a wgmma: 16 of the 64 rows.
type product struct {
	sums []int // registers
	a, b operand
}

// operand is a matrix in shared memory, decoded from a descriptor (9.7.15.5.1):
// the address of its first row in bits 0 to 13 and the distance of groups of
// eight rows in bits 32 to 45, both in units of 16 bytes; the layout in bits 62
// and 63, of which only 1 is known, rows of 128 bytes with chunks turned.
type operand struct{ start, stride uint64 }

func (w *warp) operand(descriptor uint64) operand {
	if descriptor>>62 != 1 || descriptor>>46&0xffff != 0 {
		w.fail("descriptor %#x has an unknown layout", descriptor)
	}
	return operand{descriptor & 0x3fff * 16, descriptor >> 32 & 0x3fff * 16}
}

// row reads 32 bytes of row r. The turn is a function of the address alone:
// bits 4 to 6 are exchanged by bits 7 to 9.
func (o operand) row(w *warp, r int, to *[32]int8) {
	for c := 0; c < 32; c += 16 {
		at := o.start + uint64(r/8)*o.stride + uint64(r%8)*128 + uint64(c)
		at ^= at >> 7 & 7 << 4
		b := w.sharedBytes(0, at, 16, false)
		if b == nil {
			return
		}
		for word := at / 4; word < at/4+4; word++ {
			if w.group.behind[word] {
				w.fail("shared memory at %#x is read past the registers without a proxy fence after it was written", 4*word)
				return
			}
		}
		for i, v := range b {
			to[c+i] = int8(v)
		}
	}
}

// wgmma (9.7.15.5.2) adds to D, 64 x n in four warps, the product of A, 64x32
// by rows, and B, 32 x n by columns. Warp i of the four has rows 16i to 16i+15,
// as mma has: register j of lane l is row l/4 + 8(j/2%2), column 8(j/4) +
// 2(l%4) + j%2.
func (d *decoder) wgmma(n int) func(*warp, uint32) {
	d.want(4)
	sums, a, b, scale := d.list(0, n/2), d.double(1), d.double(2), d.pred(3)
	return func(w *warp, mask uint32) {
		if w.pred(scale, mask) != everyLane {
			w.fail("sums are not added to")
			return
		}
		da, db := w.double(a, mask), w.double(b, mask)
		for l := range 32 {
			if da[l] != da[0] || db[l] != db[0] {
				w.failAt(1<<l, "the warp does not agree on descriptors")
				return
			}
		}
		p := product{sums, w.operand(da[0]), w.operand(db[0])}
		if !w.busy(sums) {
			for _, r := range sums {
				w.word(r, mask)
			}
		}
		for _, r := range sums {
			w.wordsSet[r] = 0
		}
		w.products = append(w.products, p)
	}
}

// busy tells whether products under way add to sums: those may be added to
// without waiting.
func (w *warp) busy(sums []int) bool {
	for _, g := range append(w.running, w.products) {
		for _, p := range g {
			if p.sums[0] == sums[0] && len(p.sums) == len(sums) {
				return true
			}
		}
	}
	return false
}

// multiply completes the products of all groups but the keep last.
func (w *warp) multiply(keep int) {
	for len(w.running) > keep && w.err == nil {
		group := w.running[0]
		w.running = w.running[1:]
		for _, p := range group {
			w.add(p)
		}
		for _, p := range group {
			if !w.busy(p.sums) {
				for _, r := range p.sums {
					w.wordsSet[r] = everyLane
				}
			}
		}
	}
}

func (w *warp) add(p product) {
	var rows [16][32]int8
	for i := range rows {
		p.a.row(w, w.id%4*16+i, &rows[i])
	}
	for c := range len(p.sums) * 2 {
		var col [32]int8
		p.b.row(w, c, &col)
		for r := range rows {
			var sum int32
			for k, v := range col {
				sum += int32(v) * int32(rows[r][k])
			}
			w.words[p.sums[c/8*4+r/8*2+c%2]][r%8*4+c%8/2] += uint32(sum)
		}
	}
}
