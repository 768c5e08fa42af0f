package sandbox

import "math"

// ignore leaves out mending o, since the instruction that takes it does not
// notice that quirk. quirkNone stands for any.
func (f *function) ignore(o operand, q quirk) {
	if o.mend >= 0 && o.piece == f.number && (q == quirkNone || q == o.quirk) {
		f.mends[o.mend].skip = true
	}
}

// mend mends the value on top of the stack.
func (f *function) mend(q quirk) {
	o := &f.stack[len(f.stack)-1]
	o.quirk, o.piece, o.mend = q, f.number, len(f.mends)
	from := len(f.piece)
	switch q {
	case quirkF32:
		f.canonical(f.temp(typeF32), opF32Ne, opF32Const, 0, 0, 0xc0, 0x7f)
	case quirkF64:
		f.canonical(f.temp(typeF64), opF64Ne, opF64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	case quirkAnd32:
		// wazero 1.12 takes 0 < a&b for a&b < 0 on amd64, wherever it finds
		// out that the left side is 0. It does not look through an or.
		f.piece = append(f.piece, opI32Const, 0, opI32Or)
	case quirkAnd64:
		f.piece = append(f.piece, opI64Const, 0, opI64Or)
	}
	f.mends = append(f.mends, mend{from: from, to: len(f.piece)})
}

// copysign writes that instruction as what it does with bits: on amd64 wazero
// 1.12 may lose one of the registers that it needs for it.
func (f *function) copysign(op byte) {
	if f.dead() || f.r.err != nil {
		return
	}
	t := f.temp(typeI32)
	c := f.piece
	if op == opF32Copysign {
		c = appendSigned(append(c, opI32ReinterpretF32, opI32Const), math.MinInt32)
		c = appendUnsigned(append(c, opI32And, opLocalSet), t)
		c = appendSigned(append(c, opI32ReinterpretF32, opI32Const), math.MaxInt32)
		c = appendUnsigned(append(c, opI32And, opLocalGet), t)
		c = append(c, opI32Or, opF32ReinterpretI32)
	} else {
		t = f.temp(typeI64)
		c = appendSigned(append(c, opI64ReinterpretF64, opI64Const), math.MinInt64)
		c = appendUnsigned(append(c, opI64And, opLocalSet), t)
		c = appendSigned(append(c, opI64ReinterpretF64, opI64Const), math.MaxInt64)
		c = appendUnsigned(append(c, opI64And, opLocalGet), t)
		c = append(c, opI64Or, opF64ReinterpretI64)
	}
	f.piece = c
	f.cost++
}

// canonical writes that the float on the stack is nan when it differs from
// itself.
func (f *function) canonical(t uint64, differs byte, nan ...byte) {
	c := appendUnsigned(append(f.piece, opLocalTee), t)
	c = appendUnsigned(append(c, opLocalGet), t)
	c = append(append(c, differs, opIf, typeNone), nan...)
	c = appendUnsigned(append(c, opLocalSet), t)
	f.piece = appendUnsigned(append(c, opEnd, opLocalGet), t)
}

// chooseByBranch writes a select of floats as an if. On amd64
// wazero 1.12 sometimes compiles their selects to the wrong value: when the
// first has to be fetched from the stack, it may go where the second is (wazero
// issue 2534).
func (f *function) chooseByBranch(t valueType) {
	if f.dead() || f.r.err != nil {
		return
	}
	same := string([]byte{t})
	second, which := f.temp(t), f.temp(typeI32)
	c := appendUnsigned(append(f.piece, opLocalSet), which)
	c = appendUnsigned(append(c, opLocalSet), second)
	c = appendUnsigned(append(c, opLocalGet), which)
	c = appendSigned(append(c, opIf), int64(f.w.typeIndex(funcType{params: same, results: same})))
	c = appendUnsigned(append(c, opElse, opDrop, opLocalGet), second)
	f.piece = append(c, opEnd)
	f.cost++
}
