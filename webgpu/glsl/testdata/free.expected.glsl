#version 300 es
// free add1 whole loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[2]; };
#define elems params[0].x
#define cols params[0].y
#define turns params[0].z
#define p0 params[0].w
#define texels params[1].x
uniform isampler2D b0;
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

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int spot = t;
  ivec4 sum = ivec4(0);
  for (int part = 0; part < 4; part++) {
    int o = min(spot * 4 + part, elems - 1);
    int d0 = o;
    for (int c = 0; c < cols; c++) {
      for (int i = 0; i < turns; i++) {
        int row = 0 + i * 1;
        int v2 = row * cols;
        int v6 = elem(b0, v2 + c);
        int v8 = v6 & p0;
        if (v8 == d0) {
          sum += ivec4(equal(ivec4(part), ivec4(0, 1, 2, 3))) * 1;
        }
      }
    }
  }
  o0 = sum;
}

#version 300 es
// free add1 part loose
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[2]; };
#define outs params[0].x
#define size params[0].y
#define turns params[0].z
#define elems params[0].w
#define cols params[1].x
#define p0 params[1].y
#define texels params[1].z
uniform isampler2D b0;
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

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * 4096 + at.x;
  if (t >= texels) {
    return;
  }
  int spot = t;
  int stretch = t / outs;
  spot = t - stretch * outs;
  int from = stretch * size;
  int to = min(from + size, turns);
  ivec4 sum = ivec4(0);
  for (int part = 0; part < 4; part++) {
    int o = min(spot * 4 + part, elems - 1);
    int d0 = o;
    for (int c = 0; c < cols; c++) {
      for (int i = from; i < to; i++) {
        int row = 0 + i * 1;
        int v2 = row * cols;
        int v6 = elem(b0, v2 + c);
        int v8 = v6 & p0;
        if (v8 == d0) {
          sum += ivec4(equal(ivec4(part), ivec4(0, 1, 2, 3))) * 1;
        }
      }
    }
  }
  o0 = sum;
}

#version 300 es
// add up i32
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
  ivec4 sum = ivec4(0);
  for (int i = 0; i < stretches; i++) {
    sum += texelFetch(b0, place(i * texels + t), 0);
  }
  o0 = sum;
}

