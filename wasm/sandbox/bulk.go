package sandbox

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
