package sandbox

// instruction reads the next instruction, checks it, and writes what it
// becomes.
func (f *function) instruction() {
	start := f.r.pos
	op := f.r.byte()
	if f.r.err != nil {
		return
	}
	if i := &plain[op]; i.known() {
		f.plain(i, start)
		return
	}
	switch op {
	case opBlock, opLoop, opIf, opElse, opEnd:
		f.block(op, start)
	case opUnreachable, opBr, opBrIf, opBrTable, opReturn:
		f.branch(op, start)
	case opNop:
	case opCall, opCallIndirect:
		f.call(op, start)
	case opDrop:
		f.ignore(f.pop(typeAny), shapeNone)
		f.write(op)
	case opSelect, opSelectTyped:
		f.choose(op, start)
	case opLocalGet, opLocalSet, opLocalTee, opGlobalGet, opGlobalSet:
		f.variable(op, start)
	case opTableGet, opTableSet, opRefNull, opRefIsNull, opRefFunc:
		f.reference(op, start)
	case opMemorySize, opMemoryGrow:
		f.memorySize(op)
	case opI32Const:
		f.r.signed(32)
		f.constant(typeI32, start)
	case opI64Const:
		f.r.signed(64)
		f.constant(typeI64, start)
	case opF32Const:
		f.r.bytes(4)
		f.constant(typeF32, start)
	case opF64Const:
		f.r.bytes(8)
		f.constant(typeF64, start)
	case prefixBulk:
		f.bulk(start)
	case prefixSIMD:
		f.simd(start)
	default:
		f.fail("it uses the instruction 0x%02x, %s", op, notHere(op))
	}
}

// copy writes the instruction as it was.
func (f *function) copy(start int) {
	if f.r.err == nil {
		f.write(f.r.data[start:f.r.pos]...)
	}
}

func (f *function) constant(t valueType, start int) {
	f.push(t)
	f.copy(start)
}

// plain handles an instruction that is not more than its types.
func (f *function) plain(i *instruction, start int) {
	if i.memory {
		f.address(i.align)
	}
	if i.lanes > 0 {
		if lane := f.r.byte(); lane >= i.lanes {
			f.fail("it names lane %d of %d", lane, i.lanes)
		}
	}
	for k := len(i.params) - 1; k >= 0; k-- {
		o := f.pop(i.params[k])
		if i.ignores != shapeNone {
			f.ignore(o, i.ignores)
		}
	}
	f.copy(start)
	f.pushAll(i.results)
	if i.makes != shapeNone && !f.dead() {
		f.canonical(i.makes)
	}
}

// ignore leaves out making canonical what o may be, since the instruction that
// takes it does not tell NaNs of that shape apart. shapeNone stands for any.
func (f *function) ignore(o operand, s shape) {
	if o.nan >= 0 && o.piece == f.number && (s == shapeNone || s == o.shape) {
		f.nans[o.nan].skip = true
	}
}

// canonical makes the NaNs in the value on top of the stack canonical.
func (f *function) canonical(s shape) {
	o := &f.stack[len(f.stack)-1]
	o.shape, o.piece, o.nan = s, f.number, len(f.nans)
	from := len(f.piece)
	t := f.temp(o.typ)
	c := appendUnsigned(append(f.piece, opLocalTee), t)
	switch s {
	case shapeF32:
		c = append(c, opF32Const, 0, 0, 0xc0, 0x7f)
	case shapeF64:
		c = append(c, opF64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	case shapeF32x4:
		c = append(c, prefixSIMD, simdConst, 0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f)
	case shapeF64x2:
		c = append(c, prefixSIMD, simdConst, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	}
	c = appendUnsigned(append(c, opLocalGet), t)
	c = appendUnsigned(append(c, opLocalGet), t)
	switch s {
	case shapeF32:
		c = append(c, opF32Eq, opSelect)
	case shapeF64:
		c = append(c, opF64Eq, opSelect)
	case shapeF32x4:
		c = append(c, prefixSIMD, simdF32x4Eq, prefixSIMD, simdBitselect)
	case shapeF64x2:
		c = append(c, prefixSIMD, simdF64x2Eq, prefixSIMD, simdBitselect)
	}
	f.piece = c
	f.nans = append(f.nans, nan{from: from, to: len(c)})
}

// address reads the immediate of an instruction that reads or writes memory.
func (f *function) address(align byte) {
	switch a := f.r.u32(); {
	case f.r.err != nil:
	case a&^0x3f != 0:
		f.fail("an address is in another memory than the first")
	case a > uint32(align):
		f.fail("an address is aligned to 2**%d, more than what it is of", a)
	}
	f.r.u32()
	f.needMemory()
}

func (f *function) needMemory() {
	if f.w.m.memory == nil {
		f.fail("it uses memory, and there is none")
	}
}

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
			f.pop(typeI32)
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
		f.pop(typeI32)
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

func (f *function) call(op byte, start int) {
	f.calls = f.calls || !f.dead()
	if op == opCall {
		i := f.r.u32()
		typ, ok := f.w.m.function(i)
		if !ok {
			f.fail("it calls function %d, which is not there", i)
			return
		}
		f.move(typ)
		f.write(appendUnsigned([]byte{opCall}, newIndex(i))...)
		return
	}
	i := f.w.m.typeIndex(&f.r)
	f.table(f.r.u32())
	f.pop(typeI32)
	if f.r.err != nil {
		return
	}
	f.move(f.w.m.types[i])
	f.copy(start)
}

// move takes the parameters of a call and gives its results.
func (f *function) move(t funcType) {
	f.popAll(t.params)
	f.pushAll(t.results)
	f.moved += len(t.params) + len(t.results)
}

func (f *function) table(i uint32) {
	if f.r.err == nil && int(i) >= len(f.w.m.tables) {
		f.fail("it uses table %d of %d", i, len(f.w.m.tables))
	}
}

func (f *function) choose(op byte, start int) {
	want := typeAny
	if op == opSelectTyped {
		if n := f.r.u32(); f.r.err == nil && n != 1 {
			f.fail("a select gives %d values", n)
		}
		want = f.r.valueType()
	}
	f.pop(typeI32)
	a := f.pop(want)
	if want == typeAny {
		want = a.typ
	}
	b := f.pop(want)
	if want == typeAny {
		want = b.typ
	}
	if op == opSelect && want == typeFuncref {
		f.fail("a select of references does not say their type")
	}
	f.push(want)
	f.copy(start)
}

func (f *function) variable(op byte, start int) {
	i := f.r.u32()
	if f.r.err != nil {
		return
	}
	var t valueType
	switch op {
	case opLocalGet, opLocalSet, opLocalTee:
		if int(i) >= len(f.locals) {
			f.fail("it uses local %d of %d", i, len(f.locals))
			return
		}
		t = f.locals[i]
	default:
		if int(i) >= len(f.w.m.globals) {
			f.fail("it uses global %d of %d", i, len(f.w.m.globals))
			return
		}
		t = f.w.m.globals[i].typ
		if op == opGlobalSet && !f.w.m.globals[i].mutable {
			f.fail("it sets global %d, which is constant", i)
			return
		}
	}
	switch op {
	case opLocalGet, opGlobalGet:
		f.push(t)
	case opLocalSet, opGlobalSet:
		f.pop(t)
	case opLocalTee:
		f.pop(t)
		f.push(t)
	}
	f.copy(start)
}

func (f *function) reference(op byte, start int) {
	switch op {
	case opTableGet:
		f.table(f.r.u32())
		f.pop(typeI32)
		f.push(typeFuncref)
	case opTableSet:
		f.table(f.r.u32())
		f.pop(typeFuncref)
		f.pop(typeI32)
	case opRefNull:
		f.push(f.r.referenceType())
	case opRefIsNull:
		f.pop(typeFuncref)
		f.push(typeI32)
	case opRefFunc:
		i := f.r.u32()
		if _, ok := f.w.m.function(i); !ok {
			f.fail("it refers to function %d, which is not there", i)
			return
		}
		f.w.references[i] = true
		f.push(typeFuncref)
		f.write(appendUnsigned([]byte{opRefFunc}, newIndex(i))...)
		return
	}
	f.copy(start)
}

func (f *function) memorySize(op byte) {
	if f.r.byte() != 0 {
		f.fail("it asks for the size of another memory than the first")
	}
	f.needMemory()
	if op == opMemorySize {
		f.push(typeI32)
		f.write(op, 0)
		return
	}
	f.pop(typeI32)
	f.push(typeI32)
	f.write(appendUnsigned([]byte{opCall}, f.w.helper(helperGrow, 0))...)
}

// bulk handles the instructions behind prefixBulk. Those that do something to
// many bytes or elements are charged for each.
func (f *function) bulk(start int) {
	op := f.prefixed()
	m := f.w.m
	zero := func() {
		if f.r.byte() != 0 {
			f.fail("it uses another memory than the first")
		}
		f.needMemory()
	}
	three := func(each uint64) { // address, address or value, number
		f.pop(typeI32)
		f.pop(typeI32)
		f.pop(typeI32)
		f.each(each)
	}
	switch {
	case f.r.err != nil:
		return
	case op < bulkMemoryInit:
		f.plain(&bulk[op], start)
		return
	case op == bulkMemoryInit, op == bulkDataDrop:
		i := f.r.u32()
		if f.r.err == nil && (m.dataCount < 0 || int64(i) >= m.dataCount) {
			f.fail("it uses segment %d of data, of %d announced", i, max(m.dataCount, 0))
		}
		if op == bulkMemoryInit {
			// Engines differ in what is left of a segment that was copied at
			// the start.
			if f.r.err == nil && m.data[i].active {
				f.fail("it copies from segment %d of data, which is used up when it starts", i)
			}
			zero()
			three(shiftBytes)
		}
	case op == bulkMemoryCopy:
		zero()
		zero()
		three(shiftBytes)
	case op == bulkMemoryFill:
		zero()
		three(shiftBytes)
	case op == bulkTableInit, op == bulkElemDrop:
		i := f.r.u32()
		if f.r.err == nil && int(i) >= len(m.elements) {
			f.fail("it uses segment %d of elements, of %d", i, len(m.elements))
		}
		if op == bulkTableInit {
			if f.r.err == nil && (m.elements[i].active || m.elements[i].declared) {
				f.fail("it copies from segment %d of elements, which is used up when it starts", i)
			}
			f.table(f.r.u32())
			three(0)
		}
	case op == bulkTableCopy:
		f.table(f.r.u32())
		f.table(f.r.u32())
		three(0)
	case op == bulkTableGrow:
		i := f.r.u32()
		f.table(i)
		f.pop(typeI32)
		f.pop(typeFuncref)
		f.push(typeI32)
		if f.r.err == nil {
			f.write(appendUnsigned([]byte{opCall}, f.w.helper(helperTableGrow, i))...)
		}
		return
	case op == bulkTableSize:
		f.table(f.r.u32())
		f.push(typeI32)
	case op == bulkTableFill:
		f.table(f.r.u32())
		f.pop(typeI32)
		f.pop(typeFuncref)
		f.pop(typeI32)
		f.each(0)
	default:
		f.fail("it uses the instruction 0xfc %d, which is unknown", op)
	}
	f.copy(start)
}

// each charges for as many as the number on top of the stack says, divided by
// 2**shift.
func (f *function) each(shift uint64) {
	if f.dead() || f.r.err != nil {
		return
	}
	n := f.temp(typeI32)
	f.piece = appendUnsigned(append(f.piece, opLocalTee), n)
	f.piece = f.w.chargeLocal(f.piece, f, n, shift)
}

func (f *function) simd(start int) {
	op := f.prefixed()
	switch {
	case f.r.err != nil:
	case op == simdConst:
		f.r.bytes(16)
		f.constant(typeV128, start)
	case op == simdShuffle:
		for _, lane := range f.r.bytes(16) {
			if lane >= 32 {
				f.fail("a shuffle names lane %d of 32", lane)
			}
		}
		f.pop(typeV128)
		f.pop(typeV128)
		f.push(typeV128)
		f.copy(start)
	case op >= 256 && op < 512:
		f.fail("it uses the instruction 0xfd %d, which belongs to relaxed SIMD: its results differ between processors", op)
	case op >= 512 || !simd[op].known():
		f.fail("it uses the instruction 0xfd %d, which is unknown", op)
	default:
		f.plain(&simd[op], start)
	}
}

// prefixed reads the number of an instruction behind a prefix. Engines read
// only the shortest form.
func (f *function) prefixed() uint32 {
	start := f.r.pos
	op := f.r.u32()
	if n := f.r.pos - start; n > 1 && op < 1<<7 || n > 2 {
		f.fail("the number %d of an instruction takes more bytes than it needs", op)
	}
	return op
}
