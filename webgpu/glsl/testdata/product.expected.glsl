#version 300 es
// product map0 quad
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[2]; };
#define cols params[0].x
#define size_m params[0].y
#define tiles_m params[0].z
#define tiles_n params[0].w
#define stretches params[1].x
#define tiles params[1].y
#define p13 params[1].z
#define texels params[1].w
uniform isampler2D b0;
uniform isampler2D b1;
uniform isampler2D b2;
uniform isampler2D b3;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

ivec4 tile_at(int q, int m) {
  if (m == 0) {
    return texelFetch(b0, place(q), 0);
  }
  if (m == 1) {
    return texelFetch(b1, place(q), 0);
  }
  if (m == 2) {
    return texelFetch(b2, place(q), 0);
  }
  return texelFetch(b3, place(q), 0);
}

ivec4 acc(int row, int col) {
  int batch = row / size_m;
  int m = row - batch * size_m;
  int i = m >> 2;
  int q = (batch * tiles_m + i) * tiles_n + (col >> 2);
  m &= 3;
  ivec4 sum = tile_at(q, m);
  for (int i = 1; i < stretches; i++) {
    sum += tile_at(q + i * tiles, m);
  }
  return sum;
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
  int e = t * 4;
  int row = e / cols;
  int first = e - row * cols;
  ivec4 col = first + ivec4(0, 1, 2, 3);
  ivec4 v5 = acc(row, first);
  int v16 = lt(30, p13);
  int v10 = max(p13, (-30));
  int v11 = min(v10, 1);
  int v12 = 1 - v11;
  int v14 = 2147483647 >> v12;
  int v17 = sel(v16, 0, v14);
  int v18 = 0 - v17;
  ivec4 v19 = max(v5, ivec4(v18));
  ivec4 v20 = min(v19, ivec4(v17));
  int v21 = v12 - 1;
  int v22 = max(v21, 0);
  ivec4 v23 = v20 << v22;
  int v24 = max(p13, 0);
  int v26 = min(v24, 31);
  int v27 = 1 << v26;
  int v28 = v27 - 1;
  int v29 = v28 >> 1;
  ivec4 v33 = v23 + v29;
  ivec4 v30 = v23 >> v26;
  int v31 = min(v26, 1);
  ivec4 v32 = v30 & v31;
  ivec4 v34 = v33 + v32;
  ivec4 v35 = v34 >> v26;
  o0 = v35;
}

#version 300 es
// product map0 loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[3]; };
#define elems params[0].x
#define cols params[0].y
#define size_m params[0].z
#define tiles_m params[0].w
#define tiles_n params[1].x
#define stretches params[1].y
#define tiles params[1].z
#define p13 params[1].w
#define texels params[2].x
uniform isampler2D b0;
uniform isampler2D b1;
uniform isampler2D b2;
uniform isampler2D b3;
layout(location = 0) out ivec4 o0;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

ivec4 tile_at(int q, int m) {
  if (m == 0) {
    return texelFetch(b0, place(q), 0);
  }
  if (m == 1) {
    return texelFetch(b1, place(q), 0);
  }
  if (m == 2) {
    return texelFetch(b2, place(q), 0);
  }
  return texelFetch(b3, place(q), 0);
}

ivec4 acc(int row, int col) {
  int batch = row / size_m;
  int m = row - batch * size_m;
  int i = m >> 2;
  int q = (batch * tiles_m + i) * tiles_n + (col >> 2);
  m &= 3;
  ivec4 sum = tile_at(q, m);
  for (int i = 1; i < stretches; i++) {
    sum += tile_at(q + i * tiles, m);
  }
  return sum;
}

int pick(ivec4 v, int i) {
  bool odd = (i & 1) != 0;
  return (i & 2) != 0 ? (odd ? v.w : v.z) : (odd ? v.y : v.x);
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
  ivec4 e = min(t * 4 + ivec4(0, 1, 2, 3), elems - 1);
  ivec4 row = e / cols;
  ivec4 col = e - row * cols;
  ivec4 v5 = ivec4(pick(acc(row.x, col.x), col.x), pick(acc(row.y, col.y), col.y), pick(acc(row.z, col.z), col.z), pick(acc(row.w, col.w), col.w));
  int v16 = lt(30, p13);
  int v10 = max(p13, (-30));
  int v11 = min(v10, 1);
  int v12 = 1 - v11;
  int v14 = 2147483647 >> v12;
  int v17 = sel(v16, 0, v14);
  int v18 = 0 - v17;
  ivec4 v19 = max(v5, ivec4(v18));
  ivec4 v20 = min(v19, ivec4(v17));
  int v21 = v12 - 1;
  int v22 = max(v21, 0);
  ivec4 v23 = v20 << v22;
  int v24 = max(p13, 0);
  int v26 = min(v24, 31);
  int v27 = 1 << v26;
  int v28 = v27 - 1;
  int v29 = v28 >> 1;
  ivec4 v33 = v23 + v29;
  ivec4 v30 = v23 >> v26;
  int v31 = min(v26, 1);
  ivec4 v32 = v30 & v31;
  ivec4 v34 = v33 + v32;
  ivec4 v35 = v34 >> v26;
  o0 = v35;
}

#version 300 es
// contract any any
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[5]; };
#define tiles params[0].x
#define tiles_n params[0].y
#define tiles_m params[0].z
#define batch1 params[0].w
#define size_m params[1].x
#define a_m params[1].y
#define cols params[1].z
#define b_n params[1].w
#define a_off params[2].x
#define a_b0 params[2].y
#define a_b1 params[2].z
#define b_off params[2].w
#define b_b0 params[3].x
#define b_b1 params[3].y
#define stretch_k params[3].z
#define size_k params[3].w
#define a_k params[4].x
#define b_k params[4].y
#define texels params[4].z
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;
layout(location = 1) out ivec4 o1;
layout(location = 2) out ivec4 o2;
layout(location = 3) out ivec4 o3;

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

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int stretch = t / tiles;
  int q = t - stretch * tiles;
  int q1 = q / tiles_n;
  int n = (q - q1 * tiles_n) * 4;
  int q2 = q1 / tiles_m;
  int m = (q1 - q2 * tiles_m) * 4;
  int q3 = q2 / batch1;
  int q4 = q2 - q3 * batch1;
  int a_at = a_off + q3 * a_b0 + q4 * a_b1;
  ivec4 a_at0 = a_at + min(m + ivec4(0, 1, 2, 3), size_m - 1) * a_m;
  int b_at = b_off + q3 * b_b0 + q4 * b_b1;
  ivec4 b_at0 = b_at + min(n + ivec4(0, 1, 2, 3), cols - 1) * b_n;
  ivec4 s0 = ivec4(0);
  ivec4 s1 = ivec4(0);
  ivec4 s2 = ivec4(0);
  ivec4 s3 = ivec4(0);
  int from = stretch * stretch_k;
  int to = min(from + stretch_k, size_k);
  for (int k = from; k < to; k++) {
    ivec4 x0 = elem(b0, a_at0 + k * a_k);
    ivec4 y0 = elem(b1, b_at0 + k * b_k);
    s0 += x0.x * y0;
    s1 += x0.y * y0;
    s2 += x0.z * y0;
    s3 += x0.w * y0;
  }
  o0 = s0;
  o1 = s1;
  o2 = s2;
  o3 = s3;
}

#version 300 es
// contract k k
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[5]; };
#define tiles params[0].x
#define tiles_n params[0].y
#define tiles_m params[0].z
#define batch1 params[0].w
#define size_m params[1].x
#define a_m params[1].y
#define cols params[1].z
#define b_n params[1].w
#define a_off params[2].x
#define a_b0 params[2].y
#define a_b1 params[2].z
#define b_off params[2].w
#define b_b0 params[3].x
#define b_b1 params[3].y
#define stretch_k params[3].z
#define size_k params[3].w
#define texels params[4].x
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;
layout(location = 1) out ivec4 o1;
layout(location = 2) out ivec4 o2;
layout(location = 3) out ivec4 o3;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int stretch = t / tiles;
  int q = t - stretch * tiles;
  int q1 = q / tiles_n;
  int n = (q - q1 * tiles_n) * 4;
  int q2 = q1 / tiles_m;
  int m = (q1 - q2 * tiles_m) * 4;
  int q3 = q2 / batch1;
  int q4 = q2 - q3 * batch1;
  int a_at = a_off + q3 * a_b0 + q4 * a_b1;
  int a_at0 = (a_at + min(m + 0, size_m - 1) * a_m) >> 2;
  int a_at1 = (a_at + min(m + 1, size_m - 1) * a_m) >> 2;
  int a_at2 = (a_at + min(m + 2, size_m - 1) * a_m) >> 2;
  int a_at3 = (a_at + min(m + 3, size_m - 1) * a_m) >> 2;
  int b_at = b_off + q3 * b_b0 + q4 * b_b1;
  int b_at0 = (b_at + min(n + 0, cols - 1) * b_n) >> 2;
  int b_at1 = (b_at + min(n + 1, cols - 1) * b_n) >> 2;
  int b_at2 = (b_at + min(n + 2, cols - 1) * b_n) >> 2;
  int b_at3 = (b_at + min(n + 3, cols - 1) * b_n) >> 2;
  ivec4 s0 = ivec4(0);
  ivec4 s1 = ivec4(0);
  ivec4 s2 = ivec4(0);
  ivec4 s3 = ivec4(0);
  int from = stretch * stretch_k;
  int to = min(from + stretch_k, size_k);
  for (int k = from; k < to; k += 4) {
    ivec4 x0 = texelFetch(b0, place(a_at0 + (k >> 2)), 0);
    ivec4 x1 = texelFetch(b0, place(a_at1 + (k >> 2)), 0);
    ivec4 x2 = texelFetch(b0, place(a_at2 + (k >> 2)), 0);
    ivec4 x3 = texelFetch(b0, place(a_at3 + (k >> 2)), 0);
    ivec4 y_0 = texelFetch(b1, place(b_at0 + (k >> 2)), 0);
    ivec4 y_1 = texelFetch(b1, place(b_at1 + (k >> 2)), 0);
    ivec4 y_2 = texelFetch(b1, place(b_at2 + (k >> 2)), 0);
    ivec4 y_3 = texelFetch(b1, place(b_at3 + (k >> 2)), 0);
    ivec4 y0 = ivec4(y_0.x, y_1.x, y_2.x, y_3.x);
    ivec4 y1 = ivec4(y_0.y, y_1.y, y_2.y, y_3.y);
    ivec4 y2 = ivec4(y_0.z, y_1.z, y_2.z, y_3.z);
    ivec4 y3 = ivec4(y_0.w, y_1.w, y_2.w, y_3.w);
    if (k + 4 > size_k) {
      ivec4 some = -ivec4(lessThan(k + ivec4(0, 1, 2, 3), ivec4(size_k)));
      x0 &= some;
      x1 &= some;
      x2 &= some;
      x3 &= some;
    }
    s0 += x0.x * y0 + x0.y * y1 + x0.z * y2 + x0.w * y3;
    s1 += x1.x * y0 + x1.y * y1 + x1.z * y2 + x1.w * y3;
    s2 += x2.x * y0 + x2.y * y1 + x2.z * y2 + x2.w * y3;
    s3 += x3.x * y0 + x3.y * y1 + x3.z * y2 + x3.w * y3;
  }
  o0 = s0;
  o1 = s1;
  o2 = s2;
  o3 = s3;
}

#version 300 es
// contract k x
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[5]; };
#define tiles params[0].x
#define tiles_n params[0].y
#define tiles_m params[0].z
#define batch1 params[0].w
#define size_m params[1].x
#define a_m params[1].y
#define cols params[1].z
#define b_n params[1].w
#define a_off params[2].x
#define a_b0 params[2].y
#define a_b1 params[2].z
#define b_off params[2].w
#define b_b0 params[3].x
#define b_b1 params[3].y
#define stretch_k params[3].z
#define size_k params[3].w
#define b_k params[4].x
#define texels params[4].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;
layout(location = 1) out ivec4 o1;
layout(location = 2) out ivec4 o2;
layout(location = 3) out ivec4 o3;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int stretch = t / tiles;
  int q = t - stretch * tiles;
  int q1 = q / tiles_n;
  int n = (q - q1 * tiles_n) * 4;
  int q2 = q1 / tiles_m;
  int m = (q1 - q2 * tiles_m) * 4;
  int q3 = q2 / batch1;
  int q4 = q2 - q3 * batch1;
  int a_at = a_off + q3 * a_b0 + q4 * a_b1;
  int a_at0 = (a_at + min(m + 0, size_m - 1) * a_m) >> 2;
  int a_at1 = (a_at + min(m + 1, size_m - 1) * a_m) >> 2;
  int a_at2 = (a_at + min(m + 2, size_m - 1) * a_m) >> 2;
  int a_at3 = (a_at + min(m + 3, size_m - 1) * a_m) >> 2;
  int b_at = b_off + q3 * b_b0 + q4 * b_b1;
  b_at += n;
  ivec4 s0 = ivec4(0);
  ivec4 s1 = ivec4(0);
  ivec4 s2 = ivec4(0);
  ivec4 s3 = ivec4(0);
  int from = stretch * stretch_k;
  int to = min(from + stretch_k, size_k);
  for (int k = from; k < to; k += 4) {
    ivec4 x0 = texelFetch(b0, place(a_at0 + (k >> 2)), 0);
    ivec4 x1 = texelFetch(b0, place(a_at1 + (k >> 2)), 0);
    ivec4 x2 = texelFetch(b0, place(a_at2 + (k >> 2)), 0);
    ivec4 x3 = texelFetch(b0, place(a_at3 + (k >> 2)), 0);
    ivec4 y0 = texelFetch(b1, place((b_at + min(k + 0, size_k - 1) * b_k + 0) >> 2), 0);
    ivec4 y1 = texelFetch(b1, place((b_at + min(k + 1, size_k - 1) * b_k + 0) >> 2), 0);
    ivec4 y2 = texelFetch(b1, place((b_at + min(k + 2, size_k - 1) * b_k + 0) >> 2), 0);
    ivec4 y3 = texelFetch(b1, place((b_at + min(k + 3, size_k - 1) * b_k + 0) >> 2), 0);
    if (k + 4 > size_k) {
      ivec4 some = -ivec4(lessThan(k + ivec4(0, 1, 2, 3), ivec4(size_k)));
      x0 &= some;
      x1 &= some;
      x2 &= some;
      x3 &= some;
    }
    s0 += x0.x * y0 + x0.y * y1 + x0.z * y2 + x0.w * y3;
    s1 += x1.x * y0 + x1.y * y1 + x1.z * y2 + x1.w * y3;
    s2 += x2.x * y0 + x2.y * y1 + x2.z * y2 + x2.w * y3;
    s3 += x3.x * y0 + x3.y * y1 + x3.z * y2 + x3.w * y3;
  }
  o0 = s0;
  o1 = s1;
  o2 = s2;
  o3 = s3;
}

#version 300 es
// contract x k
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[5]; };
#define tiles params[0].x
#define tiles_n params[0].y
#define tiles_m params[0].z
#define batch1 params[0].w
#define size_m params[1].x
#define a_m params[1].y
#define cols params[1].z
#define b_n params[1].w
#define a_off params[2].x
#define a_b0 params[2].y
#define a_b1 params[2].z
#define b_off params[2].w
#define b_b0 params[3].x
#define b_b1 params[3].y
#define stretch_k params[3].z
#define size_k params[3].w
#define a_k params[4].x
#define texels params[4].y
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;
layout(location = 1) out ivec4 o1;
layout(location = 2) out ivec4 o2;
layout(location = 3) out ivec4 o3;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int stretch = t / tiles;
  int q = t - stretch * tiles;
  int q1 = q / tiles_n;
  int n = (q - q1 * tiles_n) * 4;
  int q2 = q1 / tiles_m;
  int m = (q1 - q2 * tiles_m) * 4;
  int q3 = q2 / batch1;
  int q4 = q2 - q3 * batch1;
  int a_at = a_off + q3 * a_b0 + q4 * a_b1;
  a_at += m;
  int b_at = b_off + q3 * b_b0 + q4 * b_b1;
  int b_at0 = (b_at + min(n + 0, cols - 1) * b_n) >> 2;
  int b_at1 = (b_at + min(n + 1, cols - 1) * b_n) >> 2;
  int b_at2 = (b_at + min(n + 2, cols - 1) * b_n) >> 2;
  int b_at3 = (b_at + min(n + 3, cols - 1) * b_n) >> 2;
  ivec4 s0 = ivec4(0);
  ivec4 s1 = ivec4(0);
  ivec4 s2 = ivec4(0);
  ivec4 s3 = ivec4(0);
  int from = stretch * stretch_k;
  int to = min(from + stretch_k, size_k);
  for (int k = from; k < to; k += 4) {
    ivec4 x_0 = texelFetch(b0, place((a_at + min(k + 0, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x_1 = texelFetch(b0, place((a_at + min(k + 1, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x_2 = texelFetch(b0, place((a_at + min(k + 2, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x_3 = texelFetch(b0, place((a_at + min(k + 3, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x0 = ivec4(x_0.x, x_1.x, x_2.x, x_3.x);
    ivec4 x1 = ivec4(x_0.y, x_1.y, x_2.y, x_3.y);
    ivec4 x2 = ivec4(x_0.z, x_1.z, x_2.z, x_3.z);
    ivec4 x3 = ivec4(x_0.w, x_1.w, x_2.w, x_3.w);
    ivec4 y_0 = texelFetch(b1, place(b_at0 + (k >> 2)), 0);
    ivec4 y_1 = texelFetch(b1, place(b_at1 + (k >> 2)), 0);
    ivec4 y_2 = texelFetch(b1, place(b_at2 + (k >> 2)), 0);
    ivec4 y_3 = texelFetch(b1, place(b_at3 + (k >> 2)), 0);
    ivec4 y0 = ivec4(y_0.x, y_1.x, y_2.x, y_3.x);
    ivec4 y1 = ivec4(y_0.y, y_1.y, y_2.y, y_3.y);
    ivec4 y2 = ivec4(y_0.z, y_1.z, y_2.z, y_3.z);
    ivec4 y3 = ivec4(y_0.w, y_1.w, y_2.w, y_3.w);
    if (k + 4 > size_k) {
      ivec4 some = -ivec4(lessThan(k + ivec4(0, 1, 2, 3), ivec4(size_k)));
      x0 &= some;
      x1 &= some;
      x2 &= some;
      x3 &= some;
    }
    s0 += x0.x * y0 + x0.y * y1 + x0.z * y2 + x0.w * y3;
    s1 += x1.x * y0 + x1.y * y1 + x1.z * y2 + x1.w * y3;
    s2 += x2.x * y0 + x2.y * y1 + x2.z * y2 + x2.w * y3;
    s3 += x3.x * y0 + x3.y * y1 + x3.z * y2 + x3.w * y3;
  }
  o0 = s0;
  o1 = s1;
  o2 = s2;
  o3 = s3;
}

#version 300 es
// contract x x
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[5]; };
#define tiles params[0].x
#define tiles_n params[0].y
#define tiles_m params[0].z
#define batch1 params[0].w
#define size_m params[1].x
#define a_m params[1].y
#define cols params[1].z
#define b_n params[1].w
#define a_off params[2].x
#define a_b0 params[2].y
#define a_b1 params[2].z
#define b_off params[2].w
#define b_b0 params[3].x
#define b_b1 params[3].y
#define stretch_k params[3].z
#define size_k params[3].w
#define a_k params[4].x
#define b_k params[4].y
#define texels params[4].z
uniform isampler2D b0;
uniform isampler2D b1;
layout(location = 0) out ivec4 o0;
layout(location = 1) out ivec4 o1;
layout(location = 2) out ivec4 o2;
layout(location = 3) out ivec4 o3;

ivec2 place(int t) {
  return ivec2(t & 4095, t >> 12);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int stretch = t / tiles;
  int q = t - stretch * tiles;
  int q1 = q / tiles_n;
  int n = (q - q1 * tiles_n) * 4;
  int q2 = q1 / tiles_m;
  int m = (q1 - q2 * tiles_m) * 4;
  int q3 = q2 / batch1;
  int q4 = q2 - q3 * batch1;
  int a_at = a_off + q3 * a_b0 + q4 * a_b1;
  a_at += m;
  int b_at = b_off + q3 * b_b0 + q4 * b_b1;
  b_at += n;
  ivec4 s0 = ivec4(0);
  ivec4 s1 = ivec4(0);
  ivec4 s2 = ivec4(0);
  ivec4 s3 = ivec4(0);
  int from = stretch * stretch_k;
  int to = min(from + stretch_k, size_k);
  for (int k = from; k < to; k += 4) {
    ivec4 x_0 = texelFetch(b0, place((a_at + min(k + 0, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x_1 = texelFetch(b0, place((a_at + min(k + 1, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x_2 = texelFetch(b0, place((a_at + min(k + 2, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x_3 = texelFetch(b0, place((a_at + min(k + 3, size_k - 1) * a_k + 0) >> 2), 0);
    ivec4 x0 = ivec4(x_0.x, x_1.x, x_2.x, x_3.x);
    ivec4 x1 = ivec4(x_0.y, x_1.y, x_2.y, x_3.y);
    ivec4 x2 = ivec4(x_0.z, x_1.z, x_2.z, x_3.z);
    ivec4 x3 = ivec4(x_0.w, x_1.w, x_2.w, x_3.w);
    ivec4 y0 = texelFetch(b1, place((b_at + min(k + 0, size_k - 1) * b_k + 0) >> 2), 0);
    ivec4 y1 = texelFetch(b1, place((b_at + min(k + 1, size_k - 1) * b_k + 0) >> 2), 0);
    ivec4 y2 = texelFetch(b1, place((b_at + min(k + 2, size_k - 1) * b_k + 0) >> 2), 0);
    ivec4 y3 = texelFetch(b1, place((b_at + min(k + 3, size_k - 1) * b_k + 0) >> 2), 0);
    if (k + 4 > size_k) {
      ivec4 some = -ivec4(lessThan(k + ivec4(0, 1, 2, 3), ivec4(size_k)));
      x0 &= some;
      x1 &= some;
      x2 &= some;
      x3 &= some;
    }
    s0 += x0.x * y0 + x0.y * y1 + x0.z * y2 + x0.w * y3;
    s1 += x1.x * y0 + x1.y * y1 + x1.z * y2 + x1.w * y3;
    s2 += x2.x * y0 + x2.y * y1 + x2.z * y2 + x2.w * y3;
    s3 += x3.x * y0 + x3.y * y1 + x3.z * y2 + x3.w * y3;
  }
  o0 = s0;
  o1 = s1;
  o2 = s2;
  o3 = s3;
}

