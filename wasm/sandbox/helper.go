package sandbox

// helperKey names a function that the rewriter adds. They are made when first
// called, and stand after the module's functions.
type helperKey struct {
	kind  int
	table uint32
}

const (
	helperRefill    = iota // (): go on with the rest of the fuel, or trap
	helperGrow             // (pages i32) i32: memory.grow
	helperTableGrow        // (funcref, n i32) i32: table.grow
)

// helper is the index of a helper.
func (w *rewriter) helper(kind int, table uint32) uint64 {
	key := helperKey{kind, table}
	first := newIndex(uint32(len(w.m.imports) + len(w.m.functions)))
	for i, have := range w.helpers {
		if have == key {
			return first + uint64(i)
		}
	}
	w.helpers = append(w.helpers, key)
	return first + uint64(len(w.helpers)-1)
}

func (w *rewriter) helperCode(key helperKey) (funcType, []byte) {
	switch key.kind {
	case helperRefill:
		return funcType{}, w.refill()
	case helperGrow:
		t := funcType{params: tI, results: tI}
		a := w.assembler(t)
		a.grow(0, uint64(w.pages), 12, []byte{opMemorySize, 0}, []byte{opLocalGet, 0, opMemoryGrow, 0})
		return t, a.finish()
	default:
		t := funcType{params: string([]byte{typeFuncref, typeI32}), results: tI}
		a := w.assembler(t)
		size := appendUnsigned([]byte{prefixBulk, bulkTableSize}, uint64(key.table))
		grow := appendUnsigned([]byte{opLocalGet, 0, opLocalGet, 1, prefixBulk, bulkTableGrow}, uint64(key.table))
		a.grow(1, uint64(w.m.tables[key.table].max), 0, size, grow)
		return t, a.finish()
	}
}

// assembler writes a helper.
type assembler struct {
	w *rewriter
	f *function // for its locals
	b []byte
}

func (w *rewriter) assembler(t funcType) *assembler {
	return &assembler{w: w, f: &function{w: w, typ: t, locals: []valueType(t.params)}}
}

func (a *assembler) op(code ...byte) *assembler {
	a.b = append(a.b, code...)
	return a
}

func (a *assembler) index(op byte, i uint64) *assembler {
	a.b = appendUnsigned(append(a.b, op), i)
	return a
}

func (a *assembler) i32(v int64) *assembler {
	a.b = appendSigned(append(a.b, opI32Const), v)
	return a
}

func (a *assembler) i64(v int64) *assembler {
	a.b = appendSigned(append(a.b, opI64Const), v)
	return a
}

func (a *assembler) get(hidden int) *assembler { return a.index(opGlobalGet, a.w.hidden(hidden)) }
func (a *assembler) set(hidden int) *assembler { return a.index(opGlobalSet, a.w.hidden(hidden)) }

// flag sets a flag.
func (a *assembler) flag(flag int64) *assembler {
	return a.get(hiddenFlags).i32(flag).op(opI32Or).set(hiddenFlags)
}

func (a *assembler) finish() []byte {
	body := appendUnsigned(nil, uint64(len(a.f.temps)))
	for _, t := range a.f.temps {
		body = append(body, 1, t)
	}
	return append(append(body, a.b...), opEnd)
}

// grow grows by local n. What is beyond most is refused, the same everywhere;
// what is not is charged for, and the machine has to have it.
func (a *assembler) grow(n, most uint64, shift int64, size, grow []byte) {
	r := a.f.temp(typeI32)
	a.op(size...).op(opI64ExtendI32U).index(opLocalGet, n).op(opI64ExtendI32U, opI64Add).i64(int64(most)).op(opI64GtU, opIf, typeNone)
	if shift > 0 {
		a.flag(flagRefused)
	}
	a.i32(-1).op(opReturn, opEnd)
	a.get(hiddenFuel).index(opLocalGet, n).op(opI64ExtendI32U).i64(shift).op(opI64Shl, opI64Sub)
	a.b = a.w.spend(a.b, a.f, true)
	a.op(grow...).index(opLocalTee, r).i32(-1).op(opI32Eq, opIf, typeNone)
	a.flag(flagHost).op(opUnreachable, opEnd)
	a.index(opLocalGet, r)
}

// refill is called when the fuel until the next tick is used up.
func (w *rewriter) refill() []byte {
	a := w.assembler(funcType{})
	t := a.f.temp(typeI64)
	a.op(opLoop, typeNone)
	a.get(hiddenRest).op(opI64Eqz, opIf, typeNone, opUnreachable, opEnd)
	a.i32(int64(callTick)).i32(0).i32(0).i32(0).i32(0).index(opCall, 0).op(opIf, typeNone, opUnreachable, opEnd)
	// The less of rest and slice moves from one to the other.
	a.get(hiddenRest).i64(slice).get(hiddenRest).i64(slice).op(opI64LtS, opSelect).index(opLocalSet, t)
	a.get(hiddenRest).index(opLocalGet, t).op(opI64Sub).set(hiddenRest)
	a.get(hiddenFuel).index(opLocalGet, t).op(opI64Add).set(hiddenFuel)
	a.get(hiddenFuel).i64(0).op(opI64LtS, opBrIf, 0, opEnd)
	return a.finish()
}

// wrapper is a function of WASI as the module calls it. The host returns an
// errno in the low byte and above it the fuel that the call costs besides.
func (w *rewriter) wrapper(f wasiFunction) []byte {
	a := w.assembler(f.typ())
	if !f.host {
		return a.i32(int64(f.answer)).finish()
	}
	a.i32(int64(f.call))
	for i := range 4 {
		if i < len(f.pass) {
			a.op(opLocalGet, f.pass[i])
		} else {
			a.i32(0)
		}
	}
	a.index(opCall, 0)
	if f.call == callExit {
		return a.op(opDrop, opUnreachable).finish()
	}
	r := a.f.temp(typeI32)
	a.index(opLocalTee, r).i32(stopped).op(opI32Eq, opIf, typeNone, opUnreachable, opEnd)
	a.get(hiddenFuel).index(opLocalGet, r).i32(8).op(opI32ShrU, opI64ExtendI32U, opI64Sub)
	a.b = a.w.spend(a.b, a.f, true)
	return a.index(opLocalGet, r).i32(0xff).op(opI32And).finish()
}

// enter is how a host uses the module: one function for all that it can want.
func (w *rewriter) enter() []byte {
	a := w.assembler(funcType{params: tI + tI + tI, results: tI})
	on := func(what Entry, body func()) {
		a.op(opLocalGet, 0).i32(int64(what)).op(opI32Eq, opIf, typeNone)
		body()
		a.op(opEnd)
	}
	half := func(what Entry, push func()) { // of an i64
		on(what, func() {
			push()
			a.op(opI32Wrap, opReturn)
		})
		on(what+1, func() {
			push()
			a.i64(32).op(opI64ShrU, opI32Wrap, opReturn)
		})
	}
	call := func(name string) { a.index(opCall, newIndex(w.m.exports[name].index)) }
	_, initialize := w.m.exports["_initialize"]
	on(EnterStart, func() {
		if w.m.start >= 0 {
			a.index(opCall, newIndex(uint32(w.m.start)))
		}
		switch {
		case w.form == Command:
			call("_start")
		case initialize:
			call("_initialize")
		}
		a.i32(0).op(opReturn)
	})
	if w.form == Plain {
		on(EnterAlloc, func() {
			a.op(opLocalGet, 1)
			call("shoal_alloc")
			a.op(opReturn)
		})
		on(EnterRun, func() {
			a.op(opLocalGet, 1, opLocalGet, 2)
			call("shoal_run")
			a.set(hiddenResult).i32(0).op(opReturn)
		})
	}
	half(EnterResult, func() { a.get(hiddenResult) })
	half(EnterFuel, func() { a.get(hiddenFuel).get(hiddenRest).op(opI64Add) })
	on(EnterFlags, func() {
		a.get(hiddenFlags).i32(flagDepth).i32(0).get(hiddenDepth).i32(0).op(opI32LtS, opSelect, opI32Or, opReturn)
	})
	return a.i32(0).finish()
}
