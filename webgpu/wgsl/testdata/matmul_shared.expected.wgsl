// matmul@f69a052c/matmul shared 4x4 xx.dot4.whole.tail.bare.cut
@group(0) @binding(0) var<storage, read> mem0: array<u32>;
@group(0) @binding(1) var<storage, read> mem1: array<u32>;
@group(0) @binding(2) var<storage, read_write> mem3: array<atomic<i32>>;
@group(1) @binding(0) var<uniform> params: array<vec4<i32>, 7>;

fn finish(row: i32, column: i32, acc: vec4<i32>) {
  let cols = params[1].x;
  if (column >= cols) {
    return;
  }
  let first = row * cols + column;
  let here = vec4<i32>(first) + vec4<i32>(0, 1, 2, 3);
  atomicAdd(&mem3[here.x], acc.x);
  atomicAdd(&mem3[here.y], acc.y);
  atomicAdd(&mem3[here.z], acc.z);
  atomicAdd(&mem3[here.w], acc.w);
}

var<workgroup> block_a: array<vec4<u32>, 256>;

var<workgroup> block_b: array<vec4<u32>, 256>;

fn turn(w: vec4<u32>) -> vec4<u32> {
  let low = 0x00ff00ffu;
  let even0 = (w.x & low) | ((w.y & low) << 8u);
  let even1 = (w.z & low) | ((w.w & low) << 8u);
  let odd0 = ((w.x >> 8u) & low) | (w.y & 0xff00ff00u);
  let odd1 = ((w.z >> 8u) & low) | (w.w & 0xff00ff00u);
  return vec4<u32>(
    (even0 & 0xffffu) | (even1 << 16u), (odd0 & 0xffffu) | (odd1 << 16u),
    (even0 >> 16u) | (even1 & 0xffff0000u), (odd0 >> 16u) | (odd1 & 0xffff0000u));
}

@compute @workgroup_size(256)
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
  let all = params[0].y + group;
  let number = i32(u32(all) / u32(max(params[2].y, 1)));
  let begin = (all - number * params[2].y) * params[2].z;
  let stop = min(begin + params[2].z, steps);
  let batch = i32(u32(number) / u32(max(tiles, 1)));
  let tile = number - batch * tiles;
  let tile_m = i32(u32(tile) / u32(max(tiles_n, 1)));
  let tile_n = tile - tile_m * tiles_n;
  let batch0 = i32(u32(batch) / u32(max(params[3].x, 1)));
  let batch1 = batch - batch0 * params[3].x;
  let length = params[3].y;
  let x = i32(local) & 15;
  let y = i32(local) >> 4u;
  let first_m = tile_m * 64;
  let first_n = tile_n * 64;
  let m0 = first_m + y * 4;
  let n0 = first_n + x * 4;
  let a_part = i32(local) % 16;
  let a_depth = i32(local) / 16;
  let a_slot = a_depth * 16 + a_part;
  let a_base = params[3].z + batch0 * params[3].w + batch1 * params[4].x;
  let a_k = params[4].z >> 2u;
  let a_at0 = (a_base + min(first_m + a_part * 4, (rows_m - 1) & -4)) >> 2u;
  var a_quad = vec4<u32>();
  let b_part = i32(local) % 16;
  let b_depth = i32(local) / 16;
  let b_slot = b_depth * 16 + b_part;
  let b_base = params[4].w + batch0 * params[5].x + batch1 * params[5].y;
  let b_k = params[5].w >> 2u;
  let b_at0 = (b_base + min(first_n + b_part * 4, (cols - 1) & -4)) >> 2u;
  var b_quad = vec4<u32>();
  var acc0_0 = vec4<i32>();
  var acc1_0 = vec4<i32>();
  var acc2_0 = vec4<i32>();
  var acc3_0 = vec4<i32>();
  a_quad = vec4<u32>();
  if (begin + a_depth < stop) {
    let k = begin + a_depth;
    let mask = select(0xffffffffu, 0xffffffffu >> u32((steps * 4 - length) * 8), k + 1 == steps);
    let a0 = turn(vec4<u32>(mem0[a_at0 + min(k * 4 + 0, length - 1) * a_k], mem0[a_at0 + min(k * 4 + 1, length - 1) * a_k], mem0[a_at0 + min(k * 4 + 2, length - 1) * a_k], mem0[a_at0 + min(k * 4 + 3, length - 1) * a_k])) & vec4<u32>(mask);
    a_quad = a0;
  }
  b_quad = vec4<u32>();
  if (begin + b_depth < stop) {
    let k = begin + b_depth;
    let b0 = turn(vec4<u32>(mem1[b_at0 + min(k * 4 + 0, length - 1) * b_k], mem1[b_at0 + min(k * 4 + 1, length - 1) * b_k], mem1[b_at0 + min(k * 4 + 2, length - 1) * b_k], mem1[b_at0 + min(k * 4 + 3, length - 1) * b_k]));
    b_quad = b0;
  }
  for (var k0 = begin; k0 < stop; k0 = k0 + 16) {
    workgroupBarrier();
    block_a[a_slot] = a_quad;
    block_b[b_slot] = b_quad;
    workgroupBarrier();
    a_quad = vec4<u32>();
    if (k0 + 16 + a_depth < stop) {
      let k = k0 + 16 + a_depth;
      let mask = select(0xffffffffu, 0xffffffffu >> u32((steps * 4 - length) * 8), k + 1 == steps);
      let a0 = turn(vec4<u32>(mem0[a_at0 + min(k * 4 + 0, length - 1) * a_k], mem0[a_at0 + min(k * 4 + 1, length - 1) * a_k], mem0[a_at0 + min(k * 4 + 2, length - 1) * a_k], mem0[a_at0 + min(k * 4 + 3, length - 1) * a_k])) & vec4<u32>(mask);
      a_quad = a0;
    }
    b_quad = vec4<u32>();
    if (k0 + 16 + b_depth < stop) {
      let k = k0 + 16 + b_depth;
      let b0 = turn(vec4<u32>(mem1[b_at0 + min(k * 4 + 0, length - 1) * b_k], mem1[b_at0 + min(k * 4 + 1, length - 1) * b_k], mem1[b_at0 + min(k * 4 + 2, length - 1) * b_k], mem1[b_at0 + min(k * 4 + 3, length - 1) * b_k]));
      b_quad = b0;
    }
    for (var j = 0; j < 16; j = j + 1) {
      let a0 = block_a[j * 16 + y + 0];
      let b0 = block_b[j * 16 + x + 0];
      acc0_0 = acc0_0 + vec4<i32>(dot4I8Packed(a0.x, b0.x), dot4I8Packed(a0.x, b0.y), dot4I8Packed(a0.x, b0.z), dot4I8Packed(a0.x, b0.w));
      acc1_0 = acc1_0 + vec4<i32>(dot4I8Packed(a0.y, b0.x), dot4I8Packed(a0.y, b0.y), dot4I8Packed(a0.y, b0.z), dot4I8Packed(a0.y, b0.w));
      acc2_0 = acc2_0 + vec4<i32>(dot4I8Packed(a0.z, b0.x), dot4I8Packed(a0.z, b0.y), dot4I8Packed(a0.z, b0.z), dot4I8Packed(a0.z, b0.w));
      acc3_0 = acc3_0 + vec4<i32>(dot4I8Packed(a0.w, b0.x), dot4I8Packed(a0.w, b0.y), dot4I8Packed(a0.w, b0.z), dot4I8Packed(a0.w, b0.w));
    }
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
