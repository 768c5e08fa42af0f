package gpu

import (
	"encoding/binary"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// extents tells of data, by type, the smallest interval that holds all its
// elements. The proof of a program holds only for inputs within their ranges,
// and a device cannot be asked for a range without waiting for it: so what is
// uploaded is looked at once, for every type it may turn out to have.
type extents [kernel.I32 + 1]kernel.Interval

func extentsOf(data []byte) extents {
	var e extents
	whole := len(data) &^ 7
	all := []lanes{newLanes(kernel.I8), newLanes(kernel.I16), newLanes(kernel.I32)}
	for rest := data[:whole]; len(rest) > 0; {
		const block = 1 << 12 // stays in the first cache
		now := rest[:min(block, len(rest))]
		rest = rest[len(now):]
		for i := range all {
			// Most data soon holds the least and the greatest byte there is.
			if l := &all[i]; l.interval() != l.dtype.Range() {
				l.see(now)
			}
		}
	}
	for _, l := range all {
		t := l.dtype
		e[t] = l.interval()
		for rest := data[whole:]; len(rest) >= t.Size(); rest = rest[t.Size():] {
			e[t] = hull(e[t], element(t, rest), whole == 0 && len(rest) == len(data))
		}
	}
	return e
}

func hull(e kernel.Interval, v int64, first bool) kernel.Interval {
	if first {
		return kernel.Point(v)
	}
	return kernel.Interval{Lo: min(e.Lo, v), Hi: max(e.Hi, v)}
}

// element is the first element of data.
func element(t kernel.DType, data []byte) int64 {
	switch t {
	case kernel.I8:
		return int64(int8(data[0]))
	case kernel.I16:
		return int64(int16(binary.LittleEndian.Uint16(data)))
	}
	return int64(int32(binary.LittleEndian.Uint32(data)))
}

// lanes keeps the least and the greatest of the signed numbers that lie side by
// side in 64-bit words, for each place apart. Numbers are kept with their sign
// bit flipped, which makes their order that of unsigned ones.
type lanes struct {
	dtype  kernel.DType
	width  int    // bits of a number
	top    uint64 // the highest bit of every number
	lo, hi uint64
}

func newLanes(t kernel.DType) lanes {
	width := 8 * t.Size()
	return lanes{dtype: t, width: width, top: ^uint64(0) / (1<<width - 1) << (width - 1), lo: ^uint64(0)}
}

// see looks at data, whole 64-bit words.
func (l *lanes) see(data []byte) {
	lo, hi := l.lo, l.hi
	for ; len(data) >= 8; data = data[8:] {
		x := binary.LittleEndian.Uint64(data) ^ l.top
		hi ^= (hi ^ x) & l.above(x, hi)
		lo ^= (lo ^ x) & l.above(lo, x)
	}
	l.lo, l.hi = lo, hi
}

// above has all bits set where the number in x is at least that in y. The
// difference of the low bits leaves its borrow in the highest bit, which
// decides where the highest bits are equal.
func (l *lanes) above(x, y uint64) uint64 {
	d := (x | l.top) - (y &^ l.top)
	ge := (x&^y | ^(x^y)&d) & l.top
	return ge<<1 - ge>>(l.width-1)
}

func (l *lanes) interval() kernel.Interval {
	at := func(x uint64, shift int) int64 {
		return int64((x^l.top)<<(64-l.width-shift)) >> (64 - l.width)
	}
	e := kernel.Point(at(l.lo, 0))
	for shift := 0; shift < 64; shift += l.width {
		e = kernel.Interval{Lo: min(e.Lo, at(l.lo, shift)), Hi: max(e.Hi, at(l.hi, shift))}
	}
	return e
}

// proved is what is known of an output.
func proved(t ops.Type) extents {
	var e extents
	for d := kernel.I8; d <= kernel.I32; d++ {
		e[d] = d.Range()
	}
	e[t.DType] = t.Range
	return e
}
