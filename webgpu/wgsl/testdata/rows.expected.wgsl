// rows@538aeb97/rows16.quad
@group(0) @binding(0) var<storage, read> mem0: array<u32>;
@group(0) @binding(1) var<storage, read_write> mem1: array<u32>;
@group(0) @binding(2) var<storage, read_write> mem2: array<u32>;
@group(1) @binding(0) var<uniform> params: array<vec4<i32>, 2>;

var<workgroup> s7: array<i32, 64>;

fn pack4(v: vec4<i32>) -> u32 {
  let w = bitcast<vec4<u32>>(v) & vec4<u32>(255u);
  return w.x | (w.y << 8u) | (w.z << 16u) | (w.w << 24u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let group = i32(at.x + at.y * grid.x);
  if (group >= params[0].x) {
    return;
  }
  let end = params[0].z;
  let cols = params[1].x;
  let team = i32(local / 16u);
  let lane = i32(local % 16u);
  let base = params[0].y + (group * 4 + team) * 1;
  let row = min(base, end - 1);
  let here0 = row * cols;
  var p7 = vec4<i32>(bitcast<i32>(0x80000000u));
  for (var c = lane; c < cols; c = c + 64) {
    let raw = vec4<i32>(c) + vec4<i32>(0, 16, 32, 48);
    let col = min(raw, vec4<i32>(cols - 1));
    let here = vec4<i32>(here0) + col;
    let v6 = vec4<i32>(bitcast<i32>(mem0[here.x]), bitcast<i32>(mem0[here.y]), bitcast<i32>(mem0[here.z]), bitcast<i32>(mem0[here.w]));
    p7 = max(p7, v6);
  }
  s7[local] = max(max(p7.x, p7.y), max(p7.z, p7.w));
  workgroupBarrier();
  for (var reach = 8u; reach > 0u; reach = reach >> 1u) {
    if (u32(lane) < reach) {
      s7[local] = max(s7[local], s7[local + reach]);
    }
    workgroupBarrier();
  }
  let v7 = s7[team * 16];
  if (base >= end) {
    return;
  }
  let v9 = max(v7, 0);
  let v10 = firstLeadingBit(v9) + 1;
  if (lane == 0) {
    mem2[row] = bitcast<u32>(v10);
  }
  for (var c = lane * 4; c < cols; c = c + 64) {
    let first = here0 + c;
    let here = vec4<i32>(first) + vec4<i32>(0, 1, 2, 3);
    let v6 = vec4<i32>(bitcast<i32>(mem0[here.x]), bitcast<i32>(mem0[here.y]), bitcast<i32>(mem0[here.z]), bitcast<i32>(mem0[here.w]));
    let v8 = select(vec4<i32>(0), vec4<i32>(1), v6 < vec4<i32>(v7));
    mem1[first >> 2u] = pack4(v8);
  }
}
