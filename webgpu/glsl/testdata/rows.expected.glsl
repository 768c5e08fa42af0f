#version 300 es
// rows reduce1 whole quad
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define texels params[0].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}

int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

int sel(int c, int x, int y) {
  return c != 0 ? x : y;
}
ivec4 sel(ivec4 c, ivec4 x, ivec4 y) {
  return ivec4(sel(c.x, x.x, y.x), sel(c.y, x.y, y.y), sel(c.z, x.z, y.z), sel(c.w, x.w, y.w));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t;
  ivec4 s36 = ivec4((-2147483647 - 1));
  int v2 = row * cols;
  int v7 = elem(b1, row);
  int v16 = lt(30, v7);
  int v10 = max(v7, (-30));
  int v11 = min(v10, 1);
  int v12 = 1 - v11;
  int v14 = 2147483647 >> v12;
  int v17 = sel(v16, 0, v14);
  int v18 = 0 - v17;
  int v21 = v12 - 1;
  int v22 = max(v21, 0);
  int v24 = max(v7, 0);
  int v26 = min(v24, 31);
  int v27 = 1 << v26;
  int v28 = v27 - 1;
  int v29 = v28 >> 1;
  int v31 = min(v26, 1);
  for (int c = 0; c < cols; c += 4) {
    ivec4 col = c + ivec4(0, 1, 2, 3);
    ivec4 v6 = texelFetch(b0, place((v2 + c) >> 2), 0);
    ivec4 v19 = max(v6, ivec4(v18));
    ivec4 v20 = min(v19, ivec4(v17));
    ivec4 v23 = v20 << v22;
    ivec4 v33 = v23 + v29;
    ivec4 v30 = v23 >> v26;
    ivec4 v32 = v30 & v31;
    ivec4 v34 = v33 + v32;
    ivec4 v35 = v34 >> v26;
    s36 = max(s36, ivec4(v35));
  }
  int n36 = max(max(s36.x, s36.y), max(s36.z, s36.w));
  o0 = ivec4(n36, 0, 0, 0);
}

#version 300 es
// rows reduce1 whole loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define texels params[0].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}

int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

int sel(int c, int x, int y) {
  return c != 0 ? x : y;
}
ivec4 sel(ivec4 c, ivec4 x, ivec4 y) {
  return ivec4(sel(c.x, x.x, y.x), sel(c.y, x.y, y.y), sel(c.z, x.z, y.z), sel(c.w, x.w, y.w));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t;
  ivec4 s36 = ivec4((-2147483647 - 1));
  int v2 = row * cols;
  int v7 = elem(b1, row);
  int v16 = lt(30, v7);
  int v10 = max(v7, (-30));
  int v11 = min(v10, 1);
  int v12 = 1 - v11;
  int v14 = 2147483647 >> v12;
  int v17 = sel(v16, 0, v14);
  int v18 = 0 - v17;
  int v21 = v12 - 1;
  int v22 = max(v21, 0);
  int v24 = max(v7, 0);
  int v26 = min(v24, 31);
  int v27 = 1 << v26;
  int v28 = v27 - 1;
  int v29 = v28 >> 1;
  int v31 = min(v26, 1);
  for (int c = 0; c < cols; c += 4) {
    ivec4 col = min(c + ivec4(0, 1, 2, 3), cols - 1);
    ivec4 v6 = elem(b0, v2 + col);
    ivec4 v19 = max(v6, ivec4(v18));
    ivec4 v20 = min(v19, ivec4(v17));
    ivec4 v23 = v20 << v22;
    ivec4 v33 = v23 + v29;
    ivec4 v30 = v23 >> v26;
    ivec4 v32 = v30 & v31;
    ivec4 v34 = v33 + v32;
    ivec4 v35 = v34 >> v26;
    s36 = max(s36, ivec4(v35));
  }
  int n36 = max(max(s36.x, s36.y), max(s36.z, s36.w));
  o0 = ivec4(n36, 0, 0, 0);
}

#version 300 es
// rows reduce1 part quad
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define stretches params[0].y
#define stretch params[0].z
#define texels params[0].w
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}

int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

int sel(int c, int x, int y) {
  return c != 0 ? x : y;
}
ivec4 sel(ivec4 c, ivec4 x, ivec4 y) {
  return ivec4(sel(c.x, x.x, y.x), sel(c.y, x.y, y.y), sel(c.z, x.z, y.z), sel(c.w, x.w, y.w));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t / stretches;
  int from = (t - row * stretches) * stretch;
  int to = min(from + stretch, cols);
  ivec4 s36 = ivec4((-2147483647 - 1));
  int v2 = row * cols;
  int v7 = elem(b1, row);
  int v16 = lt(30, v7);
  int v10 = max(v7, (-30));
  int v11 = min(v10, 1);
  int v12 = 1 - v11;
  int v14 = 2147483647 >> v12;
  int v17 = sel(v16, 0, v14);
  int v18 = 0 - v17;
  int v21 = v12 - 1;
  int v22 = max(v21, 0);
  int v24 = max(v7, 0);
  int v26 = min(v24, 31);
  int v27 = 1 << v26;
  int v28 = v27 - 1;
  int v29 = v28 >> 1;
  int v31 = min(v26, 1);
  for (int c = from; c < to; c += 4) {
    ivec4 col = c + ivec4(0, 1, 2, 3);
    ivec4 v6 = texelFetch(b0, place((v2 + c) >> 2), 0);
    ivec4 v19 = max(v6, ivec4(v18));
    ivec4 v20 = min(v19, ivec4(v17));
    ivec4 v23 = v20 << v22;
    ivec4 v33 = v23 + v29;
    ivec4 v30 = v23 >> v26;
    ivec4 v32 = v30 & v31;
    ivec4 v34 = v33 + v32;
    ivec4 v35 = v34 >> v26;
    s36 = max(s36, ivec4(v35));
  }
  int n36 = max(max(s36.x, s36.y), max(s36.z, s36.w));
  o0 = ivec4(n36, 0, 0, 0);
}

#version 300 es
// rows reduce1 part loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define stretches params[0].y
#define stretch params[0].z
#define texels params[0].w
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}

int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

int sel(int c, int x, int y) {
  return c != 0 ? x : y;
}
ivec4 sel(ivec4 c, ivec4 x, ivec4 y) {
  return ivec4(sel(c.x, x.x, y.x), sel(c.y, x.y, y.y), sel(c.z, x.z, y.z), sel(c.w, x.w, y.w));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t / stretches;
  int from = (t - row * stretches) * stretch;
  int to = min(from + stretch, cols);
  ivec4 s36 = ivec4((-2147483647 - 1));
  int v2 = row * cols;
  int v7 = elem(b1, row);
  int v16 = lt(30, v7);
  int v10 = max(v7, (-30));
  int v11 = min(v10, 1);
  int v12 = 1 - v11;
  int v14 = 2147483647 >> v12;
  int v17 = sel(v16, 0, v14);
  int v18 = 0 - v17;
  int v21 = v12 - 1;
  int v22 = max(v21, 0);
  int v24 = max(v7, 0);
  int v26 = min(v24, 31);
  int v27 = 1 << v26;
  int v28 = v27 - 1;
  int v29 = v28 >> 1;
  int v31 = min(v26, 1);
  for (int c = from; c < to; c += 4) {
    ivec4 col = min(c + ivec4(0, 1, 2, 3), to - 1);
    ivec4 v6 = elem(b0, v2 + col);
    ivec4 v19 = max(v6, ivec4(v18));
    ivec4 v20 = min(v19, ivec4(v17));
    ivec4 v23 = v20 << v22;
    ivec4 v33 = v23 + v29;
    ivec4 v30 = v23 >> v26;
    ivec4 v32 = v30 & v31;
    ivec4 v34 = v33 + v32;
    ivec4 v35 = v34 >> v26;
    s36 = max(s36, ivec4(v35));
  }
  int n36 = max(max(s36.x, s36.y), max(s36.z, s36.w));
  o0 = ivec4(n36, 0, 0, 0);
}

#version 300 es
// rows reduce1 combine
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define stretches params[0].x
#define texels params[0].y
uniform isampler2D b0;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t;
  int n36 = (-2147483647 - 1);
  for (int i = row * stretches; i < (row + 1) * stretches; i++) {
    ivec4 q0 = texelFetch(b0, place(i), 0);
    n36 = max(n36, q0.x);
  }
  o0 = ivec4(n36, 0, 0, 0);
}

#version 300 es
// rows reduce2 whole quad
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define texels params[0].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

int bitlen(int x) {
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

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t;
  ivec4 s38 = ivec4(0);
  int v2 = row * cols;
  ivec4 r1_0 = texelFetch(b1, place(row), 0);
  for (int c = 0; c < cols; c += 4) {
    ivec4 col = c + ivec4(0, 1, 2, 3);
    ivec4 v6 = texelFetch(b0, place((v2 + c) >> 2), 0);
    ivec4 v37 = lt(v6, ivec4(r1_0.x));
    s38 += v37;
  }
  int n38 = s38.x + s38.y + s38.z + s38.w;
  int v39 = bitlen(n38);
  o0 = ivec4(v39, n38, 0, 0);
}

#version 300 es
// rows reduce2 whole loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define texels params[0].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}

int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

int bitlen(int x) {
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

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t;
  ivec4 s38 = ivec4(0);
  int v2 = row * cols;
  ivec4 r1_0 = texelFetch(b1, place(row), 0);
  for (int c = 0; c < cols; c += 4) {
    ivec4 col = min(c + ivec4(0, 1, 2, 3), cols - 1);
    ivec4 v6 = elem(b0, v2 + col);
    ivec4 v37 = lt(v6, ivec4(r1_0.x));
    s38 += v37 * ivec4(lessThan(c + ivec4(0, 1, 2, 3), ivec4(cols)));
  }
  int n38 = s38.x + s38.y + s38.z + s38.w;
  int v39 = bitlen(n38);
  o0 = ivec4(v39, n38, 0, 0);
}

#version 300 es
// rows reduce2 part quad
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define stretches params[0].y
#define stretch params[0].z
#define texels params[0].w
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t / stretches;
  int from = (t - row * stretches) * stretch;
  int to = min(from + stretch, cols);
  ivec4 s38 = ivec4(0);
  int v2 = row * cols;
  ivec4 r1_0 = texelFetch(b1, place(row), 0);
  for (int c = from; c < to; c += 4) {
    ivec4 col = c + ivec4(0, 1, 2, 3);
    ivec4 v6 = texelFetch(b0, place((v2 + c) >> 2), 0);
    ivec4 v37 = lt(v6, ivec4(r1_0.x));
    s38 += v37;
  }
  int n38 = s38.x + s38.y + s38.z + s38.w;
  o0 = ivec4(n38, 0, 0, 0);
}

#version 300 es
// rows reduce2 part loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define stretches params[0].y
#define stretch params[0].z
#define texels params[0].w
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
}

int elem(highp isampler2D b, int i) {
  return pick(texelFetch(b, place(i >> 2), 0), i);
}
ivec4 elem(highp isampler2D b, ivec4 i) {
  return ivec4(elem(b, i.x), elem(b, i.y), elem(b, i.z), elem(b, i.w));
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t / stretches;
  int from = (t - row * stretches) * stretch;
  int to = min(from + stretch, cols);
  ivec4 s38 = ivec4(0);
  int v2 = row * cols;
  ivec4 r1_0 = texelFetch(b1, place(row), 0);
  for (int c = from; c < to; c += 4) {
    ivec4 col = min(c + ivec4(0, 1, 2, 3), to - 1);
    ivec4 v6 = elem(b0, v2 + col);
    ivec4 v37 = lt(v6, ivec4(r1_0.x));
    s38 += v37 * ivec4(lessThan(c + ivec4(0, 1, 2, 3), ivec4(to)));
  }
  int n38 = s38.x + s38.y + s38.z + s38.w;
  o0 = ivec4(n38, 0, 0, 0);
}

#version 300 es
// rows reduce2 combine
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define stretches params[0].x
#define texels params[0].y
uniform isampler2D b0;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int bitlen(int x) {
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

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int row = t;
  int n38 = 0;
  for (int i = row * stretches; i < (row + 1) * stretches; i++) {
    ivec4 q0 = texelFetch(b0, place(i), 0);
    n38 += q0.x;
  }
  int v39 = bitlen(n38);
  o0 = ivec4(v39, n38, 0, 0);
}

#version 300 es
// rows map0 quad
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define cols params[0].x
#define texels params[0].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int e = t * 4;
  int row = e / cols;
  int first = e - row * cols;
  ivec4 col = first + ivec4(0, 1, 2, 3);
  ivec4 v6 = texelFetch(b0, at, 0);
  ivec4 r2_0 = texelFetch(b1, place(row), 0);
  ivec4 v40 = lt(v6, ivec4(r2_0.x));
  o0 = v40;
}

#version 300 es
// rows map0 loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define elems params[0].x
#define cols params[0].y
#define texels params[0].z
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

int lt(int x, int y) {
  return x < y ? 1 : 0;
}
ivec4 lt(ivec4 x, ivec4 y) {
  return ivec4(lessThan(x, y));
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  ivec4 e = min(t * 4 + ivec4(0, 1, 2, 3), elems - 1);
  ivec4 row = e / cols;
  ivec4 col = e - row * cols;
  ivec4 v6 = texelFetch(b0, at, 0);
  ivec4 r2_0x = texelFetch(b1, place(row.x), 0);
  ivec4 r2_0y = texelFetch(b1, place(row.y), 0);
  ivec4 r2_0z = texelFetch(b1, place(row.z), 0);
  ivec4 r2_0w = texelFetch(b1, place(row.w), 0);
  ivec4 v39 = ivec4(r2_0x.x, r2_0y.x, r2_0z.x, r2_0w.x);
  ivec4 v40 = lt(v6, v39);
  o0 = v40;
}

#version 300 es
// rows rows0
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define rows params[0].x
#define texels params[0].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int line = t * 4;
  ivec4 row = min(line + ivec4(0, 1, 2, 3), rows - 1);
  ivec4 r2_0x = texelFetch(b0, place(row.x), 0);
  ivec4 r2_0y = texelFetch(b0, place(row.y), 0);
  ivec4 r2_0z = texelFetch(b0, place(row.z), 0);
  ivec4 r2_0w = texelFetch(b0, place(row.w), 0);
  ivec4 v38 = ivec4(r2_0x.y, r2_0y.y, r2_0z.y, r2_0w.y);
  ivec4 r1_0x = texelFetch(b1, place(row.x), 0);
  ivec4 r1_0y = texelFetch(b1, place(row.y), 0);
  ivec4 r1_0z = texelFetch(b1, place(row.z), 0);
  ivec4 r1_0w = texelFetch(b1, place(row.w), 0);
  ivec4 v36 = ivec4(r1_0x.x, r1_0y.x, r1_0z.x, r1_0w.x);
  ivec4 v41 = v38 + v36;
  o0 = v41;
}

