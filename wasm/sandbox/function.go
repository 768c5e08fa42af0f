package sandbox

import (
	"errors"
	"fmt"
)

// function checks the types of one function's code and writes it anew.
//
// Code is charged for in pieces that are executed as a whole or not at all:
// what a piece costs is known at its end and stands before it. Calls do not
// end a piece; what can go back or elsewhere does.
type function struct {
	w      *rewriter
	r      reader
	typ    funcType
	locals []valueType
	temps  []valueType // locals that the rewriter adds, after the module's own
	stack  []operand
	frames []frame

	out    []byte // pieces that are finished
	piece  []byte // the one that is not
	mends  []mend // of the piece
	number int    // of the piece
	cost   uint64 // of the piece
	check  bool   // whether the fuel is looked at before the piece

	entry   uint64 // cost of the first piece
	total   uint64 // cost of all
	highest int    // operands on the stack at most
	moved   int    // values that calls and branches take along
	calls   bool
}

// operand is a value on the stack.
type operand struct {
	typ   valueType
	quirk quirk // what was mended right after it was made
	piece int   // where that was
	mend  int
}

// mend is code in the piece that mends a quirk of a value. When whatever takes
// the value does not notice, it is left out.
type mend struct {
	from, to int
	skip     bool
}

// frame is a block that is open.
type frame struct {
	op        byte
	typ       funcType
	height    int  // of the stack below it
	any       bool // what follows may take values that are not there, after a branch
	dead      bool // what follows is never reached: after a branch, or in a block that is not
	stillborn bool // no part of the block is
	targeted  bool // something branches to its end
}

func (f *function) fail(format string, args ...any) { f.r.fail(format, args...) }

// dead reports whether the current code is never reached. Such code is checked
// and not written.
func (f *function) dead() bool { return f.frames[len(f.frames)-1].dead }

func (f *function) push(t valueType) {
	f.stack = append(f.stack, operand{typ: t, mend: -1})
	f.highest = max(f.highest, len(f.stack))
}

func (f *function) pushAll(types string) {
	for i := range len(types) {
		f.push(types[i])
	}
}

func (f *function) pop(want valueType) operand {
	top := &f.frames[len(f.frames)-1]
	if len(f.stack) == top.height {
		if !top.any {
			f.fail("an instruction takes a value that is not there")
		}
		return operand{typ: want, mend: -1}
	}
	o := f.stack[len(f.stack)-1]
	f.stack = f.stack[:len(f.stack)-1]
	if o.typ != want && o.typ != typeAny && want != typeAny {
		f.fail("an instruction takes a value of type 0x%02x where one of type 0x%02x is", want, o.typ)
	}
	return o
}

func (f *function) popAll(types string) {
	for i := len(types) - 1; i >= 0; i-- {
		f.pop(types[i])
	}
}

func (f *function) open(op byte, typ funcType) {
	f.frames = append(f.frames, frame{op: op, typ: typ, height: len(f.stack)})
	f.pushAll(typ.params)
}

// kill says that what follows in the block is never reached.
func (f *function) kill() {
	top := &f.frames[len(f.frames)-1]
	f.stack = f.stack[:top.height]
	if !top.dead {
		f.flush()
	}
	top.any, top.dead = true, true
}

// label is what a branch to a block takes along.
func (f *function) label(depth uint32) string {
	if f.r.err != nil || uint64(depth) >= uint64(len(f.frames)) {
		f.fail("it branches out of %d blocks, being in %d", depth, len(f.frames))
		return ""
	}
	fr := &f.frames[len(f.frames)-1-int(depth)]
	if fr.op == opLoop {
		f.moved += len(fr.typ.params)
		return fr.typ.params
	}
	f.moved += len(fr.typ.results)
	if !f.dead() {
		fr.targeted = true
	}
	return fr.typ.results
}

// flush ends a piece.
func (f *function) flush() {
	switch {
	case f.number == 0:
		f.entry = f.cost
	case f.cost > 0:
		f.out = f.w.charge(f.out, f, f.cost, f.check)
	}
	at := 0
	for _, n := range f.mends {
		if n.skip {
			f.out = append(f.out, f.piece[at:n.from]...)
			at = n.to
		}
	}
	f.out = append(f.out, f.piece[at:]...)
	f.total += f.cost
	f.piece, f.mends, f.cost, f.check = f.piece[:0], f.mends[:0], 0, false
	f.number++
}

// write writes an instruction of the module into the piece.
func (f *function) write(code ...byte) {
	if !f.dead() {
		f.piece = append(f.piece, code...)
		f.cost++
	}
}

// temp is the local of the type that the rewriter keeps values in for an
// instant.
func (f *function) temp(t valueType) uint64 {
	for i, have := range f.temps {
		if have == t {
			return uint64(len(f.locals) + i)
		}
	}
	f.temps = append(f.temps, t)
	return uint64(len(f.locals) + len(f.temps) - 1)
}

// rewrite reads the whole function and returns its new code.
func (f *function) rewrite() ([]byte, error) {
	f.readLocals()
	f.open(opBlock, funcType{results: f.typ.results})
	for len(f.frames) > 0 && f.r.err == nil {
		f.instruction()
		if len(f.out)+len(f.piece) > maxRewritten {
			f.fail("it is too long when counting is added")
		}
	}
	if f.r.err == nil && f.r.pos != len(f.r.data) {
		f.fail("its code goes on after its end")
	}
	if f.r.err != nil {
		return nil, f.r.err
	}
	return f.assemble(), nil
}

func (f *function) readLocals() {
	f.locals = []valueType(f.typ.params)
	for range f.r.count("groups of locals", maxLocals) {
		n, t := f.r.u32(), f.r.valueType()
		if uint64(n)+uint64(len(f.locals)) > maxLocals {
			f.fail("it has more than %d locals", maxLocals)
			return
		}
		for range n {
			f.locals = append(f.locals, t)
		}
	}
}

// leaf is how much of the stack a function may have without being counted,
// when it calls no other; and work how much of it without looking at the fuel.
const (
	leafStack = 1 << 10
	leafWork  = 1 << 10
)

// assemble puts the function together: what it takes from the depth of calls,
// its first charge, its code, and giving back the depth at its only end.
func (f *function) assemble() []byte {
	entry := f.entry + uint64(len(f.locals))/8 // which are cleared
	counted := f.calls || f.stackUse() > leafStack
	charged := f.w.charge(nil, f, entry, counted || f.total > leafWork)
	use := int64(f.stackUse())

	body := appendUnsigned(nil, uint64(len(f.locals)-len(f.typ.params)+len(f.temps)))
	for _, t := range append(f.locals[len(f.typ.params):], f.temps...) {
		body = append(body, 1, t)
	}
	if !counted {
		return append(append(append(body, charged...), f.out...), opEnd)
	}
	depth := f.w.hidden(hiddenDepth)
	body = appendUnsigned(append(body, opGlobalGet), depth)
	body = appendSigned(append(body, opI32Const), use)
	body = appendUnsigned(append(body, opI32Sub, opGlobalSet), depth)
	body = appendUnsigned(append(body, opGlobalGet), depth)
	body = append(body, opI32Const, 0, opI32LtS, opIf, typeNone, opUnreachable, opEnd)
	body = append(body, charged...)
	body = append(append(body, opBlock), f.w.blockType(f.typ.results)...)
	body = append(append(body, f.out...), opEnd)
	body = appendUnsigned(append(body, opGlobalGet), depth)
	body = appendSigned(append(body, opI32Const), use)
	body = appendUnsigned(append(body, opI32Add, opGlobalSet), depth)
	return append(body, opEnd)
}

// effort is how hard the function is to compile.
func (f *function) effort() int { return f.number*(len(f.locals)+len(f.temps)) + f.moved }

// stackUse is what a call of the function takes of an engine's stack, in bytes
// of the least clever engine: every local and operand has its place there. What
// the rewriter adds does not count, so that it may add less one day.
func (f *function) stackUse() int {
	return frameStack + 8*(2*len(f.typ.params)+len(f.locals)+f.highest)
}

// where says in which function something is wrong.
func (m *module) where(i int, err error) error {
	reason := err.Error()
	var e *ModuleError
	if errors.As(err, &e) {
		reason = e.Reason
	}
	return refuse("function %d%s: %s", len(m.imports)+i, m.exportName(len(m.imports)+i), reason)
}

func (m *module) exportName(i int) string {
	name := ""
	for n, e := range m.exports {
		if e.kind == exportFunction && int(e.index) == i && (name == "" || n < name) {
			name = n
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", name)
}
