package sandboxtest

// engines are what engines were found to compile wrongly, as small as it shows:
// the rewriter writes these things in another way.
func engines() (all []Case) {
	add := func(name string, m Module, want string) {
		all = append(all, Case{Name: "engine/" + name, Module: m.Encode(), Limits: usual, Input: []byte("input"), Want: returns(want)})
	}
	add("0 < a&b", plain("i32.const 16; local.get 2; local.get 0; i32.const -1; i32.and; i32.lt_u; if i32; i32.const 1; else; i32.const 2; end; i32.store"+give(16, 4), "i32"), "\x01\x00\x00\x00")
	add("0 > a&b", plain("i32.const 16; i64.const 0; local.get 2; i64.const -1; i64.sub; i64.const -8; i64.and; i64.gt_s; if i32; i32.const 1; else; i32.const 2; end; i32.store"+give(16, 4), "i64"), "\x02\x00\x00\x00")
	add("a select of floats, the first on the stack", plain("i32.const 16; local.get 0; f32.convert_i32_s; local.set 2; local.get 2; local.get 2; call f; i32.const 0; select; f32.store"+give(16, 4), "f32",
		Function{Name: "f", Type: "f32 -> f32", Code: "local.get 0; f32.neg; loop; i32.const 0; br_if 0; end"}), "\x00\x00\x80\xc4")
	sign := plain("block; loop; i32.const 0; if; f64.const 0; local.set 3; else; local.get 3; local.get 2; f64.const 0; f64.copysign; f64.copysign; global.set 0; end; i32.const 0; br_if 0; end; end; i32.const 16; global.get 0; f64.store"+give(16, 8), "f64 f64")
	sign.Globals = []string{"mut f64 0"}
	add("copysign in a loop", sign, zeros(8))
	return all
}
