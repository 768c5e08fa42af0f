package glsl

// Functions that texts use, for one number and for four.

const pick = `int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}
`

const elem = `int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}
`

// run reads four consecutive elements.
const run = `ivec4 run(highp isampler2D b, int i) {
  if ((i & 3) == 0) {
    return texelFetch(b, place(i >> 2), 0);
  }
  return elem(b, i + ivec4(0, 1, 2, 3));
}
`

const lt = `int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}
`

const eq = `int eq(int x, int y) {
  return x == y ? 1 : 0;
}
ivec4 eq(ivec4 x, ivec4 y) {
  return ivec4(equal(x, y));
}
`

const sel = `int sel(int c, int x, int y) {
  return c != 0 ? x : y;
}
ivec4 sel(ivec4 c, ivec4 x, ivec4 y) {
  return ivec4(sel(c.x, x.x, y.x), sel(c.y, x.y, y.y), sel(c.z, x.z, y.z), sel(c.w, x.w, y.w));
}
`

// bitlen halves where the highest bit can be, five times.
const bitlen = `int bitlen(int x) {
  int n = x > 65535 ? 16 : 0;
  int s = x >> n > 255 ? 8 : 0;
  n += s;
  s = x >> n > 15 ? 4 : 0;
  n += s;
  s = x >> n > 3 ? 2 : 0;
  n += s;
  return n + min(x >> n, 2);
}
ivec4 bitlen(ivec4 x) {
  return ivec4(bitlen(x.x), bitlen(x.y), bitlen(x.z), bitlen(x.w));
}
`

// isqrt finds the bits of the root from the highest on. A square of 16 bits
// fits 32 without a sign.
const isqrt = `int isqrt(int x) {
  uint r = 0u;
  for (uint b = 32768u; b > 0u; b >>= 1) {
    uint s = r | b;
    r = s * s <= uint(x) ? s : r;
  }
  return int(r);
}
ivec4 isqrt(ivec4 x) {
  return ivec4(isqrt(x.x), isqrt(x.y), isqrt(x.z), isqrt(x.w));
}
`

const rand = `int rand(int x, int y) {
  uint s = (uint(x) + uint(y)) * 747796405u + 2891336453u;
  uint w = ((s >> ((s >> 28) + 4u)) ^ s) * 277803737u;
  return int((w >> 22) ^ w);
}
ivec4 rand(ivec4 x, ivec4 y) {
  return ivec4(rand(x.x, y.x), rand(x.y, y.y), rand(x.z, y.z), rand(x.w, y.w));
}
`
