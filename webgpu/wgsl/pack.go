package wgsl

// unpack4 is the four bytes of a word, widened.
func (u *unit) unpack4(w string) string {
	return u.need("unpack4", `fn unpack4(w: u32) -> vec4<i32> {
  return bitcast<vec4<i32>>(vec4<u32>(w << 24u, w << 16u, w << 8u, w)) >> vec4<u32>(24u);
}
`) + "(" + w + ")"
}

// unpack2 is the four 16-bit values of two words, widened.
func (u *unit) unpack2(w0, w1 string) string {
	return u.need("unpack2", `fn unpack2(w0: u32, w1: u32) -> vec4<i32> {
  return bitcast<vec4<i32>>(vec4<u32>(w0 << 16u, w0, w1 << 16u, w1)) >> vec4<u32>(16u);
}
`) + "(" + w0 + ", " + w1 + ")"
}

// pack4 is the word of the low bytes of a vector.
func (u *unit) pack4(v string) string {
	return u.need("pack4", `fn pack4(v: vec4<i32>) -> u32 {
  let w = bitcast<vec4<u32>>(v) & vec4<u32>(255u);
  return w.x | (w.y << 8u) | (w.z << 16u) | (w.w << 24u);
}
`) + "(" + v + ")"
}

// pack2 is the word of the low halves of two values.
func (u *unit) pack2(x, y string) string {
	return u.need("pack2", `fn pack2(x: i32, y: i32) -> u32 {
  return (bitcast<u32>(x) & 65535u) | (bitcast<u32>(y) << 16u);
}
`) + "(" + x + ", " + y + ")"
}
