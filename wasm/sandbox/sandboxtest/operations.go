package sandboxtest

import "strings"

// Instructions that the random programs are made of, by the type they give.
var (
	unaries = map[string][]string{
		"i32": strings.Fields("i32.clz i32.ctz i32.popcnt i32.eqz i32.extend8_s i32.extend16_s"),
		"i64": strings.Fields("i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s"),
		"f32": strings.Fields("f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt"),
		"f64": strings.Fields("f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt"),
	}
	binaries = map[string][]string{
		"i32": strings.Fields("i32.add i32.sub i32.mul i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.ge_u"),
		"i64": strings.Fields("i64.add i64.sub i64.mul i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr"),
		"f32": strings.Fields("f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign"),
		"f64": strings.Fields("f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign"),
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
		"i32": strings.Fields("i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u"),
		"i64": strings.Fields("i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u"),
		"f32": strings.Fields("f32.eq f32.ne f32.lt f32.gt f32.le f32.ge"),
		"f64": strings.Fields("f64.eq f64.ne f64.lt f64.gt f64.le f64.ge"),
	}
)

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
	g.expression(t, depth-1)
	g.emit("%s", g.one(binaries[t]...))
}

// convert gives a value of the type made of one of another.
func (g *generator) convert(t string, depth int) {
	switch {
	case t == "i32" && g.once(2):
		from := g.typ()
		g.expression(from, depth-1)
		if from[0] == 'i' && g.once(2) { // which compilers make tests of bits of
			g.expression(from, depth-1)
			g.emit("%s.and", from)
		}
		g.expression(from, depth-1)
		if from[0] == 'i' && g.once(2) {
			g.expression(from, depth-1)
			g.emit("%s.and", from)
		}
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
