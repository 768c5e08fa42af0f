package gpu

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// The kernels of these tests are written by hand: they test the machine, not
// a printer.

func reads(n int) []launch.Binding {
	list := make([]launch.Binding, n)
	for i := range list {
		list[i].DType = kernel.I32
	}
	return list
}

func thenWrites(list []launch.Binding) []launch.Binding {
	return append(list, launch.Binding{DType: kernel.I32, Write: true})
}

// addCode stores a + b + p.more, for p.n elements.
var addCode = &launch.Code{
	Key: "add", Entry: "main", Lanes: 64, Params: 2, Bindings: thenWrites(reads(2)),
	Text: `struct Params { n: i32, more: i32 }
@group(0) @binding(0) var<storage, read> a: array<i32>;
@group(0) @binding(1) var<storage, read> b: array<i32>;
@group(0) @binding(2) var<storage, read_write> o: array<i32>;
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>) {
  let i = i32((wid.x + wid.y * n.x) * 64u + lid.x);
  if (i >= p.n) { return; }
  o[i] = a[i] + b[i] + p.more;
}
`,
}

// nextCode sets o[i] = a[(i+p.shift) mod p.n] + p.step: what it reads was
// written by other invocations.
var nextCode = &launch.Code{
	Key: "next", Entry: "main", Lanes: 64, Params: 3, Bindings: thenWrites(reads(1)),
	Text: `struct Params { n: i32, shift: i32, step: i32 }
@group(0) @binding(0) var<storage, read> a: array<i32>;
@group(0) @binding(1) var<storage, read_write> o: array<i32>;
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>) {
  let i = i32((wid.x + wid.y * n.x) * 64u + lid.x);
  if (i >= p.n) { return; }
  var j = i + p.shift;
  if (j >= p.n) { j = j - p.n; }
  o[i] = a[j] + p.step;
}
`,
}

// countCode adds one to the counter that each element names.
var countCode = &launch.Code{
	Key: "count", Entry: "main", Lanes: 64, Params: 1,
	Bindings: []launch.Binding{{DType: kernel.I32}, {DType: kernel.I32, Write: true, Atomic: true}},
	Text: `struct Params { n: i32 }
@group(0) @binding(0) var<storage, read> a: array<i32>;
@group(0) @binding(1) var<storage, read_write> o: array<atomic<i32>>;
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>) {
  let i = i32((wid.x + wid.y * n.x) * 64u + lid.x);
  if (i >= p.n) { return; }
  atomicAdd(&o[a[i]], 1);
}
`,
}

// sharedCode reverses every 64 elements by way of workgroup memory, and stores
// the sum that a whole number in workgroup memory collected, which begins at
// the zero that WGSL promises.
var sharedCode = &launch.Code{
	Key: "shared", Entry: "main", Lanes: 64, Shared: 65 * 4, Bindings: thenWrites(reads(1)),
	Text: `@group(0) @binding(0) var<storage, read> a: array<i32>;
@group(0) @binding(1) var<storage, read_write> o: array<i32>;
var<workgroup> all: array<i32, 64>;
var<workgroup> sum: atomic<i32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(local_invocation_index) i: u32) {
  all[i] = a[at.x];
  atomicAdd(&sum, a[at.x]);
  workgroupBarrier();
  o[at.x] = all[63u - i] + atomicLoad(&sum);
}
`,
}

// brokenCode is no WGSL.
var brokenCode = &launch.Code{Key: "broken", Entry: "main", Lanes: 64, Text: "fn main( {"}
