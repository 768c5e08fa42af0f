package ptx

import (
	"errors"
	"math"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// packVariant copies an operand into the form that the fast code wants. byRow
// takes any strides; it is the one for rows that run along k. The other two
// turn squares of side packSide over, for operands that run along their rows:
// reading whole words, where all strides are multiples of four, or bytes.
type packVariant string

const (
	packRows  packVariant = "pack rows"
	packWords packVariant = "pack columns by words"
	packBytes packVariant = "pack columns by bytes"
)

var packVariants = []packVariant{packRows, packWords, packBytes}

const (
	packLanes = 256
	packSide  = 64
)

// Numbers of the parameters of packing: the operand's offset and strides, its
// extents, and k in whole chunks.
const (
	packOff = iota
	packB0
	packB1
	packRow
	packK
	packBatch1 // extent of the inner batch dimension
	packExtent // rows
	packDepth  // elements along k
	packChunks // k in whole chunks, in elements
	packCount  // by row: words in all; else tiles along k
	packTiles  // tiles along the rows
	packParams
)

var errTooLarge = errors.New("2^31 elements or more when packed")

// pack makes the pass that packs o, and o what it reads like then. Dimensions
// that o only repeats are packed once.
func (p *Printer) pack(g *contraction, o *operand, rows int) (pass launch.Pass, elems int, err error) {
	extent := func(n, stride int) int {
		if stride == 0 {
			return 1
		}
		return n
	}
	b0, b1, rows := extent(g.b0, o.b0), extent(g.b1, o.b1), extent(rows, o.row)
	depth := ceilDiv(g.k, chunk) * chunk
	if float64(b0)*float64(b1)*float64(rows)*float64(depth) >= math.MaxInt32 {
		return pass, 0, errTooLarge
	}
	elems = b0 * b1 * rows * depth
	v, count, tiles := packRows, elems/4, 0
	pass.Groups = ceilDiv(count, packLanes)
	if o.row == 1 && o.k != 1 && rows >= 8 {
		v = packBytes
		if o.off%4 == 0 && o.k%4 == 0 && (b0 == 1 || o.b0%4 == 0) && (b1 == 1 || o.b1%4 == 0) {
			v = packWords
		}
		count, tiles = ceilDiv(depth, packSide), ceilDiv(rows, packSide)
		pass.Groups = b0 * b1 * count * tiles
	}
	for _, x := range []int{o.off, o.b0, o.b1, o.row, o.k, b1, rows, g.k, depth, count, tiles} {
		pass.Params = append(pass.Params, int32(x))
	}
	code := p.code(nil, v)
	pass.Code, pass.Params = code.Code, code.params(pass.Params)
	stride := func(extent, n int) int {
		if extent == 1 {
			return 0
		}
		return n
	}
	*o = operand{b0: stride(b0, b1*rows*depth), b1: stride(b1, rows*depth), row: stride(rows, depth), k: 1}
	return pass, elems, nil
}

func (v packVariant) name() string { return string(v) }

func (v packVariant) print(key string, _ *kernel.Kernel) *printed {
	e := newEntry(key, packLanes, nil, packParams)
	e.bindings = []launch.Binding{{DType: kernel.I8}, {DType: kernel.I8, Write: true}}
	if v == packRows {
		e.packRows()
	} else {
		e.packColumns(v == packWords)
	}
	return e.code()
}

// start is where batch number batch of the operand begins.
func (e *entry) packStart(batch string) string {
	outer := e.divide(batch, byParam(packBatch1))
	inner := e.let("sub.s32", batch, e.let("mul.lo.s32", outer, e.param(packBatch1)))
	at := e.let("mad.lo.s32", outer, e.param(packB0), e.param(packOff))
	return e.let("mad.lo.s32", inner, e.param(packB1), at)
}

// bytes is the word of the four elements whose index and validity at gives.
func (e *entry) bytes(at func(i int) (index, valid string)) string {
	var v [4]string
	for i := range v {
		index, valid := at(i)
		v[i] = e.variable("0")
		e.emit("@%s ld.global.nc.s8 %s, [%s]", valid, v[i], e.wide("mad.wide.s32", index, "1", e.pointer(0)))
	}
	return e.join(v)
}

// join makes a word of the low bytes of four.
func (e *entry) join(v [4]string) string {
	lo, hi := e.let("prmt.b32", v[0], v[1], "0x0040"), e.let("prmt.b32", v[2], v[3], "0x0040")
	return e.let("prmt.b32", lo, hi, "0x5410")
}

// packRows has a thread for every word of the result.
func (e *entry) packRows() {
	number := e.threadNumber(packLanes)
	end := e.label()
	e.emit("@%s bra %s", e.when("ge.u32", number, e.param(packCount)), end)
	words := e.let("shr.u32", e.param(packChunks), "2")
	line := e.divide(number, divisor{"words", func(params []int32) int32 { return params[packChunks] / 4 }})
	k := e.let("shl.b32", e.let("sub.s32", number, e.let("mul.lo.s32", line, words)), "2")
	batch := e.divide(line, byParam(packExtent))
	row := e.let("sub.s32", line, e.let("mul.lo.s32", batch, e.param(packExtent)))
	from := e.let("mad.lo.s32", row, e.param(packRow), e.packStart(batch))
	from = e.let("mad.lo.s32", k, e.param(packK), from)
	word := e.bytes(func(i int) (index, valid string) {
		if i > 0 {
			from = e.let("add.s32", from, e.param(packK))
		}
		return from, e.when("lt.s32", e.let("add.s32", k, literal(i)), e.param(packDepth))
	})
	e.emit("st.global.b32 [%s], %s", e.wide("mad.wide.s32", number, "4", e.pointer(1)), word)
	e.place(end)
}

// packPitch is the distance of lines of a square in shared memory, in words:
// odd, so that threads going down a column meet different banks.
const packPitch = packSide/4 + 1

// packColumns has a workgroup for every square. Its threads read words of four
// rows at one k, and write words of four k in one row.
func (e *entry) packColumns(words bool) {
	e.shared = packSide * packPitch * 4
	tid, group := e.let("mov.u32", "%tid.x"), e.let("mov.u32", "%ctaid.x")
	line := e.divide(group, byParam(packCount))
	k0 := e.let("mul.lo.s32", e.let("sub.s32", group, e.let("mul.lo.s32", line, e.param(packCount))), literal(packSide))
	batch := e.divide(line, byParam(packTiles))
	row0 := e.let("mul.lo.s32", e.let("sub.s32", line, e.let("mul.lo.s32", batch, e.param(packTiles))), literal(packSide))
	low, high := e.let("and.b32", tid, "15"), e.let("shr.u32", tid, "4")
	square := e.let("mov.u32", "shared")

	row := e.let("mad.lo.s32", low, "4", row0)
	start := e.let("add.s32", e.packStart(batch), row)
	to := e.let("mad.lo.s32", high, literal(packPitch*4), e.let("mad.lo.s32", low, "4", square))
	for i := range packSide / 16 {
		k := e.let("add.s32", e.let("add.s32", k0, high), literal(16*i))
		from := e.let("mad.lo.s32", k, e.param(packK), start)
		inK := e.when("lt.s32", k, e.param(packDepth))
		// Beyond the last k everything is 0; beyond the last row anything.
		last := e.let("selp.s32", e.param(packExtent), "0", inK)
		var word string
		if words {
			word = e.variable("0")
			valid := e.when("lt.s32", row, last)
			e.emit("@%s ld.global.nc.b32 %s, [%s]", valid, word, e.wide("mad.wide.s32", from, "1", e.pointer(0)))
		} else {
			word = e.bytes(func(j int) (index, valid string) {
				r, f := row, from
				if j > 0 {
					r, f = e.let("add.s32", row, literal(j)), e.let("add.s32", from, literal(j))
				}
				return f, e.when("lt.s32", r, last)
			})
		}
		e.emit("st.shared.b32 [%s+%d], %s", to, i*16*packPitch*4, word)
	}
	e.emit("bar.sync 0")

	from := e.let("mad.lo.s32", low, literal(4*packPitch*4), e.let("mad.lo.s32", high, "4", square))
	var w [4]string
	for i := range w {
		w[i] = e.let("ld.shared.b32", literalAddress(from, i*packPitch*4))
	}
	k, end := e.let("mad.lo.s32", low, "4", k0), e.label()
	e.emit("@%s bra %s", e.when("ge.s32", k, e.param(packChunks)), end)
	row = e.let("mad.lo.s32", high, "4", row0)
	line = e.let("mad.lo.s32", batch, e.param(packExtent), row)
	at := e.let("mad.lo.s32", line, e.param(packChunks), k)
	for i, v := range e.turn(w) {
		r := row
		if i > 0 {
			r, at = e.let("add.s32", row, literal(i)), e.let("add.s32", at, e.param(packChunks))
		}
		valid := e.when("lt.s32", r, e.param(packExtent))
		e.emit("@%s st.global.b32 [%s], %s", valid, e.wide("mad.wide.s32", at, "1", e.pointer(1)), v)
	}
	e.place(end)
}

// turn exchanges rows and columns of a square of 4x4 bytes.
func (e *entry) turn(w [4]string) [4]string {
	a, b := e.let("prmt.b32", w[0], w[1], "0x5140"), e.let("prmt.b32", w[2], w[3], "0x5140")
	c, d := e.let("prmt.b32", w[0], w[1], "0x7362"), e.let("prmt.b32", w[2], w[3], "0x7362")
	return [4]string{
		e.let("prmt.b32", a, b, "0x5410"), e.let("prmt.b32", a, b, "0x7632"),
		e.let("prmt.b32", c, d, "0x5410"), e.let("prmt.b32", c, d, "0x7632"),
	}
}
