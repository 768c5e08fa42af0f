package ptx

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// place is an address that a scope has computed: of element base + the first
// column of group vec.
type place struct {
	buf  int
	base *lower.Node
	vec  int
}

// aligned tells whether a unit access from base may take four columns at once,
// in rows of whole fours: base is a multiple of four.
func aligned(base *lower.Node) bool {
	a := base.Args
	switch base.Op {
	case kernel.OpConst:
		return base.K%4 == 0
	case kernel.OpCols:
		return true
	case kernel.OpMul:
		return aligned(a[0]) || aligned(a[1])
	case kernel.OpAdd, kernel.OpSub:
		return aligned(a[0]) && aligned(a[1])
	case kernel.OpShl:
		return aligned(a[0]) || a[1].Op == kernel.OpConst && a[1].K >= 2
	}
	return false
}

// address is where element index of buf is, as it stands between brackets.
func (e *entry) address(buf int, t kernel.DType, index string) string {
	if n, err := strconv.Atoi(index); err == nil {
		return fmt.Sprintf("%s+%d", e.pointer(buf), n*t.Size())
	}
	return e.wide("mad.wide.s32", index, literal(t.Size()), e.pointer(buf))
}

// unitAddress is where the first column of group vec is in a unit access.
func (s *scope) unitAddress(buf int, base *lower.Node, vec int) string {
	key := place{buf, base, vec}
	for o := s; o != nil; o = o.up {
		if d := o.places[key]; d != "" && o.vecs[vec] == s.vecs[vec] {
			return d
		}
	}
	index := s.vecs[vec]
	if !base.IsConst(0) {
		index = s.let("add.s32", index, s.one(base))
	}
	d := s.wide("mad.wide.s32", index, literal(s.kernel.Bufs[buf].DType.Size()), s.pointer(buf))
	s.places[key] = d
	return d
}

// scalar names the type of an element in loads, which extend the sign, and in
// stores.
var scalar = map[kernel.DType]string{kernel.I8: "s8", kernel.I16: "s16", kernel.I32: "s32"}

// load reads an input. Inputs do not change while a kernel runs, so they may
// come through the cache that is not kept coherent.
func (s *scope) load(n *lower.Node) []string {
	buf := int(n.K)
	t := s.kernel.Bufs[buf].DType
	op := "ld.global.nc." + scalar[t]
	if n.Unit {
		var v []string
		for vec := range s.vecs {
			d := s.unitAddress(buf, n.Args[0], vec)
			if s.width == 4 && aligned(n.Args[0]) {
				v = append(v, s.loadFour(t, d)...)
				continue
			}
			for j := range s.width {
				v = append(v, s.let(op, fmt.Sprintf("[%s+%d]", d, j*t.Size())))
			}
		}
		return v
	}
	var v []string
	for _, index := range s.value(n.Args[0]) {
		v = append(v, s.let(op, "["+s.address(buf, t, index)+"]"))
	}
	return v
}

// loadFour reads four elements at once.
func (s *scope) loadFour(t kernel.DType, address string) []string {
	v := []string{s.word(), s.word(), s.word(), s.word()}
	switch t {
	case kernel.I32:
		s.emit("ld.global.nc.v4.b32 {%s}, [%s]", strings.Join(v, ", "), address)
	case kernel.I16:
		lo, hi := s.word(), s.word()
		s.emit("ld.global.nc.v2.b32 {%s, %s}, [%s]", lo, hi, address)
		for j, w := range []string{lo, lo, hi, hi} {
			s.emit("bfe.s32 %s, %s, %d, 16", v[j], w, j%2*16)
		}
	case kernel.I8:
		w := s.let("ld.global.nc.b32", "["+address+"]")
		for j := range v {
			s.emit("bfe.s32 %s, %s, %d, 8", v[j], w, j*8)
		}
	}
	return v
}

// put does a store that happens at every column. valid, if any, has a
// predicate for each group of columns.
func (s *scope) put(x *store, valid []string) {
	v := s.spread(x.value)
	guard := func(vec int) string {
		if valid == nil {
			return ""
		}
		return "@" + valid[vec] + " "
	}
	if !x.unit {
		index := s.spread(x.index)
		for i := range v {
			s.putOne(x, guard(i/s.width), s.address(x.Buf, x.dtype, index[i]), v[i])
		}
		return
	}
	for vec := range s.vecs {
		d := s.unitAddress(x.Buf, x.index, vec)
		four := v[vec*s.width : (vec+1)*s.width]
		if s.width == 4 && aligned(x.index) && !x.Add {
			s.putFour(x, guard(vec), d, four)
			continue
		}
		for j, w := range four {
			s.putOne(x, guard(vec), fmt.Sprintf("%s+%d", d, j*x.dtype.Size()), w)
		}
	}
}

// putRow does a store that happens once per row, where first holds.
func (s *scope) putRow(x *store, first string) {
	s.putOne(x, "@"+first+" ", s.address(x.Buf, x.dtype, s.one(x.index)), s.one(x.value))
}

// putOne stores one element. Bytes are stored alone: memory of this machine
// has no larger unit.
func (s *scope) putOne(x *store, guard, address, value string) {
	if x.Add {
		s.emit("%sred.global.add.s32 [%s], %s", guard, address, s.register(value))
		return
	}
	op := map[kernel.DType]string{kernel.I8: "b8", kernel.I16: "b16", kernel.I32: "b32"}[x.dtype]
	s.emit("%sst.global.%s [%s], %s", guard, op, address, s.register(value))
}

// putFour stores four elements at once.
func (s *scope) putFour(x *store, guard, address string, v []string) {
	v = []string{s.register(v[0]), s.register(v[1]), s.register(v[2]), s.register(v[3])}
	switch x.dtype {
	case kernel.I32:
		s.emit("%sst.global.v4.b32 [%s], {%s}", guard, address, strings.Join(v, ", "))
	case kernel.I16:
		lo, hi := s.let("prmt.b32", v[0], v[1], "0x5410"), s.let("prmt.b32", v[2], v[3], "0x5410")
		s.emit("%sst.global.v2.b32 [%s], {%s, %s}", guard, address, lo, hi)
	case kernel.I8:
		lo, hi := s.let("prmt.b32", v[0], v[1], "0x0040"), s.let("prmt.b32", v[2], v[3], "0x0040")
		s.emit("%sst.global.b32 [%s], %s", guard, address, s.let("prmt.b32", lo, hi, "0x5410"))
	}
}
