package ptxtest

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// access is a load or store of count values of size bytes.
type access struct {
	size, count int
	signed      bool
	shared      bool
	constant    bool // through the cache that is not coherent
	at          address
	regs        []int
	values      []source
}

// width of the types that loads and stores name.
var width = map[string]int{"b8": 1, "s8": 1, "b16": 2, "s16": 2, "b32": 4, "s32": 4}

// memory decodes loads, stores, atomic additions and asynchronous copies.
func (d *decoder) memory() (func(*warp, uint32), kind) {
	parts := strings.Split(d.opcode, ".")
	switch {
	case d.opcode == "ld.param.u64":
		d.want(2)
		to, at := d.double(0), d.address(1, "param")
		return func(w *warp, mask uint32) { w.loadPointer(to, at, mask) }, plain
	case d.opcode == "ld.param.b32":
		d.want(2)
		to, at := d.word(0), d.address(1, "param")
		return func(w *warp, mask uint32) { w.loadParam(to, at, mask) }, plain
	case d.opcode == "red.global.add.s32":
		d.want(2)
		at, v := d.address(0, "d"), d.source(1)
		return func(w *warp, mask uint32) { w.reduce(at, &v, mask) }, plain
	case len(parts) >= 3 && (parts[0] == "ld" || parts[0] == "st") && (parts[1] == "global" || parts[1] == "shared"):
		a := d.access(parts)
		if parts[0] == "ld" {
			return a.load, plain
		}
		return a.store, plain
	}
	return d.tensor()
}

// access decodes ld and st: 9.7.9.8, 9.7.9.11.
func (d *decoder) access(parts []string) *access {
	d.want(2)
	a := &access{shared: parts[1] == "shared", count: 1}
	space := "d"
	if a.shared {
		space = "r"
	}
	for _, p := range parts[2 : len(parts)-1] {
		switch p {
		case "nc":
			a.constant = true
		case "v2":
			a.count = 2
		case "v4":
			a.count = 4
		default:
			d.fail("unknown %s", p)
		}
	}
	last := parts[len(parts)-1]
	a.size, a.signed = width[last], last[0] == 's'
	if a.size == 0 {
		d.fail("unknown type %s", last)
	}
	if parts[0] == "ld" {
		a.at, a.regs = d.address(1, space), d.list(0, a.count)
		return a
	}
	a.at = d.address(0, space)
	for _, r := range d.list(1, a.count) {
		a.values = append(a.values, source{reg: r})
	}
	return a
}

// find returns the bytes that lane l accesses, or nil and an error.
func (a *access) find(w *warp, l int, mask uint32, write bool) []byte {
	n := a.size * a.count
	if a.shared {
		return w.sharedBytes(l, uint64(w.word(a.at.base, mask)[l])+uint64(a.at.offset), n, write)
	}
	return w.globalBytes(l, w.double(a.at.base, mask)[l]+uint64(a.at.offset), n, write, a.constant)
}

func (a *access) load(w *warp, mask uint32) {
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		b := a.find(w, l, mask, false)
		if b == nil {
			return
		}
		for i, r := range a.regs {
			w.words[r][l] = get(b[i*a.size:], a.size, a.signed)
		}
	}
	for _, r := range a.regs {
		w.wordsSet[r] |= mask
	}
}

func (a *access) store(w *warp, mask uint32) {
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		b := a.find(w, l, mask, true)
		if b == nil {
			return
		}
		for i := range a.values {
			put(b[i*a.size:], a.size, w.read(&a.values[i], mask)[l])
		}
	}
}

func get(b []byte, size int, signed bool) uint32 {
	switch {
	case size == 1 && signed:
		return uint32(int8(b[0]))
	case size == 1:
		return uint32(b[0])
	case size == 2 && signed:
		return uint32(int16(binary.LittleEndian.Uint16(b)))
	case size == 2:
		return uint32(binary.LittleEndian.Uint16(b))
	}
	return binary.LittleEndian.Uint32(b)
}

func put(b []byte, size int, v uint32) {
	switch size {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	default:
		binary.LittleEndian.PutUint32(b, v)
	}
}

func (w *warp) loadParam(to int, at address, mask uint32) {
	offset := w.group.program.params[at.param] + int(at.offset)
	if offset+4 > len(w.group.params) {
		w.fail("parameter at byte %d of %d", offset, len(w.group.params))
		return
	}
	v := binary.LittleEndian.Uint32(w.group.params[offset:])
	for l := range w.words[to] {
		w.words[to][l] = v
	}
	w.wordsSet[to] |= mask
}

func (w *warp) loadPointer(to int, at address, mask uint32) {
	v := binary.LittleEndian.Uint64(w.group.params[w.group.program.params[at.param]:])
	for l := range w.doubles[to] {
		w.doubles[to][l] = v
	}
	w.doublesSet[to] |= mask
}

// reduce is red.global.add: 9.7.13.6.
func (w *warp) reduce(at address, v *source, mask uint32) {
	addMu.Lock()
	defer addMu.Unlock()
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		b := w.globalBytes(l, w.double(at.base, mask)[l]+uint64(at.offset), 4, true, false)
		if b == nil {
			return
		}
		put(b, 4, get(b, 4, false)+w.read(v, mask)[l])
	}
}

// globalBytes are n bytes of global memory. They must lie in one binding of
// the launch, aligned as one access of their size.
func (w *warp) globalBytes(l int, address uint64, n int, write, constant bool) []byte {
	if address%uint64(n) != 0 {
		w.failAt(1<<l, "access of %d bytes at %#x is not aligned", n, address)
		return nil
	}
	for i := range w.group.bindings {
		b := &w.group.bindings[i]
		at := address - b.base
		if address < b.base || at+uint64(n) > uint64(len(b.data)) {
			continue
		}
		switch {
		case write && !b.write:
			w.failAt(1<<l, "store to binding %d, which is only read", i)
			return nil
		case constant && b.write:
			w.failAt(1<<l, "load of binding %d, which is written, through the constant cache", i)
			return nil
		}
		return b.data[at : at+uint64(n)]
	}
	w.failAt(1<<l, "access of %d bytes at %#x, which is in no binding", n, address)
	return nil
}

// sharedBytes are n bytes of the workgroup's memory. Threads of two warps may
// not touch a word without a barrier between, unless both read it.
func (w *warp) sharedBytes(l int, address uint64, n int, write bool) []byte {
	g := w.group
	if address%uint64(n) != 0 || address+uint64(n) > uint64(len(g.shared)) {
		w.failAt(1<<l, "access of %d bytes at %#x of %#x of shared memory", n, address, len(g.shared))
		return nil
	}
	for at := address / 4; at < (address+uint64(n)+3)/4; at++ {
		if !g.touch(int(at), w.id, write) {
			w.failAt(1<<l, "shared memory at %#x is used by another warp without a barrier between", 4*at)
			return nil
		}
		if write {
			g.filled[at] = true
			if g.program.proxies {
				g.behind[at] = true
				w.unfenced = append(w.unfenced, int(at))
			}
		} else if !g.filled[at] {
			w.failAt(1<<l, "shared memory at %#x is read before it is written", 4*at)
			return nil
		}
	}
	return g.shared[address : address+uint64(n)]
}
