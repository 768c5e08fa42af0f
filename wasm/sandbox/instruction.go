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
		f.ignore(f.pop(typeAny), quirkNone)
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
	for k := len(i.params) - 1; k >= 0; k-- {
		o := f.pop(i.params[k])
		if i.ignores != quirkNone {
			f.ignore(o, i.ignores)
		}
	}
	if op := f.r.data[start]; op == opF32Copysign || op == opF64Copysign {
		f.copysign(op)
	} else {
		f.copy(start)
	}
	f.pushAll(i.results)
	if i.makes != quirkNone && !f.dead() {
		f.mend(i.makes)
	}
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
	if want == typeF32 || want == typeF64 {
		f.chooseByBranch(want)
		return
	}
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
