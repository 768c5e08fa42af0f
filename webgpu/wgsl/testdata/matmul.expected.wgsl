// matmul@f69a052c/matmul 4x4 kk.whole
@group(0) @binding(0) var<storage, read> mem0: array<u32>;
@group(0) @binding(1) var<storage, read> mem1: array<u32>;
@group(0) @binding(2) var<storage, read_write> mem2: array<u32>;
@group(1) @binding(0) var<uniform> params: array<vec4<i32>, 7>;

fn finish(row: i32, column: i32, acc: vec4<i32>) {
  let cols = params[1].x;
  if (column >= cols) {
    return;
  }
  let first = row * cols + column;
  let v5 = acc;
  let v6 = params[6].x;
  let v10 = max(v6, (-30));
  let v11 = min(v10, 1);
  let v12 = 1 - v11;
  let v14 = 2147483647 >> u32(v12);
  let v17 = select(v14, 0, 30 < v6);
  let v18 = 0 - v17;
  let v19 = max(v5, vec4<i32>(v18));
  let v20 = min(v19, vec4<i32>(v17));
  let v21 = v12 - 1;
  let v22 = max(v21, 0);
  let v23 = v20 << vec4<u32>(u32(v22));
  let v24 = max(v6, 0);
  let v26 = min(v24, 31);
  let v27 = 1 << u32(v26);
  let v28 = v27 - 1;
  let v29 = v28 >> 1u;
  let v33 = v23 + vec4<i32>(v29);
  let v30 = v23 >> vec4<u32>(u32(v26));
  let v31 = min(v26, 1);
  let v32 = v30 & vec4<i32>(v31);
  let v34 = v33 + v32;
  let v35 = v34 >> vec4<u32>(u32(v26));
  let here = vec4<i32>(first) + vec4<i32>(0, 1, 2, 3);
  mem2[here.x] = bitcast<u32>(v35.x);
  mem2[here.y] = bitcast<u32>(v35.y);
  mem2[here.z] = bitcast<u32>(v35.z);
  mem2[here.w] = bitcast<u32>(v35.w);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let group = i32(at.x + at.y * grid.x);
  if (group >= params[0].x) {
    return;
  }
  let cols = params[1].x;
  let rows_m = params[2].w;
  let steps = params[2].x;
  let tiles_n = params[1].z;
  let tiles = params[1].y * tiles_n;
  let number = params[0].y + group;
  let batch = i32(u32(number) / u32(max(tiles, 1)));
  let tile = number - batch * tiles;
  let tile_m = i32(u32(tile) / u32(max(tiles_n, 1)));
  let tile_n = tile - tile_m * tiles_n;
  let batch0 = i32(u32(batch) / u32(max(params[3].x, 1)));
  let batch1 = batch - batch0 * params[3].x;
  let wide = u32(params[1].w);
  let m0 = ((tile_m << (6u - wide)) + i32(local >> wide)) * 4;
  let n0 = ((tile_n << wide) + i32(local & ((1u << wide) - 1u))) * 4;
  if (m0 >= rows_m || n0 >= cols) {
    return;
  }
  let a_base = params[3].z + batch0 * params[3].w + batch1 * params[4].x;
  let a_at0 = (vec4<i32>(a_base) + min(vec4<i32>(m0 + 0) + vec4<i32>(0, 1, 2, 3), vec4<i32>(rows_m - 1)) * vec4<i32>(params[4].y)) >> vec4<u32>(2u);
  let b_base = params[4].w + batch0 * params[5].x + batch1 * params[5].y;
  let b_at0 = (vec4<i32>(b_base) + min(vec4<i32>(n0 + 0) + vec4<i32>(0, 1, 2, 3), vec4<i32>(cols - 1)) * vec4<i32>(params[5].z)) >> vec4<u32>(2u);
  var acc0_0 = vec4<i32>();
  var acc1_0 = vec4<i32>();
  var acc2_0 = vec4<i32>();
  var acc3_0 = vec4<i32>();
  for (var k = 0; k < steps; k = k + 1) {
    let a0 = vec4<u32>(mem0[a_at0.x + k], mem0[a_at0.y + k], mem0[a_at0.z + k], mem0[a_at0.w + k]);
    let a0_0 = bitcast<vec4<i32>>(a0 << vec4<u32>(24u)) >> vec4<u32>(24u);
    let a0_1 = bitcast<vec4<i32>>(a0 << vec4<u32>(16u)) >> vec4<u32>(24u);
    let a0_2 = bitcast<vec4<i32>>(a0 << vec4<u32>(8u)) >> vec4<u32>(24u);
    let a0_3 = bitcast<vec4<i32>>(a0 << vec4<u32>(0u)) >> vec4<u32>(24u);
    let b0 = vec4<u32>(mem1[b_at0.x + k], mem1[b_at0.y + k], mem1[b_at0.z + k], mem1[b_at0.w + k]);
    let b0_0 = bitcast<vec4<i32>>(b0 << vec4<u32>(24u)) >> vec4<u32>(24u);
    let b0_1 = bitcast<vec4<i32>>(b0 << vec4<u32>(16u)) >> vec4<u32>(24u);
    let b0_2 = bitcast<vec4<i32>>(b0 << vec4<u32>(8u)) >> vec4<u32>(24u);
    let b0_3 = bitcast<vec4<i32>>(b0 << vec4<u32>(0u)) >> vec4<u32>(24u);
    acc0_0 = acc0_0 + vec4<i32>(a0_0.x) * b0_0 + vec4<i32>(a0_1.x) * b0_1 + vec4<i32>(a0_2.x) * b0_2 + vec4<i32>(a0_3.x) * b0_3;
    acc1_0 = acc1_0 + vec4<i32>(a0_0.y) * b0_0 + vec4<i32>(a0_1.y) * b0_1 + vec4<i32>(a0_2.y) * b0_2 + vec4<i32>(a0_3.y) * b0_3;
    acc2_0 = acc2_0 + vec4<i32>(a0_0.z) * b0_0 + vec4<i32>(a0_1.z) * b0_1 + vec4<i32>(a0_2.z) * b0_2 + vec4<i32>(a0_3.z) * b0_3;
    acc3_0 = acc3_0 + vec4<i32>(a0_0.w) * b0_0 + vec4<i32>(a0_1.w) * b0_1 + vec4<i32>(a0_2.w) * b0_2 + vec4<i32>(a0_3.w) * b0_3;
  }
  if (m0 + 0 < rows_m) {
    finish(batch * rows_m + m0 + 0, n0 + 0, acc0_0);
  }
  if (m0 + 1 < rows_m) {
    finish(batch * rows_m + m0 + 1, n0 + 0, acc1_0);
  }
  if (m0 + 2 < rows_m) {
    finish(batch * rows_m + m0 + 2, n0 + 0, acc2_0);
  }
  if (m0 + 3 < rows_m) {
    finish(batch * rows_m + m0 + 3, n0 + 0, acc3_0);
  }
}
