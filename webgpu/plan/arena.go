package plan

import "slices"

// arena hands out offsets, reusing what was given back: the smallest hole
// that fits, else new room at the end.
type arena struct {
	size  int
	holes []hole // by offset, never adjacent
}

type hole struct{ offset, size int }

func roundUp(n int) int { return (n + Align - 1) / Align * Align }

func (a *arena) take(size int) int {
	size = roundUp(size)
	best := -1
	for i, h := range a.holes {
		if h.size >= size && (best < 0 || h.size < a.holes[best].size) {
			best = i
		}
	}
	if best < 0 {
		offset := a.size
		// A hole at the end is the start of the new room.
		if n := len(a.holes); n > 0 && a.holes[n-1].offset+a.holes[n-1].size == a.size {
			offset = a.holes[n-1].offset
			a.holes = a.holes[:n-1]
		}
		a.size = offset + size
		return offset
	}
	h := &a.holes[best]
	offset := h.offset
	h.offset += size
	h.size -= size
	if h.size == 0 {
		a.holes = slices.Delete(a.holes, best, best+1)
	}
	return offset
}

func (a *arena) give(offset, size int) {
	size = roundUp(size)
	i, _ := slices.BinarySearchFunc(a.holes, offset, func(h hole, o int) int { return h.offset - o })
	a.holes = slices.Insert(a.holes, i, hole{offset, size})
	if i+1 < len(a.holes) && offset+size == a.holes[i+1].offset {
		a.holes[i].size += a.holes[i+1].size
		a.holes = slices.Delete(a.holes, i+1, i+2)
	}
	if i > 0 && a.holes[i-1].offset+a.holes[i-1].size == offset {
		a.holes[i-1].size += a.holes[i].size
		a.holes = slices.Delete(a.holes, i, i+1)
	}
}
