#version 300 es
// flat map0
precision highp float;
precision highp int;
precision highp isampler2D;
layout(std140) uniform Params { ivec4 params[1]; };
#define p0 params[0].x
#define texels params[0].y
uniform isampler2D b0;
layout(location = 0) out ivec4 o0;

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
  ivec4 col = t * 4 + ivec4(0, 1, 2, 3);
  ivec4 v2 = texelFetch(b0, at, 0);
  int v12 = lt(30, p0);
  int v6 = max(p0, (-30));
  int v7 = min(v6, 1);
  int v8 = 1 - v7;
  int v10 = 2147483647 >> v8;
  int v13 = sel(v12, 0, v10);
  int v14 = 0 - v13;
  ivec4 v15 = max(v2, ivec4(v14));
  ivec4 v16 = min(v15, ivec4(v13));
  int v17 = v8 - 1;
  int v18 = max(v17, 0);
  ivec4 v19 = v16 << v18;
  int v20 = max(p0, 0);
  int v22 = min(v20, 31);
  int v23 = 1 << v22;
  int v24 = v23 - 1;
  int v25 = v24 >> 1;
  ivec4 v29 = v19 + v25;
  ivec4 v26 = v19 >> v22;
  int v27 = min(v22, 1);
  ivec4 v28 = v26 & v27;
  ivec4 v30 = v29 + v28;
  ivec4 v31 = v30 >> v22;
  ivec4 v33 = max(v31, ivec4((-32767)));
  ivec4 v35 = min(v33, ivec4(32767));
  o0 = v35;
}

