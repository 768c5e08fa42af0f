package sandboxtest

import (
	"fmt"
	"strconv"
	"strings"
)

// Instructions that the random programs are made of, by the type they give.
var (
	unaries = map[string][]string{
		"i32": strings.Fields("i32.clz i32.ctz i32.popcnt i32.eqz i32.extend8_s i32.extend16_s"),
		"i64": strings.Fields("i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s"),
		"f32": strings.Fields("f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt"),
		"f64": strings.Fields("f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt"),
		"v128": vector(77, 77, 96, 98, 103, 106, 116, 117, 122, 122, 124, 129, 135, 138, 148, 148, 160, 161, 167, 170,
			192, 193, 199, 202, 224, 225, 227, 227, 236, 237, 239, 239, 94, 95, 248, 255),
	}
	binaries = map[string][]string{
		"i32": strings.Fields("i32.add i32.sub i32.mul i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.ge_u"),
		"i64": strings.Fields("i64.add i64.sub i64.mul i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr"),
		"f32": strings.Fields("f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign"),
		"f64": strings.Fields("f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign"),
		"v128": vector(14, 14, 35, 76, 78, 81, 101, 102, 110, 115, 118, 121, 123, 123, 130, 130, 133, 134, 142, 147, 149, 153, 155, 159,
			174, 174, 177, 177, 181, 186, 188, 191, 206, 206, 209, 209, 213, 223, 228, 235, 240, 247),
	}
	divisions = map[string][]string{
		"i32": strings.Fields("i32.div_s i32.div_u i32.rem_s i32.rem_u"),
		"i64": strings.Fields("i64.div_s i64.div_u i64.rem_s i64.rem_u"),
	}
	// conversions name the type that they take.
	conversions = map[string][]string{
		"i32": strings.Fields("i64:i32.wrap_i64 f32:i32.trunc_sat_f32_s f32:i32.trunc_sat_f32_u f64:i32.trunc_sat_f64_s f64:i32.trunc_sat_f64_u f32:i32.reinterpret_f32 i64:i64.eqz"),
		"i64": strings.Fields("i32:i64.extend_i32_s i32:i64.extend_i32_u f32:i64.trunc_sat_f32_s f32:i64.trunc_sat_f32_u f64:i64.trunc_sat_f64_s f64:i64.trunc_sat_f64_u f64:i64.reinterpret_f64"),
		"f32": strings.Fields("i32:f32.convert_i32_s i32:f32.convert_i32_u i64:f32.convert_i64_s i64:f32.convert_i64_u f64:f32.demote_f64 i32:f32.reinterpret_i32"),
		"f64": strings.Fields("i32:f64.convert_i32_s i32:f64.convert_i32_u i64:f64.convert_i64_s i64:f64.convert_i64_u f32:f64.promote_f32 i64:f64.reinterpret_i64"),
	}
	comparisons = map[string][]string{
		"i64": strings.Fields("i64.eq i64.ne i64.lt_s i64.gt_u i64.le_s i64.ge_u"),
		"f32": strings.Fields("f32.eq f32.ne f32.lt f32.gt f32.le f32.ge"),
		"f64": strings.Fields("f64.eq f64.ne f64.lt f64.gt f64.le f64.ge"),
	}
	toVector = map[string][]string{"i32": vector(15, 17), "i64": vector(18, 18), "f32": vector(19, 19), "f64": vector(20, 20)}
	// fromVector name the lane, where there are some.
	fromVector = map[string][]string{
		"i32": append(vector(83, 83, 99, 100, 131, 132, 163, 164, 195, 196), "simd 21 0f", "simd 22 03", "simd 24 07", "simd 25 02", "simd 27 03"),
		"i64": {"simd 29 00", "simd 29 01"}, "f32": {"simd 31 00", "simd 31 03"}, "f64": {"simd 33 00", "simd 33 01"},
	}
	shifts = vector(107, 109, 139, 141, 171, 173, 203, 205)
	// replacements name the type that goes into a lane.
	replacements = []string{"i32:simd 23 05", "i32:simd 26 04", "i32:simd 28 01", "i64:simd 30 01", "f32:simd 32 02", "f64:simd 34 00"}
	widening     = vector(1, 10)
)

// vector lists vector instructions, by pairs of first and last numbers.
func vector(pairs ...int) (all []string) {
	for i := 0; i < len(pairs); i += 2 {
		for op := pairs[i]; op <= pairs[i+1]; op++ {
			all = append(all, "simd "+strconv.Itoa(op))
		}
	}
	return all
}

func (g *generator) unary(t string, depth int) {
	g.expression(t, depth-1)
	g.emit("%s", g.one(unaries[t]...))
}

func (g *generator) binary(t string, depth int) {
	g.expression(t, depth-1)
	if d := divisions[t]; d != nil && g.once(8) {
		g.expression(t, depth-1)
		if !g.once(20) { // mostly not by zero
			g.emit("%s.const 1; %s.or", t, t)
		}
		g.emit("%s", g.one(d...))
		return
	}
	if t == "v128" && g.once(4) {
		switch g.r.IntN(3) {
		case 0:
			g.expression("i32", depth-1)
			g.emit("%s", g.one(shifts...))
		case 1:
			g.expression(t, depth-1)
			g.expression(t, depth-1)
			g.emit("simd 82")
		case 2:
			g.expression(t, depth-1)
			g.code.WriteString("simd 13 ")
			for range 16 {
				fmt.Fprintf(&g.code, "%02x", g.r.IntN(32))
			}
			g.emit("")
		}
		return
	}
	g.expression(t, depth-1)
	g.emit("%s", g.one(binaries[t]...))
}

// convert gives a value of the type made of one of another.
func (g *generator) convert(t string, depth int) {
	switch {
	case t == "v128" && g.once(3):
		from, op, _ := strings.Cut(g.one(replacements...), ":")
		g.expression(t, depth-1)
		g.expression(from, depth-1)
		g.emit("%s", op)
	case t == "v128" && g.once(3):
		g.address(depth)
		g.emit("%s 0000", g.one(widening...))
	case t == "v128":
		from := types[g.r.IntN(4)]
		g.expression(from, depth-1)
		g.emit("%s", g.one(toVector[from]...))
	case g.once(3):
		g.expression("v128", depth-1)
		g.emit("%s", g.one(fromVector[t]...))
	case t == "i32" && g.once(2):
		from := types[1+g.r.IntN(3)]
		g.expression(from, depth-1)
		g.expression(from, depth-1)
		g.emit("%s", g.one(comparisons[from]...))
	case t == "i32" && g.once(100):
		g.expression("f64", depth-1)
		g.emit("i32.trunc_f64_s")
	default:
		from, op, _ := strings.Cut(g.one(conversions[t]...), ":")
		g.expression(from, depth-1)
		g.emit("%s", op)
	}
}
