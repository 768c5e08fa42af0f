package gpu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/gpu/machinetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// machineTests hold the machine to its contract on the adapter of conf.
func machineTests(t *testing.T, conf Config) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"contract", testContract},
		{"lost", testLost},
		{"add", testAdd},
		{"shared", testShared},
		{"chain", testChain},
		{"clear", testClear},
		{"large", testLarge},
		{"many buffers", testManyBuffers},
		{"release early", testReleaseEarly},
		{"groups are bounded", testGroups},
		{"limits", testLimits},
		{"cancelled", testCancelled},
		{"closed", testClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := Open(t.Context(), conf)
			if err != nil {
				t.Fatal(err)
			}
			r := &rig{T: t, m: m.(*machine)}
			defer func() {
				if err := m.Close(); err != nil {
					t.Error("close:", err)
				}
			}()
			test.run(t, r)
		})
	}
}

// rig is a machine in a test, with the steps that tests repeat.
type rig struct {
	*testing.T
	m *machine
}

func (r *rig) alloc(t kernel.DType, n int) gpu.Memory {
	r.Helper()
	mem, err := r.m.Alloc(t, n)
	if err != nil {
		r.Fatal(err)
	}
	return mem
}

func (r *rig) put(v ...int32) gpu.Memory {
	r.Helper()
	mem := r.alloc(kernel.I32, len(v))
	if err := r.m.Write(mem, raw(v)); err != nil {
		r.Fatal(err)
	}
	return mem
}

func (r *rig) get(mem gpu.Memory, n int) []int32 {
	r.Helper()
	dst := make([]byte, 4*n)
	if err := r.m.Read(r.Context(), mem, dst); err != nil {
		r.Fatal(err)
	}
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(binary.LittleEndian.Uint32(dst[4*i:]))
	}
	return v
}

func (r *rig) compile(code *launch.Code) gpu.Pipeline {
	r.Helper()
	p, err := r.m.Compile(r.Context(), code)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func (r *rig) constants(params ...[]int32) gpu.Constants {
	r.Helper()
	c, err := r.m.Constants(params)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

func (r *rig) run(list ...gpu.Dispatch) {
	r.Helper()
	if err := r.m.Run(r.Context(), list); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) want(mem gpu.Memory, n int, want func(i int) int32) {
	r.Helper()
	for i, v := range r.get(mem, n) {
		if v != want(i) {
			r.Fatalf("element %d of %d is %d, want %d", i, n, v, want(i))
		}
	}
}

func raw(v []int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

func whole(mem gpu.Memory, n int) gpu.Bound { return gpu.Bound{Memory: mem, Size: int64(4 * n)} }

func testContract(t *testing.T, r *rig) {
	machinetest.Run(t, r.m, machinetest.Options{
		Sum: addCode, Broken: brokenCode,
		Groups: func(n int) int { return (n + addCode.Lanes - 1) / addCode.Lanes },
	})
}

// testLost loses a machine to a panic in the library.
func testLost(t *testing.T, r *rig) {
	machinetest.Lost(t, r.m, machinetest.Options{Sum: addCode}, func() { r.m.queue = nil })
}

func testAdd(t *testing.T, r *rig) {
	t.Log(r.m.Info())
	const n = 1000
	a, b := make([]int32, n), make([]int32, n)
	for i := range a {
		a[i], b[i] = int32(i), int32(1000*i-7)
	}
	am, bm, om := r.put(a...), r.put(b...), r.alloc(kernel.I32, n)
	r.run(gpu.Dispatch{
		Pipeline: r.compile(addCode), Constants: r.constants([]int32{n, 0}), Groups: (n + 63) / 64,
		Bound: []gpu.Bound{whole(am, n), whole(bm, n), whole(om, n)},
	})
	r.want(om, n, func(i int) int32 { return a[i] + b[i] })
}

func testShared(t *testing.T, r *rig) {
	const n = 64 * 33
	a := make([]int32, n)
	for i := range a {
		a[i] = int32(i * i)
	}
	am, om := r.put(a...), r.alloc(kernel.I32, n)
	r.run(gpu.Dispatch{Pipeline: r.compile(sharedCode), Groups: n / 64, Bound: []gpu.Bound{whole(am, n), whole(om, n)}})
	r.want(om, n, func(i int) int32 {
		sum := int32(0)
		for _, v := range a[i/64*64:][:64] {
			sum += v
		}
		return a[i/64*64+63-i%64] + sum
	})
}

// testChain runs dispatches that each need all of what the one before wrote:
// in one submission, in many, and with copies between.
func testChain(t *testing.T, r *rig) {
	const n, steps = 5000, 1000
	first := make([]int32, n)
	for i := range first {
		first[i] = int32(i)
	}
	p := r.compile(nextCode)
	c := r.constants([]int32{n, 17, 3}, []int32{n, 4001, -1})
	mem := [2]gpu.Memory{r.put(first...), r.alloc(kernel.I32, n)}
	var list []gpu.Dispatch
	shift, sum := 0, int32(0)
	for i := range steps {
		list = append(list, gpu.Dispatch{
			Pipeline: p, Constants: c, Index: i % 2, Groups: (n + 63) / 64,
			Bound: []gpu.Bound{whole(mem[i%2], n), whole(mem[1-i%2], n)},
		})
		shift, sum = (shift+[2]int{17, 4001}[i%2])%n, sum+[2]int32{3, -1}[i%2]
	}
	want := func(i int) int32 { return first[(i+shift)%n] + sum }
	r.run(list...)
	r.want(mem[0], n, want)

	if err := r.m.Write(mem[0], raw(first)); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		r.run(list[i])
	}
	r.want(mem[0], n, want)

	for i := range 50 { // a copy after every dispatch, into what it read
		r.run(list[0])
		if err := r.m.Write(mem[0], raw([]int32{int32(i)})); err != nil {
			t.Fatal(err)
		}
	}
	r.run(list[0])
	if got := r.get(mem[1], n); got[n-17] != 49+3 {
		t.Fatalf("element %d is %d, want %d: a dispatch did not see the copy before it", n-17, got[n-17], 49+3)
	}
}

func testClear(t *testing.T, r *rig) {
	const n = 777
	values := make([]int32, n)
	for i := range values {
		values[i] = int32(i % 5)
	}
	in, counters := r.put(values...), r.put(9, 9, 9, 9, 9, 9)
	d := gpu.Dispatch{
		Pipeline: r.compile(countCode), Constants: r.constants([]int32{n}), Groups: (n + 63) / 64,
		Bound: []gpu.Bound{whole(in, n), whole(counters, 6)}, Clear: []gpu.Memory{counters},
	}
	want := func(i int) int32 {
		if i == 5 {
			return 0
		}
		return int32((n + 4 - i) / 5)
	}
	r.run(d, d, d) // the last clears what those before it added
	r.want(counters, 6, want)

	// Memory of more than one row of workgroups.
	big := r.alloc(kernel.I32, 5<<20)
	ones := make([]int32, 5<<20)
	for i := range ones {
		ones[i] = -1
	}
	if err := r.m.Write(big, raw(ones)); err != nil {
		t.Fatal(err)
	}
	d.Clear = []gpu.Memory{big, counters}
	r.run(d)
	r.want(big, 5<<20, func(int) int32 { return 0 })
	r.want(counters, 6, want)
}

// testLarge moves more than the largest staging buffer, and more than all
// staging may hold.
func testLarge(t *testing.T, r *rig) {
	const n = stageMost + 12345
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	var last gpu.Memory
	for range stagingMax/n + 3 {
		if last != nil {
			last.Release()
		}
		last = r.alloc(kernel.I8, n)
		if err := r.m.Write(last, data); err != nil {
			t.Fatal(err)
		}
	}
	if r.m.staging.bytes > stagingMax+2*stageMost {
		t.Errorf("%d bytes of staging, want at most %d", r.m.staging.bytes, stagingMax+2*stageMost)
	}
	got := make([]byte, n)
	if err := r.m.Read(t.Context(), last, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatal("large memory came back changed")
	}
}

// testManyBuffers binds as many memories as the limits allow, or enough.
func testManyBuffers(t *testing.T, r *rig) {
	n := min(r.m.info.Limits.Bindings, 24) - 1
	text, sum := "", "0"
	for i := range n {
		text += fmt.Sprintf("@group(0) @binding(%d) var<storage, read> a%d: array<i32>;\n", i, i)
		sum += fmt.Sprintf(" + a%d[i] * %d", i, i+1)
	}
	text += fmt.Sprintf("@group(0) @binding(%d) var<storage, read_write> o: array<i32>;\n", n)
	text += "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) at: vec3<u32>) {\n  let i = at.x;\n  o[i] = " + sum + ";\n}\n"
	var bound []gpu.Bound
	want := int32(0)
	for i := range n {
		v := make([]int32, 64)
		for j := range v {
			v[j] = int32(100*i + j)
		}
		bound = append(bound, whole(r.put(v...), 64))
		want += int32(100*i) * int32(i+1)
	}
	out := r.alloc(kernel.I32, 64)
	r.run(gpu.Dispatch{
		Pipeline: r.compile(&launch.Code{Key: "many", Text: text, Entry: "main", Lanes: 64, Bindings: thenWrites(reads(n))}),
		Groups:   1, Bound: append(bound, whole(out, 64)),
	})
	r.want(out, 64, func(j int) int32 { return want + int32(j*n*(n+1)/2) })
}

// testReleaseEarly releases everything as soon as it is queued and takes new
// memory, which must not be the old one while that is in use.
func testReleaseEarly(t *testing.T, r *rig) {
	const n = 1 << 14
	p := r.compile(nextCode)
	ones := make([]int32, n)
	cur := r.put(ones...)
	for range 300 {
		c := r.constants([]int32{n, 1, 1})
		next := r.alloc(kernel.I32, n)
		r.run(gpu.Dispatch{Pipeline: p, Constants: c, Groups: n / 64, Bound: []gpu.Bound{whole(cur, n), whole(next, n)}})
		cur.Release()
		c.Release()
		cur = next
	}
	r.want(cur, n, func(int) int32 { return 300 })
	if n := len(r.m.live); n != 2 { // cur, and what results come back in
		t.Errorf("%d memories are kept, want 2", n)
	}
	if n := len(r.m.groups.byKey); n > 1 {
		t.Errorf("%d bind groups of released memory are kept", n)
	}
}

func testGroups(t *testing.T, r *rig) {
	p, c := r.compile(addCode), r.constants([]int32{64, 0})
	const pieces = 100
	a, o := r.alloc(kernel.I32, 64*pieces), r.alloc(kernel.I32, 64*pieces)
	var list []gpu.Dispatch
	for i := range maxGroups + 500 {
		list = append(list, gpu.Dispatch{Pipeline: p, Constants: c, Groups: 1, Bound: []gpu.Bound{
			{Memory: a, Offset: int64(i%pieces) * page, Size: page},
			{Memory: a, Offset: int64(i/pieces%pieces) * page, Size: page},
			{Memory: o, Size: page},
		}})
	}
	r.run(list...)
	if err := r.m.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.m.groups.byKey); n > maxGroups {
		t.Errorf("%d bind groups are kept, want at most %d", n, maxGroups)
	}
	o.Release()
	if n := len(r.m.groups.byKey); n != 0 {
		t.Errorf("%d bind groups of released memory are kept", n)
	}
}

func testLimits(t *testing.T, r *rig) {
	info := r.m.Info()
	l := info.Limits
	if l.Binding <= 0 || l.Binding%page != 0 || l.Bindings < 4 || l.Lanes < 128 || l.Shared < 16<<10 || l.Side < 1<<14 {
		t.Errorf("limits %+v", l)
	}
	if _, err := r.m.Alloc(kernel.I32, 1<<40); !errors.Is(err, device.ErrMemory) || errors.Is(err, device.ErrLost) {
		t.Errorf("memory of four terabytes: %v, want ErrMemory", err)
	}
	testAdd(t, r) // there is still room for the rest
}

func testCancelled(t *testing.T, r *rig) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mem := r.alloc(kernel.I32, 4)
	for what, err := range map[string]error{
		"run":  r.m.Run(ctx, nil),
		"read": r.m.Read(ctx, mem, make([]byte, 4)),
		"wait": r.m.Wait(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", what, err)
		}
	}
	testAdd(t, r)
}

func testClosed(t *testing.T, r *rig) {
	mem := r.put(1, 2, 3)
	if err := r.m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.m.Read(t.Context(), mem, make([]byte, 4)); err == nil {
		t.Error("a closed machine reads")
	}
	mem.Release()
	if err := r.m.Close(); err != nil {
		t.Error("second close:", err)
	}
}
