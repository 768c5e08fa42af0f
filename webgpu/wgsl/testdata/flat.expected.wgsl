// flat@3f3177e6/map4
@group(0) @binding(0) var<storage, read> mem0: array<u32>;
@group(0) @binding(1) var<storage, read_write> mem1: array<u32>;
@group(1) @binding(0) var<uniform> params: array<vec4<i32>, 2>;

fn pack2(x: i32, y: i32) -> u32 {
  return (bitcast<u32>(x) & 65535u) | (bitcast<u32>(y) << 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let group = i32(at.x + at.y * grid.x);
  if (group >= params[0].x) {
    return;
  }
  let first = params[0].y + (group * 64 + i32(local)) * 4;
  let elements = params[0].z;
  if (first >= elements) {
    return;
  }
  let here = min(vec4<i32>(first) + vec4<i32>(0, 1, 2, 3), vec4<i32>(elements - 1));
  let v2 = vec4<i32>(bitcast<i32>(mem0[here.x]), bitcast<i32>(mem0[here.y]), bitcast<i32>(mem0[here.z]), bitcast<i32>(mem0[here.w]));
  let v3 = params[1].y;
  let v6 = max(v3, (-30));
  let v7 = min(v6, 1);
  let v8 = 1 - v7;
  let v10 = 2147483647 >> u32(v8);
  let v13 = select(v10, 0, 30 < v3);
  let v14 = 0 - v13;
  let v15 = max(v2, vec4<i32>(v14));
  let v16 = min(v15, vec4<i32>(v13));
  let v17 = v8 - 1;
  let v18 = max(v17, 0);
  let v19 = v16 << vec4<u32>(u32(v18));
  let v20 = max(v3, 0);
  let v22 = min(v20, 31);
  let v23 = 1 << u32(v22);
  let v24 = v23 - 1;
  let v25 = v24 >> 1u;
  let v29 = v19 + vec4<i32>(v25);
  let v26 = v19 >> vec4<u32>(u32(v22));
  let v27 = min(v22, 1);
  let v28 = v26 & vec4<i32>(v27);
  let v30 = v29 + v28;
  let v31 = v30 >> vec4<u32>(u32(v22));
  let v33 = max(v31, vec4<i32>((-32767)));
  let v35 = min(v33, vec4<i32>(32767));
  mem1[first >> 1u] = pack2(v35.x, v35.y);
  if (first + 2 < elements) {
    mem1[(first >> 1u) + 1] = pack2(v35.z, v35.w);
  }
}
