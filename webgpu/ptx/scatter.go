package ptx

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// scatterVariant runs a kernel that adds: a thread takes one column of a run
// of rows, sums what goes to the same element, and adds each sum to memory.
// Adding atomically costs more than everything else, and neighbouring rows
// often go to one element.
type scatterVariant struct{}

const (
	scatterLanes = 256
	// scatterFill is how many threads there should be before runs grow.
	scatterFill = 1 << 16
	scatterRun  = 32 // rows of a run at most
)

func (scatterVariant) name() string { return "scatter" }

// fill adds the rows of a run and the threads that have work.
func (scatterVariant) fill(pass *launch.Pass, rows, cols int) int {
	run := min(max(rows*cols/scatterFill, 1), scatterRun)
	threads := ceilDiv(rows, run) * cols
	pass.Params = append(pass.Params, int32(run), int32(threads))
	return ceilDiv(threads, scatterLanes)
}

func (scatterVariant) print(key string, k *kernel.Kernel) *printed {
	e := newEntry(key, scatterLanes, k, 2)
	u := newUnit(e, k, 1)
	number := u.threadNumber(scatterLanes)
	end, next, done := u.label(), u.label(), u.label()
	u.emit("@%s bra %s", u.when("ge.u32", number, u.extra(1)), end)
	chunk := u.divide(number, u.byCols())
	col := u.let("sub.s32", number, u.let("mul.lo.s32", chunk, u.cols()))
	row := u.variable(u.let("mul.lo.s32", chunk, u.extra(0)))
	last := u.let("min.s32", u.let("add.s32", row, u.extra(0)), u.rows())

	outer := u.scope("", col)
	var roots []*lower.Node
	sums := map[*store]*sum{}
	for _, x := range u.stores {
		roots = append(roots, x.value, x.index)
		if x.Add {
			sums[x] = &sum{index: u.variable("-1"), value: u.variable("0")}
		}
	}
	outer.hoist(func(n *lower.Node) bool { return !n.Row }, roots...)
	u.place(next)
	u.emit("@%s bra %s", u.when("ge.s32", row, last), done)
	s := outer.inner(row, col)
	for _, x := range u.stores {
		switch {
		case x.Add:
			s.gather(x, sums[x])
		case x.perRow():
			s.putRow(x, u.when("eq.s32", col, "0"))
		default:
			s.put(x, nil)
		}
	}
	u.emit("add.s32 %s, %s, 1", row, row)
	u.emit("bra %s", next)
	u.place(done)
	for _, x := range u.stores {
		if x.Add {
			outer.flush(x, sums[x], "")
		}
	}
	u.place(end)
	return e.code()
}

// sum is what a thread has to add to an element of an output.
type sum struct{ index, value string }

// gather takes in the value of one row. Sums wrap around as those in memory
// do, and so end where the proof says.
func (s *scope) gather(x *store, to *sum) {
	value := s.one(x.value)
	index := s.one(x.index)
	if x.unit {
		index = s.let("add.s32", index, s.vecs[0])
	}
	other := s.when("ne.s32", s.register(index), to.index)
	s.flush(x, to, other)
	s.emit("selp.s32 %s, 0, %s, %s", to.value, to.value, other)
	s.emit("add.s32 %s, %s, %s", to.value, to.value, value)
	s.emit("mov.b32 %s, %s", to.index, index)
}

// flush adds a sum to memory, unless it is 0 or other, if given, does not
// hold.
func (s *scope) flush(x *store, from *sum, other string) {
	skip := s.label()
	if other != "" {
		s.emit("@!%s bra %s", other, skip)
	}
	s.emit("@%s bra %s", s.when("eq.s32", from.value, "0"), skip)
	s.emit("red.global.add.s32 [%s], %s", s.address(x.Buf, x.dtype, from.index), from.value)
	s.place(skip)
}
