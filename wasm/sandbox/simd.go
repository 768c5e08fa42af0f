package sandbox

// simd are the instructions behind prefixSIMD, except for simdConst and
// simdShuffle.
var simd = makeSIMD()

func makeSIMD() (t [256]instruction) {
	set := func(params, results string, ops ...int) {
		for _, op := range ops {
			t[op].params, t[op].results = params, results
		}
	}
	span := func(params, results string, from, to int) {
		for op := from; op <= to; op++ {
			set(params, results, op)
		}
	}
	address := func(params, results string, from int, aligns ...byte) {
		for i, align := range aligns {
			t[from+i] = instruction{params: params, results: results, memory: true, align: align}
		}
	}
	address(tI, tV, 0, 4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3) // loads, widening and splatting ones
	address(tI+tV, "", 11, 4)
	address(tI+tV, tV, 84, 0, 1, 2, 3) // lanes
	address(tI+tV, "", 88, 0, 1, 2, 3)
	address(tI, tV, 92, 2, 3) // filled up with zeros
	for i, lanes := range []byte{16, 8, 4, 2} {
		t[84+i].lanes, t[88+i].lanes = lanes, lanes
	}
	lanes := func(n byte, typ string, extract, replace int) {
		t[extract] = instruction{params: tV, results: typ, lanes: n}
		t[replace] = instruction{params: tV + typ, results: tV, lanes: n}
	}
	lanes(16, tI, 21, 23)
	lanes(16, tI, 22, 23)
	lanes(8, tI, 24, 26)
	lanes(8, tI, 25, 26)
	lanes(4, tI, 27, 28)
	lanes(2, tL, 29, 30)
	lanes(4, tF, 31, 32)
	lanes(2, tD, 33, 34)
	set(tV+tV, tV, 14)
	span(tI, tV, 15, 17)
	set(tL, tV, 18)
	set(tF, tV, 19)
	set(tD, tV, 20)
	span(tV+tV, tV, 35, 76) // comparisons
	set(tV, tV, 77)
	span(tV+tV, tV, 78, 81)
	set(tV+tV+tV, tV, simdBitselect)
	set(tV, tI, 83)
	span(tV, tV, 94, 95)
	// One value or two for each of the four kinds of integers.
	set(tV, tV, 96, 97, 98, 124, 125, 126, 127, 128, 129, 135, 136, 137, 138, 160, 161, 167, 168, 169, 170, 192, 193, 199, 200, 201, 202)
	set(tV, tI, 99, 100, 131, 132, 163, 164, 195, 196)
	set(tV+tI, tV, 107, 108, 109, 139, 140, 141, 171, 172, 173, 203, 204, 205)
	set(tV+tV, tV, 101, 102, 110, 111, 112, 113, 114, 115, 118, 119, 120, 121, 123)
	set(tV+tV, tV, 130, 133, 134, 142, 143, 144, 145, 146, 147, 149, 150, 151, 152, 153, 155, 156, 157, 158, 159)
	set(tV+tV, tV, 174, 177, 181, 182, 183, 184, 185, 186, 188, 189, 190, 191)
	set(tV+tV, tV, 206, 209, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223)
	// Floats.
	set(tV, tV, 103, 104, 105, 106, 224, 225, 227)
	span(tV+tV, tV, 228, 235)
	set(tV, tV, 116, 117, 122, 148, 236, 237, 239)
	span(tV+tV, tV, 240, 247)
	span(tV, tV, 248, 255)
	open := func(made, ignored shape, ops ...int) {
		for _, op := range ops {
			t[op].makes, t[op].ignores = made, ignored
		}
	}
	open(shapeF32x4, shapeF32x4, 103, 104, 105, 106, 227, 228, 229, 230, 231, 232, 233) // pmin and pmax hand on what they are given
	open(shapeF64x2, shapeF64x2, 116, 117, 122, 148, 239, 240, 241, 242, 243, 244, 245)
	open(shapeF32x4, shapeF64x2, 94)
	open(shapeF64x2, shapeF32x4, 95)
	open(shapeNone, shapeF32x4, 65, 66, 67, 68, 69, 70, 248, 249)
	open(shapeNone, shapeF64x2, 71, 72, 73, 74, 75, 76, 252, 253)
	return t
}
