package sandbox

func (f *function) blockType() funcType {
	start := f.r.pos
	i := f.r.signed(33)
	switch {
	case f.r.err != nil:
	case i < 0 && f.r.pos-start > 1:
		f.fail("the type of a block takes more bytes than it needs")
	case i >= 0 && i < int64(len(f.w.m.types)):
		return f.w.m.types[i]
	case i == int64(typeNone)-0x80:
		return funcType{}
	case i < 0 && i >= -0x40:
		t := reader{data: []byte{byte(i & 0x7f)}}
		typ := t.valueType()
		f.r.err = t.err
		return funcType{results: string([]byte{typ})}
	default:
		f.fail("a block has type %d of %d", i, len(f.w.m.types))
	}
	return funcType{}
}

// block opens, divides and closes blocks.
func (f *function) block(op byte, start int) {
	switch op {
	case opBlock, opLoop, opIf:
		typ := f.blockType()
		if op == opIf {
			f.ignore(f.pop(typeI32), quirkAnd32)
		}
		f.popAll(typ.params)
		dead := f.dead()
		if len(f.frames) > maxNesting {
			f.fail("it nests blocks more than %d deep", maxNesting)
		}
		if !dead && f.r.err == nil {
			f.piece = append(f.piece, f.r.data[start:f.r.pos]...)
			if op != opBlock {
				f.cost++
				f.flush()
			}
			if op == opLoop { // each round looks at the fuel, and costs at least this
				f.cost, f.check = 1, true
			}
		}
		f.open(op, typ)
		top := &f.frames[len(f.frames)-1]
		top.dead, top.stillborn = dead, dead
		return
	}
	top := f.frames[len(f.frames)-1]
	f.popAll(top.typ.results)
	if len(f.stack) != top.height {
		f.fail("a block leaves more values than it says")
	}
	if f.r.err != nil {
		return
	}
	f.frames = f.frames[:len(f.frames)-1]
	if op == opElse {
		if top.op != opIf {
			f.fail("an else is in no if")
			return
		}
		f.end(opElse, top)
		f.open(opElse, top.typ)
		next := &f.frames[len(f.frames)-1]
		next.dead, next.stillborn, next.targeted = top.stillborn, top.stillborn, top.targeted
		return
	}
	if top.op == opIf && top.typ.params != top.typ.results {
		f.fail("an if without else has results")
		return
	}
	if len(f.frames) == 0 { // of the function: assemble writes it
		f.flush()
		return
	}
	f.end(opEnd, top)
	f.pushAll(top.typ.results)
}

// end writes the end of a block, and ends the piece when others than what is
// in the block can come to what follows it.
func (f *function) end(op byte, top frame) {
	if top.stillborn {
		return
	}
	f.piece = append(f.piece, op)
	if top.dead || top.targeted || top.op == opIf || top.op == opElse {
		f.flush()
	}
}

func (f *function) branch(op byte, start int) {
	switch op {
	case opUnreachable:
		f.copy(start)
		f.kill()
	case opReturn:
		f.popAll(f.typ.results)
		f.frames[0].targeted = true
		// The only way out is the end, where the depth is given back.
		f.write(appendUnsigned([]byte{opBr}, uint64(len(f.frames)-1))...)
		f.kill()
	case opBr:
		f.popAll(f.label(f.r.u32()))
		f.copy(start)
		f.kill()
	case opBrIf:
		types := f.label(f.r.u32())
		f.ignore(f.pop(typeI32), quirkAnd32)
		f.popAll(types)
		f.pushAll(types)
		f.copy(start)
		if !f.dead() {
			f.flush()
		}
	case opBrTable:
		f.branchTable(start)
	}
}

func (f *function) branchTable(start int) {
	n := f.r.count("targets of a br_table", maxTargets)
	f.pop(typeI32)
	var seen map[uint32]bool // checking a target once is enough, and there are many
	if n > 8 {
		seen = make(map[uint32]bool, 8)
	}
	arity := -1
	for i := range n + 1 {
		target := f.r.u32()
		if f.r.err != nil {
			return
		}
		if seen[target] && i < n {
			continue
		}
		types := f.label(target)
		if arity < 0 {
			arity = len(types)
		}
		if len(types) != arity {
			f.fail("the targets of a br_table take different numbers of values")
			return
		}
		if seen != nil {
			seen[target] = true
		}
		if i == n {
			f.popAll(types)
			break
		}
		f.peek(types)
	}
	f.copy(start)
	f.kill()
}

// peek checks the types on top of the stack without taking them.
func (f *function) peek(types string) {
	held := make([]operand, 0, len(types))
	below := f.frames[len(f.frames)-1].height
	for i := len(types) - 1; i >= 0; i-- {
		there := len(f.stack) > below
		o := f.pop(types[i])
		if there {
			held = append(held, o)
		}
	}
	for i := len(held) - 1; i >= 0; i-- {
		f.stack = append(f.stack, held[i])
	}
}
