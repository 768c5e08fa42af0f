package ptxtest

import "math/bits"

// tensor decodes what moves and multiplies matrices.
func (d *decoder) tensor() (func(*warp, uint32), kind) {
	switch d.opcode {
	case "cp.async.cg.shared.global":
		return d.asyncCopy(), plain
	case "cp.async.commit_group":
		d.want(0)
		return func(w *warp, mask uint32) {
			w.pending = append(w.pending, w.copies)
			w.copies = nil
		}, convergent
	case "cp.async.wait_group":
		d.want(1)
		keep := int(d.number(d.args[0]))
		return func(w *warp, mask uint32) { w.finish(keep) }, convergent
	case "ldmatrix.sync.aligned.m8n8.x4.shared.b16":
		return d.ldmatrix(), convergent
	case "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32":
		return d.mma(), convergent
	}
	return d.hopper()
}

// asyncCopy is a copy under way (9.7.9.25.3): size bytes of global memory and
// zeros up to 16. It takes effect as late as it may: when its group is waited
// for.
type asyncCopy struct {
	lane     int
	to, from uint64
	size     int
}

func (d *decoder) asyncCopy() func(*warp, uint32) {
	d.want(4)
	to, from, size := d.address(0, "r"), d.address(1, "d"), d.source(3)
	if d.args[2] != "16" {
		d.fail("copies other than 16 bytes")
	}
	return func(w *warp, mask uint32) {
		dst, src, n := w.word(to.base, mask), w.double(from.base, mask), w.read(&size, mask)
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			c := asyncCopy{l, uint64(dst[l]) + uint64(to.offset), src[l] + uint64(from.offset), int(n[l])}
			// Nobody else may use the place until the copy is done.
			if c.size != 0 && c.size != 16 || w.sharedBytes(l, c.to, 16, true) == nil {
				w.fail("copy of %d bytes", c.size)
				return
			}
			w.copies = append(w.copies, c)
		}
	}
}

// finish completes the copies of all groups but the keep last.
func (w *warp) finish(keep int) {
	for len(w.pending) > keep {
		for _, c := range w.pending[0] {
			dst := w.sharedBytes(c.lane, c.to, 16, true)
			if dst == nil {
				return
			}
			clear(dst)
			if c.size > 0 {
				copy(dst, w.globalBytes(c.lane, c.from, c.size, false, true))
			}
		}
		w.pending = w.pending[1:]
	}
}

// ldmatrix (9.7.14.5.15) reads four matrices of 8 rows of 16 bytes. Lanes 8i to
// 8i+7 name the rows of matrix i; of its row l/4, lane l gets bytes 4(l%4) to
// 4(l%4)+3, in register i.
func (d *decoder) ldmatrix() func(*warp, uint32) {
	d.want(2)
	regs, at := d.list(0, 4), d.address(1, "r")
	return func(w *warp, mask uint32) {
		rows := w.word(at.base, mask)
		for i, r := range regs {
			for row := range 8 {
				b := w.sharedBytes(8*i+row, uint64(rows[8*i+row])+uint64(at.offset), 16, false)
				if b == nil {
					return
				}
				for c := range 4 {
					w.words[r][4*row+c] = get(b[4*c:], 4, false)
				}
			}
			w.wordsSet[r] = everyLane
		}
		w.conflicts(rows)
	}
}

// conflicts refuses reads of matrices whose eight rows share banks: right, but
// several times as slow as the layout is there to make them.
func (w *warp) conflicts(rows *[32]uint32) {
	for i := 0; i < 32; i += 8 {
		var banks uint32
		for _, a := range rows[i : i+8] {
			banks |= 1 << (a / 16 % 8)
		}
		if banks != 255 {
			w.failAt(1<<i, "the rows of a matrix share banks")
		}
	}
}

// mma (9.7.14.5.8, m16n8k32 with .s8) adds to C, 16x8, the product of A, 16x32
// by rows, and B, 32x8 by columns. With g = lane/4 and t = lane%4 a lane has
//
//	A: register i, byte j: row g + 8(i%2), column 4t + j + 16(i/2)
//	B: register i, byte j: row 4t + j + 16i, column g
//	C: register i: row g + 8(i/2), column 2t + i%2
func (d *decoder) mma() func(*warp, uint32) {
	d.want(4)
	dst, a, b, c := d.list(0, 4), d.list(1, 4), d.list(2, 2), d.list(3, 4)
	return func(w *warp, mask uint32) {
		var rows [16][32]int8
		var cols [8][32]int8
		for l := range 32 {
			g, t := l/4, l%4
			for i, r := range a {
				v := w.word(r, mask)[l]
				for j := range 4 {
					rows[g+8*(i%2)][4*t+j+16*(i/2)] = int8(v >> (8 * j))
				}
			}
			for i, r := range b {
				v := w.word(r, mask)[l]
				for j := range 4 {
					cols[g][4*t+j+16*i] = int8(v >> (8 * j))
				}
			}
		}
		var sums [4][32]uint32
		for l := range 32 {
			for i, r := range c {
				x, y := &rows[l/4+8*(i/2)], &cols[2*(l%4)+i%2]
				var sum int32
				for k := range x {
					sum += int32(x[k]) * int32(y[k])
				}
				sums[i][l] = w.word(r, mask)[l] + uint32(sum)
			}
		}
		for i, r := range dst {
			w.words[r] = sums[i]
			w.wordsSet[r] = everyLane
		}
	}
}
