package sandbox

// What things cost, in instructions. It is part of what a run's outcome is.
const (
	costPage   = 4096 // clearing a page of memory
	shiftBytes = 4    // 2**4 bytes moved for one
	costTable  = 1    // each entry of a table
	costCall   = 2048 // a call of the host, besides what it moves: a browser takes as long for it

	// slice is after how much fuel the host is asked whether to go on.
	slice = 1 << 23
)

// The stack. An engine's own must be larger than what calls may use of it: the
// least is that of a worker in a browser.
const (
	stackBudget = 384 << 10
	frameStack  = 208 // of every call, besides its values
)

// base is what a run costs before it begins: making its memory and tables.
func (w *rewriter) base() int64 {
	cost := int64(w.m.memory.min) * costPage
	for _, t := range w.m.tables {
		cost += int64(t.min) * costTable
	}
	for _, d := range w.m.data {
		cost += int64(len(d.bytes) >> shiftBytes)
	}
	return cost
}

// charge takes cost from the fuel, and when check is set does not go on
// without fuel.
func (w *rewriter) charge(out []byte, f *function, cost uint64, check bool) []byte {
	fuel := w.hidden(hiddenFuel)
	if cost > 0 {
		out = appendUnsigned(append(out, opGlobalGet), fuel)
		out = appendSigned(append(out, opI64Const), int64(cost))
		out = append(out, opI64Sub)
		out = w.spend(out, f, check)
	}
	return out
}

// chargeLocal takes the value of an i32 local, divided by 2**shift.
func (w *rewriter) chargeLocal(out []byte, f *function, local, shift uint64) []byte {
	out = appendUnsigned(append(out, opGlobalGet), w.hidden(hiddenFuel))
	out = append(appendUnsigned(append(out, opLocalGet), local), opI64ExtendI32U)
	if shift > 0 {
		out = append(appendSigned(append(out, opI64Const), int64(shift)), opI64ShrU)
	}
	return w.spend(append(out, opI64Sub), f, true)
}

// spend makes what is on the stack the fuel.
func (w *rewriter) spend(out []byte, f *function, check bool) []byte {
	fuel := w.hidden(hiddenFuel)
	if !check {
		return appendUnsigned(append(out, opGlobalSet), fuel)
	}
	t := f.temp(typeI64)
	out = appendUnsigned(append(out, opLocalTee), t)
	out = appendUnsigned(append(out, opGlobalSet), fuel)
	out = appendUnsigned(append(out, opLocalGet), t)
	out = append(out, opI64Const, 0, opI64LtS, opIf, typeNone)
	out = appendUnsigned(append(out, opCall), w.helper(helperRefill, 0))
	return append(out, opEnd)
}
