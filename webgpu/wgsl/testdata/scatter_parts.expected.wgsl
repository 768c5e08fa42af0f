// scatter@d424cc01/map/1p1p3p
@group(0) @binding(0) var<storage, read> mem0: array<u32>;
@group(0) @binding(1) var<storage, read> mem1: array<u32>;
@group(0) @binding(2) var<storage, read_write> mem2: array<atomic<i32>>;
@group(0) @binding(3) var<storage, read_write> mem2_1: array<atomic<i32>>;
@group(0) @binding(4) var<storage, read_write> mem2_2: array<atomic<i32>>;
@group(1) @binding(0) var<uniform> params: array<vec4<i32>, 2>;

fn add2(i: i32, v: i32) {
  if (i < 64) {
    atomicAdd(&mem2[i], v);
  } else if (i < 128) {
    atomicAdd(&mem2_1[i - 64], v);
  } else {
    atomicAdd(&mem2_2[i - 128], v);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let group = i32(at.x + at.y * grid.x);
  if (group >= params[0].x) {
    return;
  }
  let first = params[0].y + group * 64 + i32(local);
  let elements = params[0].z;
  if (first >= elements) {
    return;
  }
  let v9 = bitcast<i32>(mem0[first]);
  let row = i32(u32(first) / u32(max(params[1].x, 1)));
  let v1 = bitcast<i32>(mem1[row]);
  let v2 = params[1].x;
  let v3 = v1 * v2;
  let col = first - row * params[1].x;
  let v5 = v3 + col;
  if (v9 != 0) {
    add2(v5, v9);
  }
}
