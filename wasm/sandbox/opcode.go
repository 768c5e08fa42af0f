package sandbox

// Instructions that are more than their types.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	prefixBulk     = 0xfc
)

// Instructions that the rewriter writes.
const (
	opI32Eqz        = 0x45
	opI32Eq         = 0x46
	opI32LtS        = 0x48
	opI64Eqz        = 0x50
	opI64LtS        = 0x53
	opI64GtU        = 0x56
	opF32Ne         = 0x5c
	opF64Ne         = 0x62
	opI32Add        = 0x6a
	opI32Sub        = 0x6b
	opI32And        = 0x71
	opI32Or         = 0x72
	opI32ShrU       = 0x76
	opI64Add        = 0x7c
	opI64Sub        = 0x7d
	opI64Mul        = 0x7e
	opI64And        = 0x83
	opI64Or         = 0x84
	opI64Shl        = 0x86
	opI64ShrU       = 0x88
	opI32Wrap       = 0xa7
	opI64ExtendI32U = 0xad

	opF32Copysign       = 0x98
	opF64Copysign       = 0xa6
	opI32ReinterpretF32 = 0xbc
	opI64ReinterpretF64 = 0xbd
	opF32ReinterpretI32 = 0xbe
	opF64ReinterpretI64 = 0xbf
)

// Instructions behind prefixBulk.
const (
	bulkMemoryInit = 8
	bulkDataDrop   = 9
	bulkMemoryCopy = 10
	bulkMemoryFill = 11
	bulkTableInit  = 12
	bulkElemDrop   = 13
	bulkTableCopy  = 14
	bulkTableGrow  = 15
	bulkTableSize  = 16
	bulkTableFill  = 17
)

// quirk is what is to be mended about a value, unless whatever takes it does
// not notice.
type quirk byte

const (
	quirkNone quirk = iota
	quirkF32        // it may be any NaN, and is to be the canonical one
	quirkF64
	quirkAnd32 // it is made by a bitwise and: see mend
	quirkAnd64
)

// instruction is what a plain instruction takes and gives.
type instruction struct {
	params, results string
	memory          bool  // it has an address
	align           byte  // log2 of the bytes that it reads or writes
	makes           quirk // of its result
	ignores         quirk // that its operands may have
}

const (
	tI = "\x7f"
	tL = "\x7e"
	tF = "\x7d"
	tD = "\x7c"
)

// plain are the instructions without prefix that are nothing but their types;
// those without an entry have no results and no parameters, and are others.
var plain = makePlain()

func makePlain() (t [256]instruction) {
	set := func(from, to int, params, results string) {
		for op := from; op <= to; op++ {
			t[op].params, t[op].results = params, results
		}
	}
	load := func(op int, typ string, align byte) {
		t[op] = instruction{params: tI, results: typ, memory: true, align: align}
	}
	store := func(op int, typ string, align byte) {
		t[op] = instruction{params: tI + typ, memory: true, align: align}
	}
	for i, align := range []byte{2, 3, 2, 3} {
		typ := string([]byte{typeI32 - byte(i)})
		load(0x28+i, typ, align)
		store(0x36+i, typ, align)
	}
	for i, align := range []byte{0, 0, 1, 1} {
		load(0x2c+i, tI, align)
	}
	for i, align := range []byte{0, 0, 1, 1, 2, 2} {
		load(0x30+i, tL, align)
	}
	store(0x3a, tI, 0)
	store(0x3b, tI, 1)
	for i := range 3 {
		store(0x3c+i, tL, byte(i))
	}
	set(0x45, 0x45, tI, tI)
	set(0x46, 0x4f, tI+tI, tI)
	set(0x50, 0x50, tL, tI)
	set(0x51, 0x5a, tL+tL, tI)
	set(0x5b, 0x60, tF+tF, tI)
	set(0x61, 0x66, tD+tD, tI)
	set(0x67, 0x69, tI, tI)
	set(0x6a, 0x78, tI+tI, tI)
	set(0x79, 0x7b, tL, tL)
	set(0x7c, 0x8a, tL+tL, tL)
	set(0x8b, 0x91, tF, tF)
	set(0x92, 0x98, tF+tF, tF)
	set(0x99, 0x9f, tD, tD)
	set(0xa0, 0xa6, tD+tD, tD)
	set(0xa7, 0xa7, tL, tI)
	set(0xa8, 0xa9, tF, tI)
	set(0xaa, 0xab, tD, tI)
	set(0xac, 0xad, tI, tL)
	set(0xae, 0xaf, tF, tL)
	set(0xb0, 0xb1, tD, tL)
	set(0xb2, 0xb3, tI, tF)
	set(0xb4, 0xb5, tL, tF)
	set(0xb6, 0xb6, tD, tF)
	set(0xb7, 0xb8, tI, tD)
	set(0xb9, 0xba, tL, tD)
	set(0xbb, 0xbb, tF, tD)
	set(0xbc, 0xbc, tF, tI)
	set(0xbd, 0xbd, tD, tL)
	set(0xbe, 0xbe, tI, tF)
	set(0xbf, 0xbf, tL, tD)
	set(0xc0, 0xc1, tI, tI)
	set(0xc2, 0xc4, tL, tL)
	for op := range t {
		switch {
		case 0x8d <= op && op <= 0x97: // ceil floor trunc nearest sqrt add sub mul div min max
			t[op].makes, t[op].ignores = quirkF32, quirkF32
		case 0x9b <= op && op <= 0xa5:
			t[op].makes, t[op].ignores = quirkF64, quirkF64
		case op == 0xb6: // demote
			t[op].makes, t[op].ignores = quirkF32, quirkF64
		case op == 0xbb: // promote
			t[op].makes, t[op].ignores = quirkF64, quirkF32
		case 0x5b <= op && op <= 0x60, op == 0xa8, op == 0xa9, op == 0xae, op == 0xaf: // comparisons, conversions to integers
			t[op].ignores = quirkF32
		case 0x61 <= op && op <= 0x66, op == 0xaa, op == 0xab, op == 0xb0, op == 0xb1:
			t[op].ignores = quirkF64
		case 0x48 <= op && op <= 0x4f, 0x53 <= op && op <= 0x5a: // less and greater
		case t[op].params == tI, t[op].params == tI+tI:
			t[op].ignores = quirkAnd32
		case t[op].params == tL, t[op].params == tL+tL:
			t[op].ignores = quirkAnd64
		}
	}
	t[opI32And].makes, t[opI64And].makes = quirkAnd32, quirkAnd64
	return t
}

// bulk are the instructions behind prefixBulk below bulkMemoryInit: conversions
// that saturate.
var bulk = [8]instruction{
	{params: tF, results: tI, ignores: quirkF32}, {params: tF, results: tI, ignores: quirkF32},
	{params: tD, results: tI, ignores: quirkF64}, {params: tD, results: tI, ignores: quirkF64},
	{params: tF, results: tL, ignores: quirkF32}, {params: tF, results: tL, ignores: quirkF32},
	{params: tD, results: tL, ignores: quirkF64}, {params: tD, results: tL, ignores: quirkF64},
}

// known reports whether there is such a plain instruction.
func (i *instruction) known() bool { return i.params != "" || i.results != "" }

// noVectors says why there are none. wazero 1.12 compiles some of their
// instructions to the wrong values, now and then: its allocation of registers
// does not know of registers that are written twice within one of them.
const noVectors = "vectors (SIMD), which engines do not compile alike yet: build it without"

// notHere says why an instruction is refused.
func notHere(op byte) string {
	proposal := ""
	switch op {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		proposal = "exceptions"
	case 0x12, 0x13:
		proposal = "tail calls"
	case 0x14, 0x15, 0xd3, 0xd4, 0xd5, 0xd6:
		proposal = "typed references to functions"
	case 0xfb:
		proposal = "garbage collection"
	case 0xfd:
		return "which belongs to " + noVectors
	case 0xfe:
		proposal = "threads and atomic instructions"
	}
	if proposal == "" {
		return "which is unknown"
	}
	return "which belongs to " + proposal + ": the sandbox does not have them"
}
