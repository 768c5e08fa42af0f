package ptxtest

import (
	"math/bits"
	"strconv"
	"strings"
)

// The arithmetic of words, by opcode. Sections of the PTX ISA: 9.7.1 integer
// arithmetic, 9.7.8 logic and shifts. Shift counts above 31 act as 32.
var one = map[string]func(x uint32) uint32{
	"mov.u32": func(x uint32) uint32 { return x },
	"mov.b32": func(x uint32) uint32 { return x },
	"not.b32": func(x uint32) uint32 { return ^x },
	"abs.s32": func(x uint32) uint32 { return uint32(max(int32(x), -int32(x))) },
	"bfind.u32": func(x uint32) uint32 { // 0xffffffff for 0
		return uint32(bits.Len32(x) - 1)
	},
}

var two = map[string]func(x, y uint32) uint32{
	"add.s32":    func(x, y uint32) uint32 { return x + y },
	"sub.s32":    func(x, y uint32) uint32 { return x - y },
	"mul.lo.s32": func(x, y uint32) uint32 { return x * y },
	"mul.hi.u32": func(x, y uint32) uint32 { return uint32(uint64(x) * uint64(y) >> 32) },
	"and.b32":    func(x, y uint32) uint32 { return x & y },
	"or.b32":     func(x, y uint32) uint32 { return x | y },
	"xor.b32":    func(x, y uint32) uint32 { return x ^ y },
	"min.s32":    func(x, y uint32) uint32 { return uint32(min(int32(x), int32(y))) },
	"max.s32":    func(x, y uint32) uint32 { return uint32(max(int32(x), int32(y))) },
	"shl.b32":    func(x, y uint32) uint32 { return x << min(y, 32) },
	"shr.u32":    func(x, y uint32) uint32 { return x >> min(y, 32) },
	"shr.s32":    func(x, y uint32) uint32 { return uint32(int32(x) >> min(y, 31)) },
}

var three = map[string]func(x, y, z uint32) uint32{
	"mad.lo.s32": func(x, y, z uint32) uint32 { return x*y + z },
	// bfe.s32 (9.7.1.20): length z bits of x from bit y, sign extended.
	"bfe.s32": func(x, y, z uint32) uint32 {
		if y&255+z&255 > 32 || z&255 == 0 {
			return 0x80000000 // not used so: would show
		}
		return uint32(int32(x<<(32-y-z)) >> (32 - z))
	},
	// prmt.b32 (9.7.8.7): byte i of the result is the byte of y:x that nibble
	// i of z names. The sign-replicating bit is not used.
	"prmt.b32": func(x, y, z uint32) uint32 {
		both, r := uint64(y)<<32|uint64(x), uint32(0)
		for i := range 4 {
			r |= uint32(both>>(8*(z>>(4*i)&7))&255) << (8 * i)
		}
		return r
	},
}

var compare = map[string]func(x, y uint32) bool{
	"eq.s32": func(x, y uint32) bool { return x == y },
	"ne.s32": func(x, y uint32) bool { return x != y },
	"lt.s32": func(x, y uint32) bool { return int32(x) < int32(y) },
	"le.s32": func(x, y uint32) bool { return int32(x) <= int32(y) },
	"gt.s32": func(x, y uint32) bool { return int32(x) > int32(y) },
	"ge.s32": func(x, y uint32) bool { return int32(x) >= int32(y) },
	"lt.u32": func(x, y uint32) bool { return x < y },
	"ge.u32": func(x, y uint32) bool { return x >= y },
}

// redux.sync (9.7.13.8) over all lanes.
var reductions = map[string]func(x, y uint32) uint32{
	"redux.sync.add.s32": two["add.s32"],
	"redux.sync.max.s32": two["max.s32"],
	"redux.sync.or.b32":  two["or.b32"],
}

// operation decodes everything that is no jump.
func (d *decoder) operation() (func(*warp, uint32), kind) {
	if f := one[d.opcode]; f != nil {
		d.want(2)
		to, x := d.word(0), d.source(1)
		return func(w *warp, mask uint32) {
			a, r := w.read(&x, mask), &w.words[to]
			for m := mask; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m) & 31
				r[l] = f(a[l])
			}
			w.wordsSet[to] |= mask
		}, plain
	}
	if f := two[d.opcode]; f != nil {
		d.want(3)
		to, x, y := d.word(0), d.source(1), d.source(2)
		return func(w *warp, mask uint32) {
			a, b, r := w.read(&x, mask), w.read(&y, mask), &w.words[to]
			for m := mask; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m) & 31
				r[l] = f(a[l], b[l])
			}
			w.wordsSet[to] |= mask
		}, plain
	}
	if f := three[d.opcode]; f != nil {
		d.want(4)
		to, x, y, z := d.word(0), d.source(1), d.source(2), d.source(3)
		return func(w *warp, mask uint32) {
			a, b, c, r := w.read(&x, mask), w.read(&y, mask), w.read(&z, mask), &w.words[to]
			for m := mask; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m) & 31
				r[l] = f(a[l], b[l], c[l])
			}
			w.wordsSet[to] |= mask
		}, plain
	}
	if name, ok := strings.CutPrefix(d.opcode, "setp."); ok && compare[name] != nil {
		return d.setp(compare[name]), plain
	}
	if f := reductions[d.opcode]; f != nil {
		return d.redux(f), convergent
	}
	switch d.opcode {
	case "shfl.sync.bfly.b32":
		return d.shuffle(), convergent
	case "and.pred":
		d.want(3)
		to, x, y := d.pred(0), d.pred(1), d.pred(2)
		return func(w *warp, mask uint32) {
			w.preds[to] = w.preds[to]&^mask | w.pred(x, mask)&w.pred(y, mask)&mask
			w.predsSet[to] |= mask
		}, plain
	case "selp.s32":
		return d.selp(), plain
	case "div.u32":
		return d.divide(), plain
	case "mad.wide.s32":
		return d.madWide(), plain
	case "add.s64":
		return d.twoWide(func(x, y uint64) uint64 { return x + y }), plain
	case "or.b64":
		return d.twoWide(func(x, y uint64) uint64 { return x | y }), plain
	case "cvt.u64.u32":
		return d.widen(), plain
	case "cvta.to.global.u64":
		return d.convert(), plain
	}
	return d.memory()
}

func (d *decoder) setp(f func(x, y uint32) bool) func(*warp, uint32) {
	d.want(3)
	to, x, y := d.pred(0), d.source(1), d.source(2)
	return func(w *warp, mask uint32) {
		a, b := w.read(&x, mask), w.read(&y, mask)
		var r uint32
		for m := mask; m != 0; m &= m - 1 {
			if l := bits.TrailingZeros32(m) & 31; f(a[l], b[l]) {
				r |= 1 << l
			}
		}
		w.preds[to] = w.preds[to]&^mask | r
		w.predsSet[to] |= mask
	}
}

func (d *decoder) selp() func(*warp, uint32) {
	d.want(4)
	to, x, y, p := d.word(0), d.source(1), d.source(2), d.pred(3)
	return func(w *warp, mask uint32) {
		a, b, r, c := w.read(&x, mask), w.read(&y, mask), &w.words[to], w.pred(p, mask)
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			if r[l] = b[l]; c>>l&1 != 0 {
				r[l] = a[l]
			}
		}
		w.wordsSet[to] |= mask
	}
}

// divide refuses 0 as divisor: what comes of it is left open (9.7.1.8).
func (d *decoder) divide() func(*warp, uint32) {
	d.want(3)
	to, x, y := d.word(0), d.source(1), d.source(2)
	return func(w *warp, mask uint32) {
		a, b, r := w.read(&x, mask), w.read(&y, mask), &w.words[to]
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			if b[l] == 0 {
				w.failAt(1<<l, "division by zero")
				return
			}
			r[l] = a[l] / b[l]
		}
		w.wordsSet[to] |= mask
	}
}

func (d *decoder) redux(f func(x, y uint32) uint32) func(*warp, uint32) {
	d.want(3)
	to, x := d.word(0), d.source(1)
	if d.args[2] != "0xffffffff" {
		d.fail("not all lanes are members")
	}
	return func(w *warp, mask uint32) {
		a := w.read(&x, mask)
		v := a[0]
		for _, x := range a[1:] {
			v = f(v, x)
		}
		for l := range w.words[to] {
			w.words[to][l] = v
		}
		w.wordsSet[to] = everyLane
	}
}

// shuffle is the butterfly of all lanes (9.7.8.6): each gets the value of the
// lane whose number differs from its own in the bits of the second operand.
func (d *decoder) shuffle() func(*warp, uint32) {
	d.want(5)
	to, x, far := d.word(0), d.source(1), int(d.number(d.args[2]))
	if d.args[3] != "31" || d.args[4] != "0xffffffff" || far < 1 || far > 31 {
		d.fail("not a butterfly of all lanes")
	}
	return func(w *warp, mask uint32) {
		a := *w.read(&x, mask)
		for l := range w.words[to] {
			w.words[to][l] = a[(l^far)&31]
		}
		w.wordsSet[to] = everyLane
	}
}

// madWide is a 32-bit product of full width added to an address.
func (d *decoder) madWide() func(*warp, uint32) {
	d.want(4)
	to, x, y, z := d.double(0), d.source(1), d.source(2), d.double(3)
	return func(w *warp, mask uint32) {
		a, b, c, r := w.read(&x, mask), w.read(&y, mask), w.double(z, mask), &w.doubles[to]
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			r[l] = uint64(int64(int32(a[l]))*int64(int32(b[l]))) + c[l]
		}
		w.doublesSet[to] |= mask
	}
}

// twoWide combines an address or descriptor with a register or a literal.
func (d *decoder) twoWide(f func(x, y uint64) uint64) func(*warp, uint32) {
	d.want(3)
	to, x, y := d.double(0), d.double(1), -1
	var by uint64
	if strings.HasPrefix(d.args[2], "%") {
		y = d.double(2)
	} else {
		v, err := strconv.ParseUint(d.args[2], 0, 64)
		if err != nil {
			d.fail("%s is no 64-bit number", d.args[2])
		}
		by = v
	}
	return func(w *warp, mask uint32) {
		a, r := w.double(x, mask), &w.doubles[to]
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			v := by
			if y >= 0 {
				v = w.double(y, mask)[l]
			}
			r[l] = f(a[l], v)
		}
		w.doublesSet[to] |= mask
	}
}

// widen is a word with zeros above.
func (d *decoder) widen() func(*warp, uint32) {
	d.want(2)
	to, x := d.double(0), d.source(1)
	return func(w *warp, mask uint32) {
		a, r := w.read(&x, mask), &w.doubles[to]
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			r[l] = uint64(a[l])
		}
		w.doublesSet[to] |= mask
	}
}

// convert is a move: addresses here are the same in every space that has
// 64-bit ones.
func (d *decoder) convert() func(*warp, uint32) {
	d.want(2)
	to, x := d.double(0), d.double(1)
	return func(w *warp, mask uint32) {
		a, r := w.double(x, mask), &w.doubles[to]
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			r[l] = a[l]
		}
		w.doublesSet[to] |= mask
	}
}
