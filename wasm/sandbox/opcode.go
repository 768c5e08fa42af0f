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
	prefixSIMD     = 0xfd
)

// Instructions that the rewriter writes.
const (
	opI32Eqz        = 0x45
	opI32Eq         = 0x46
	opI32LtS        = 0x48
	opI64Eqz        = 0x50
	opI64LtS        = 0x53
	opI64GtU        = 0x56
	opF32Eq         = 0x5b
	opF64Eq         = 0x61
	opI32Add        = 0x6a
	opI32Sub        = 0x6b
	opI32And        = 0x71
	opI32Or         = 0x72
	opI32ShrU       = 0x76
	opI64Add        = 0x7c
	opI64Sub        = 0x7d
	opI64Mul        = 0x7e
	opI64Or         = 0x84
	opI64Shl        = 0x86
	opI64ShrU       = 0x88
	opI32Wrap       = 0xa7
	opI64ExtendI32U = 0xad
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

// Instructions behind prefixSIMD that the rewriter writes.
const (
	simdConst     = 12
	simdShuffle   = 13
	simdF32x4Eq   = 65
	simdF64x2Eq   = 71
	simdBitselect = 82
)

// shape says how the bits of a value may be a NaN: of which of the kinds of
// floats it holds.
type shape byte

const (
	shapeNone shape = iota
	shapeF32
	shapeF64
	shapeF32x4
	shapeF64x2
)

// instruction is what a plain instruction takes and gives.
type instruction struct {
	params, results string
	memory          bool  // it has an address
	align           byte  // log2 of the bytes that it reads or writes
	lanes           byte  // it names a lane of so many
	makes           shape // WebAssembly leaves open which NaN it makes
	ignores         shape // it does the same whichever NaN of that shape it takes
}

const (
	tI = "\x7f"
	tL = "\x7e"
	tF = "\x7d"
	tD = "\x7c"
	tV = "\x7b"
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
			t[op].makes, t[op].ignores = shapeF32, shapeF32
		case 0x9b <= op && op <= 0xa5:
			t[op].makes, t[op].ignores = shapeF64, shapeF64
		case op == 0xb6: // demote
			t[op].makes, t[op].ignores = shapeF32, shapeF64
		case op == 0xbb: // promote
			t[op].makes, t[op].ignores = shapeF64, shapeF32
		case 0x5b <= op && op <= 0x60, op == 0xa8, op == 0xa9, op == 0xae, op == 0xaf: // comparisons, conversions to integers
			t[op].ignores = shapeF32
		case 0x61 <= op && op <= 0x66, op == 0xaa, op == 0xab, op == 0xb0, op == 0xb1:
			t[op].ignores = shapeF64
		}
	}
	return t
}

// bulk are the instructions behind prefixBulk below bulkMemoryInit: conversions
// that saturate.
var bulk = [8]instruction{
	{params: tF, results: tI, ignores: shapeF32}, {params: tF, results: tI, ignores: shapeF32},
	{params: tD, results: tI, ignores: shapeF64}, {params: tD, results: tI, ignores: shapeF64},
	{params: tF, results: tL, ignores: shapeF32}, {params: tF, results: tL, ignores: shapeF32},
	{params: tD, results: tL, ignores: shapeF64}, {params: tD, results: tL, ignores: shapeF64},
}

// known reports whether there is such a plain instruction.
func (i *instruction) known() bool { return i.params != "" || i.results != "" }

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
	case 0xfe:
		proposal = "threads and atomic instructions"
	}
	if proposal == "" {
		return "which is unknown"
	}
	return "which belongs to " + proposal + ": the sandbox does not have them"
}
