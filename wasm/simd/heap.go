package simd

import (
	"fmt"
	"slices"
)

// align is the alignment of every block: a cache line.
const align = 64

// heap hands out blocks of the module's memory, first fit. Offsets are 64-bit
// because a memory of 4 GiB ends where 32 bits do.
type heap struct {
	base  uint64 // the first byte it may hand out
	end   uint64 // of the memory
	limit uint64 // of the memory, at most
	used  uint64
	free  []block // by address, never adjacent
	grow  func(pages uint32) error
}

type block struct{ ptr, size uint64 }

func (b block) end() uint64 { return b.ptr + b.size }

func newHeap(base, end, limit uint64, grow func(pages uint32) error) *heap {
	h := &heap{base: roundUp(base, align), end: end, limit: limit, grow: grow}
	if h.base < h.end {
		h.free = []block{{h.base, h.end - h.base}}
	}
	return h
}

func roundUp(n, unit uint64) uint64 { return (n + unit - 1) / unit * unit }

// alloc returns a block of at least size bytes.
func (h *heap) alloc(size uint64) (block, error) {
	size = roundUp(max(size, 1), align)
	for i, f := range h.free {
		if f.size >= size {
			return h.take(i, size), nil
		}
	}
	if err := h.extend(size); err != nil {
		return block{}, err
	}
	return h.take(len(h.free)-1, size), nil
}

func (h *heap) take(i int, size uint64) block {
	f := &h.free[i]
	b := block{f.ptr, size}
	f.ptr, f.size = f.ptr+size, f.size-size
	if f.size == 0 {
		h.free = slices.Delete(h.free, i, i+1)
	}
	h.used += size
	return b
}

// extend grows the memory until its last free block holds size bytes. It asks
// for a quarter more than there is, if the limit allows, since growing can
// mean copying.
func (h *heap) extend(size uint64) error {
	tail := uint64(0)
	if n := len(h.free); n > 0 && h.free[n-1].end() == h.end {
		tail = h.free[n-1].size
	}
	need := roundUp(h.end+size-tail, PageSize)
	if need > h.limit {
		return fmt.Errorf("simd: out of memory: %d bytes wanted, %d of %d in use", size, h.used, h.limit-h.base)
	}
	for _, end := range []uint64{min(max(need, roundUp(h.end+h.end/4, PageSize)), h.limit/PageSize*PageSize), need} {
		err := h.grow(uint32((end - h.end) / PageSize))
		if err == nil {
			grown := block{h.end, end - h.end}
			h.end = end
			h.insert(grown)
			return nil
		}
		if end == need {
			return fmt.Errorf("simd: growing the memory to %d bytes: %w", end, err)
		}
	}
	return nil
}

// release gives b back.
func (h *heap) release(b block) {
	h.used -= b.size
	h.insert(b)
}

func (h *heap) insert(b block) {
	i, _ := slices.BinarySearchFunc(h.free, b.ptr, func(f block, ptr uint64) int {
		if f.ptr < ptr {
			return -1
		}
		return 1
	})
	h.free = slices.Insert(h.free, i, b)
	if i+1 < len(h.free) && h.free[i].end() == h.free[i+1].ptr {
		h.free[i].size += h.free[i+1].size
		h.free = slices.Delete(h.free, i+1, i+2)
	}
	if i > 0 && h.free[i-1].end() == h.free[i].ptr {
		h.free[i-1].size += h.free[i].size
		h.free = slices.Delete(h.free, i, i+1)
	}
}
