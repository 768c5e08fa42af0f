package ptxtest

import (
	"fmt"
	"math/bits"
)

const everyLane = 1<<32 - 1

// warp is 32 threads and their registers. Registers know in which lanes they
// were written; reading one elsewhere is an error.
type warp struct {
	group *group
	id    int

	words       [][32]uint32
	doubles     [][32]uint64
	preds       []uint32
	wordsSet    []uint32
	doublesSet  []uint32
	predsSet    []uint32
	thread, cta [32]uint32

	pc      [32]int
	live    uint32 // lanes that have not returned
	line    int    // of the instruction at work, for errors
	waiting bool   // at a barrier
	err     error

	copies  []asyncCopy   // cp.async of the group that is not yet committed
	pending [][]asyncCopy // and of those that are, the oldest first

	products []product // wgmma, likewise
	running  [][]product
	unfenced []int // words of shared memory written since the last proxy fence
}

func newWarp(g *group, id int) *warp {
	p := g.program
	w := &warp{
		group: g, id: id, live: everyLane,
		words: make([][32]uint32, p.words), wordsSet: make([]uint32, p.words),
		doubles: make([][32]uint64, p.doubles), doublesSet: make([]uint32, p.doubles),
		preds: make([]uint32, p.preds), predsSet: make([]uint32, p.preds),
	}
	for l := range w.thread {
		w.thread[l] = uint32(id*32 + l)
	}
	return w
}

// start puts the warp at the beginning of workgroup number cta.
func (w *warp) start(cta int) {
	w.live, w.waiting, w.err, w.pc = everyLane, false, nil, [32]int{}
	w.copies, w.pending, w.products, w.running, w.unfenced = nil, nil, nil, nil, nil
	clear(w.wordsSet)
	clear(w.doublesSet)
	clear(w.predsSet)
	for l := range w.cta {
		w.cta[l] = uint32(cta)
	}
}

func (w *warp) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("line %d: %s", w.line, fmt.Sprintf(format, args...))
	}
}

// failAt is fail for the first lane of mask.
func (w *warp) failAt(mask uint32, format string, args ...any) {
	l := bits.TrailingZeros32(mask)
	w.fail("workgroup %d, thread %d: %s", w.cta[l], w.thread[l], fmt.Sprintf(format, args...))
}

// read is the value of an operand in the lanes of mask.
func (w *warp) read(s *source, mask uint32) *[32]uint32 {
	switch s.reg {
	case -1:
		return &s.value
	case regThread:
		return &w.thread
	case regGroup:
		return &w.cta
	}
	return w.word(s.reg, mask)
}

func (w *warp) word(r int, mask uint32) *[32]uint32 {
	if not := mask &^ w.wordsSet[r]; not != 0 {
		w.failAt(not, "%%r%d is read before it is written", r)
	}
	return &w.words[r]
}

func (w *warp) double(r int, mask uint32) *[32]uint64 {
	if not := mask &^ w.doublesSet[r]; not != 0 {
		w.failAt(not, "%%d%d is read before it is written", r)
	}
	return &w.doubles[r]
}

func (w *warp) pred(r int, mask uint32) uint32 {
	if not := mask &^ w.predsSet[r]; not != 0 {
		w.failAt(not, "%%p%d is read before it is written", r)
	}
	return w.preds[r]
}

// lowest is the lowest place in the code where a live lane stands, and the
// lanes that stand there. Running those first brings lanes that took different
// ways together again where the ways meet, for code without jumps back but
// those of loops.
func (w *warp) lowest() (pc int, mask uint32) {
	pc = len(w.group.program.code)
	for m := w.live; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m)
		switch {
		case w.pc[l] < pc:
			pc, mask = w.pc[l], 1<<l
		case w.pc[l] == pc:
			mask |= 1 << l
		}
	}
	return pc, mask
}

// run goes on until all lanes have returned or wait at a barrier.
func (w *warp) run() {
	w.waiting = false
	for w.live != 0 && w.err == nil && !w.waiting {
		pc, mask := w.lowest()
		together := mask == w.live // and so they stay until a branch parts them
		for {
			jump := w.step(pc, mask)
			if jump != 0 && jump != mask {
				w.place(jump, w.group.program.code[pc].target)
				w.place(mask&^jump, pc+1)
				break
			}
			if jump == 0 {
				pc++
			} else {
				pc = w.group.program.code[pc].target
			}
			if !together || mask != w.live || w.waiting || w.err != nil {
				w.place(mask, pc)
				break
			}
		}
	}
}

func (w *warp) place(mask uint32, pc int) {
	for m := mask; m != 0; m &= m - 1 {
		w.pc[bits.TrailingZeros32(m)] = pc
	}
}

// step runs one instruction for the lanes of mask and returns those that jump
// to its target.
func (w *warp) step(pc int, mask uint32) (jump uint32) {
	if pc >= len(w.group.program.code) {
		w.failAt(mask, "the thread ran off the end of the code")
		return 0
	}
	in := &w.group.program.code[pc]
	w.line = in.line
	if w.group.steps++; w.group.steps > maxSteps {
		w.fail("workgroup %d has run %d instructions and is not done", w.cta[0], maxSteps)
		return 0
	}
	active := mask
	if in.guard >= 0 {
		p := w.pred(in.guard, mask)
		if in.negate {
			p = ^p
		}
		active &= p
	}
	switch in.kind {
	case plain:
		if active != 0 {
			in.run(w, active)
		}
	case convergent:
		if mask != everyLane {
			w.failAt(everyLane&^mask, "the thread does not take part with its warp")
			return 0
		}
		in.run(w, mask)
	case branch:
		return active
	case barrier:
		if mask != everyLane {
			w.failAt(everyLane&^mask, "the thread does not come to the barrier with its warp")
			return 0
		}
		w.waiting = true
	case exit:
		w.live &^= mask
	}
	return 0
}

// maxSteps is how many instructions the warps of a workgroup may run together:
// far more than any kernel of the tests needs.
const maxSteps = 1 << 26
