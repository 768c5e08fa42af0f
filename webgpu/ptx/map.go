package ptx

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// mapLanes are the threads of a workgroup of a map.
const mapLanes = 256

// mapVariant runs a map with a thread for width consecutive elements of a row.
// With acc it finishes a product instead, whose sums are in memory that is
// bound after the kernel's.
type mapVariant struct {
	width int
	acc   bool
}

func mapVariantFor(k *kernel.Kernel, rows, cols int) mapVariant {
	if lower.IsFlat(k) {
		cols *= rows
	}
	return mapVariant{width: widthFor(cols)}
}

func (v mapVariant) name() string {
	if v.acc {
		return fmt.Sprintf("finish%d", v.width)
	}
	return fmt.Sprintf("map%d", v.width)
}

// fill adds how many threads have work.
func (v mapVariant) fill(pass *launch.Pass, rows, cols int) int {
	threads := rows * cols / v.width
	pass.Params = append(pass.Params, int32(threads))
	return ceilDiv(threads, mapLanes)
}

func (v mapVariant) print(key string, k *kernel.Kernel) *printed {
	e := newEntry(key, mapLanes, k, 1)
	u := newUnit(e, k, v.width)
	number := u.threadNumber(mapLanes)
	end := u.label()
	u.emit("@%s bra %s", u.when("ge.u32", number, u.extra(0)), end)
	first := number
	if v.width > 1 {
		first = u.let("mul.lo.s32", number, literal(v.width))
	}
	s := u.scope("", first)
	if !lower.IsFlat(k) {
		s.row = u.divide(first, u.byCols())
		s.vecs[0] = u.let("sub.s32", first, u.let("mul.lo.s32", s.row, u.cols()))
	}
	if v.acc {
		e.bindings = append(e.bindings, launch.Binding{DType: kernel.I32})
		at := u.wide("mad.wide.s32", first, "4", u.pointer(len(k.Bufs)))
		if v.width == 4 {
			s.acc = s.loadFour(kernel.I32, at)
		} else {
			s.acc = []string{u.let("ld.global.nc.s32", "["+at+"]")}
		}
	}
	for _, x := range u.stores {
		if x.perRow() {
			s.putRow(x, u.when("eq.s32", s.vecs[0], "0"))
		} else {
			s.put(x, nil)
		}
	}
	u.place(end)
	return e.code()
}

// threadNumber is the number of a thread among all.
func (a *asm) threadNumber(lanes int) string {
	return a.let("mad.lo.s32", a.let("mov.u32", "%ctaid.x"), literal(lanes), a.let("mov.u32", "%tid.x"))
}
