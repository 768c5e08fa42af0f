package ptxtest_test

import (
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ptx"
	"github.com/shoal-compute/shoal/webgpu/ptx/ptxtest"
)

// run runs code on memories of size bytes and returns what went wrong.
func run(t *testing.T, code *launch.Code, params []int32, groups int, size int) error {
	t.Helper()
	m := ptxtest.New()
	p, err := m.Compile(t.Context(), code)
	if err != nil {
		return err
	}
	c, err := m.Constants([][]int32{params})
	if err != nil {
		t.Fatal(err)
	}
	d := gpu.Dispatch{Pipeline: p, Constants: c, Groups: groups}
	for _, b := range code.Bindings {
		x, err := m.Alloc(b.DType, size/b.DType.Size())
		if err != nil {
			t.Fatal(err)
		}
		d.Bound = append(d.Bound, gpu.Bound{Memory: x, Size: int64(size)})
	}
	return m.Run(t.Context(), []gpu.Dispatch{d})
}

// edit replaces the first occurrence of old, which must be there.
func edit(t *testing.T, code *launch.Code, old, changed string) *launch.Code {
	t.Helper()
	if !strings.Contains(code.Text, old) {
		t.Fatalf("%s holds no %q", code.Key, old)
	}
	c := *code
	c.Text = strings.Replace(code.Text, old, changed, 1)
	return &c
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want an error with %q", what, err, want)
	}
}

// TestNotices breaks code that runs and checks that the emulator says how.
func TestNotices(t *testing.T) {
	if err := run(t, ptxtest.Sum(), []int32{3, 0}, 1, 16); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, changed, want string }{
		{"register", "mov.u32 %r3, %tid.x;", "", "thread 0: %r3 is read before it is written"},
		{"number of registers", ".reg .b32 %r<8>", ".reg .b32 %r<7>", "no register %r0 to %r6"},
		{"beyond the end", "@%p0 bra DONE;", "", "thread 4: access of 4 bytes"},
		{"alignment", "[%d6]", "[%d6+2]", "is not aligned"},
		{"store to an input", "[%d8]", "[%d6]", "store to binding 0, which is only read"},
		{"constant load of an output", "[%d7]", "[%d8]", "load of binding 2, which is written"},
		{"instruction", "add.s32", "plus.s32", "unknown instruction"},
		{"operands", "add.s32 %r7, %r5, %r6", "add.s32 %r7, %r5", "2 operands, want 3"},
		{"label", "bra DONE", "bra GONE", "no label"},
		{"division", "add.s32 %r7, %r5, %r6", "div.u32 %r7, %r5, %r1", "division by zero"},
		{"barrier", "DONE:", "\tbar.sync 0;\nDONE:", "does not come to the barrier"},
		{"warp", "add.s32 %r7, %r5, %r6", "redux.sync.add.s32 %r7, %r5, 0xffffffff", "does not take part with its warp"},
		{"no end", "DONE:\n\tret;", "DONE:\n\tbra DONE;", "is not done"},
		{"shared memory", "add.s32 %r7, %r5, %r6", "ld.shared.b32 %r7, [%r3]", "of 0x0 of shared memory"},
	} {
		wantError(t, c.name, run(t, edit(t, ptxtest.Sum(), c.old, c.changed), []int32{3, 0}, 1, 16), c.want)
	}
}

// product is the code of a matmul tile and the parameters of a product of
// 32x32 with k = 576.
func product(t *testing.T, tile string) (*launch.Code, []int32) {
	t.Helper()
	const m, n, k = 32, 32, 576 // the last stage lies where the sums go
	kern := kernel.NewMatmul("matmul")
	kern.PutElem(kern.Output("out", kernel.I32), kernel.Acc)
	s, err := ptx.New(ptx.Options{Limits: ptxtest.Limits(), Hopper: true, Tile: tile}).Step(&kernel.Instance{
		Kernel: kern, Rows: m, Cols: n, Lens: []int{m * k, n * k, m * n},
		Params: []int32{m, 1, k, 0, 0, 0, k, 1, 0, 0, 0, k, 1}, Ranges: make([]kernel.Interval, 3),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.Passes[0].Code, s.Passes[0].Params
}

// TestNoticesRaces does so with code whose warps work together.
func TestNoticesRaces(t *testing.T) {
	const bytes = 32 * 576
	for _, c := range []struct{ name, tile, old, changed, want string }{
		{"as it is", "mma32x32x64", "", "", ""},
		{"barrier in the loop", "mma32x32x64", "bar.sync 0;", "", "is read before it is written"},
		{"barrier before the sums", "mma32x32x64", "cp.async.wait_group 0;\n\tbar.sync 0;", "cp.async.wait_group 0;", "by another warp without a barrier between"},
		{"late copies", "mma32x32x64", "cp.async.wait_group 2;", "cp.async.wait_group 3;", "by another warp without a barrier between"},
		{"layout", "mma32x32x64", "xor.b32", "or.b32", "shared memory at"},
		{"as it is", "wgmma128x128x128", "", "", ""},
		{"proxy", "wgmma128x128x128", "fence.proxy.async.shared::cta;", "", "without a proxy fence"},
		{"sums too early", "wgmma128x128x128", "wgmma.wait_group.sync.aligned 0;", "", "is read before it is written"},
		{"barrier in the loop", "wgmma128x128x128", "bar.sync 0;", "", "is read before it is written"},
	} {
		code, params := product(t, c.tile)
		err := run(t, edit(t, code, c.old, c.changed), params, 1, bytes)
		switch {
		case c.old == "" && err != nil:
			t.Errorf("%s %s: %v", c.tile, c.name, err)
		case c.old != "":
			wantError(t, c.tile+" "+c.name, err, c.want)
		}
	}
}
