// Package machinetest holds implementations of gpu.Machine to what package gpu
// relies on: sizes, order, parts, parameters, and memory given back while work
// that uses it is queued.
//
// It refuses to know any kernel: package devicetest compares numbers.
package machinetest

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Options are what the suite needs in the machine's language.
type Options struct {
	// Sum is code with the parameters n and p and three bindings of i32: it
	// reads a and b, in this order, and writes out[i] = a[i] + b[i] + p for
	// all i below n, wrapping.
	Sum *launch.Code
	// Groups is how much of Sum runs for n elements, as in launch.Pass; nil:
	// one invocation for each.
	Groups func(n int) int
	// Broken is code that does not compile; nil where nothing is known not to.
	Broken *launch.Code
}

// Run holds m to the contract of gpu.Machine. It leaves m open.
func Run(t *testing.T, m gpu.Machine, o Options) {
	t.Logf("machine %+v", m.Info())
	b := &bench{Options: o, t: t, m: m}
	b.compile()
	for _, c := range []struct {
		name string
		test func(*bench)
	}{
		{"sizes", (*bench).sizes},
		{"dispatch", (*bench).dispatch},
		{"order", (*bench).order},
		{"write after run", (*bench).writeAfterRun},
		{"release", (*bench).release},
		{"clear", (*bench).clear},
		{"large grid", (*bench).grid},
		{"parts", (*bench).parts},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(&bench{Options: o, t: t, m: m, pipeline: b.pipeline})
		})
	}
	if o.Broken != nil {
		t.Run("broken code", func(t *testing.T) {
			// What is wrong may show as late as the first use, but it must
			// not end the machine.
			if _, err := m.Compile(t.Context(), o.Broken); err == nil {
				t.Log("the fault did not show when compiled")
				_ = m.Wait(t.Context())
			}
			(&bench{Options: o, t: t, m: m, pipeline: b.pipeline}).dispatch()
		})
	}
}

// bench is one test at work.
type bench struct {
	Options
	t        *testing.T
	m        gpu.Machine
	pipeline gpu.Pipeline
}

func (b *bench) check(what string, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *bench) compile() {
	b.t.Helper()
	var err error
	b.pipeline, err = b.m.Compile(b.t.Context(), b.Sum)
	b.check("compile", err)
}

// size is what package gpu allocates for n bytes.
func size(n int) int { return (n + 255) / 256 * 256 }

// memory makes memory for n elements of t.
func (b *bench) memory(t kernel.DType, n int) gpu.Memory {
	b.t.Helper()
	x, err := b.m.Alloc(t, size(n*t.Size())/t.Size())
	b.check("alloc", err)
	return x
}

// words makes memory that holds values.
func (b *bench) words(values ...int32) gpu.Memory {
	b.t.Helper()
	x := b.memory(kernel.I32, len(values))
	b.write(x, values...)
	return x
}

func (b *bench) write(x gpu.Memory, values ...int32) {
	b.t.Helper()
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	b.check("write", b.m.Write(x, data))
	clear(data) // the caller keeps data
}

func (b *bench) read(x gpu.Memory, n int) []int32 {
	b.t.Helper()
	data := make([]byte, 4*n)
	b.check("read", b.m.Read(b.t.Context(), x, data))
	values := make([]int32, n)
	for i := range values {
		values[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}

func (b *bench) constants(params ...[]int32) gpu.Constants {
	b.t.Helper()
	c, err := b.m.Constants(params)
	b.check("constants", err)
	b.t.Cleanup(c.Release)
	return c
}

// sums is a dispatch of out = x + y + p over n elements.
func (b *bench) sums(x, y, out gpu.Memory, n int, c gpu.Constants, index int) gpu.Dispatch {
	whole := func(m gpu.Memory) gpu.Bound { return gpu.Bound{Memory: m, Size: int64(n*4+15) / 16 * 16} }
	return gpu.Dispatch{
		Pipeline: b.pipeline, Bound: []gpu.Bound{whole(x), whole(y), whole(out)},
		Constants: c, Index: index, Groups: b.amount(n), Cost: int64(n),
	}
}

func (b *bench) amount(n int) int {
	if b.Groups != nil {
		return b.Groups(n)
	}
	lanes := max(b.Sum.Lanes, 1)
	return (n + lanes - 1) / lanes
}

func (b *bench) run(list ...gpu.Dispatch) {
	b.t.Helper()
	b.check("run", b.m.Run(b.t.Context(), list))
	for i := range list { // package gpu uses the list again
		clear(list[i].Bound)
		list[i] = gpu.Dispatch{}
	}
}

func (b *bench) want(what string, got []int32, want func(i int) int32) {
	b.t.Helper()
	for i, v := range got {
		if v != want(i) {
			b.t.Fatalf("%s: element %d of %d is %d, want %d", what, i, len(got), v, want(i))
		}
	}
}

// sizes writes and reads tensors of all types, of sizes that fill no word, no
// row and no page.
func (b *bench) sizes() {
	for t := kernel.I8; t <= kernel.I32; t++ {
		for _, n := range []int{1, 2, 3, 5, 16, 63, 257, 4097, 100_003} {
			data := make([]byte, n*t.Size())
			for i := range data {
				data[i] = byte(i*11 + n + i>>8)
			}
			x := b.memory(t, n)
			b.check("write", b.m.Write(x, data))
			for _, part := range []int{len(data), t.Size()} {
				got := make([]byte, part)
				b.check("read", b.m.Read(b.t.Context(), x, got))
				if !bytes.Equal(got, data[:part]) {
					b.t.Fatalf("%d of %d bytes of %s came back changed", part, len(data), t)
				}
			}
			x.Release()
		}
	}
}

func (b *bench) dispatch() {
	for _, n := range []int{1, 3, 64, 65, 1000} {
		x, y := make([]int32, n), make([]int32, n)
		for i := range n {
			x[i], y[i] = math.MinInt32+int32(i)*1_000_003, int32(-i*7)
		}
		mx, my, out := b.words(x...), b.words(y...), b.memory(kernel.I32, n)
		c := b.constants([]int32{int32(n), -5})
		b.run(b.sums(mx, my, out, n, c, 0))
		b.want("sum", b.read(out, n), func(i int) int32 { return x[i] + y[i] - 5 })
		mx.Release()
		my.Release()
		out.Release()
	}
}

// order runs a long chain of dispatches, each of which reads what the one
// before wrote, with parameters of its own, in several runs.
func (b *bench) order() {
	const n, steps = 70, 700
	var params [][]int32
	sum := int32(0)
	for i := range steps {
		params = append(params, []int32{n, int32(i * i)})
		sum += int32(i*i) + 1
	}
	c := b.constants(params...)
	ones := make([]int32, n)
	for i := range ones {
		ones[i] = 1
	}
	x, one, y := b.words(make([]int32, n)...), b.words(ones...), b.memory(kernel.I32, n)
	var list []gpu.Dispatch
	for i := range steps {
		list = append(list, b.sums(x, one, y, n, c, i))
		x, y = y, x
		if i%300 == 299 {
			b.run(list...)
			list = nil
		}
	}
	b.run(list...)
	b.want("chain", b.read(x, n), func(int) int32 { return sum })
	for _, m := range []gpu.Memory{x, y, one} {
		m.Release()
	}
}

// writeAfterRun writes what a queued dispatch reads.
func (b *bench) writeAfterRun() {
	x, y, first, second := b.words(1, 2, 3), b.words(10, 20, 30), b.memory(kernel.I32, 3), b.memory(kernel.I32, 3)
	c := b.constants([]int32{3, 0}, []int32{3, 1000})
	b.run(b.sums(x, y, first, 3, c, 0))
	b.write(x, 100, 200, 300)
	b.run(b.sums(x, y, second, 3, c, 1))
	b.want("second", b.read(second, 3), func(i int) int32 { return int32(1000 + 110*(i+1)) })
	b.want("first", b.read(first, 3), func(i int) int32 { return int32(11 * (i + 1)) })
	b.check("wait", b.m.Wait(b.t.Context()))
	for _, m := range []gpu.Memory{x, y, first, second} {
		m.Release()
	}
}

// release gives memory and parameters back while work that uses them is
// queued, and takes new memory.
func (b *bench) release() {
	for range 20 {
		x, y, out := b.words(1, 2, 3), b.words(10, 20, 30), b.memory(kernel.I32, 3)
		c, err := b.m.Constants([][]int32{{3, 0}})
		b.check("constants", err)
		b.run(b.sums(x, y, out, 3, c, 0))
		x.Release()
		y.Release()
		c.Release()
		z := b.words(-1, -1, -1)
		b.want("sum", b.read(out, 3), func(i int) int32 { return int32(11 * (i + 1)) })
		b.want("new memory", b.read(z, 3), func(int) int32 { return -1 })
		out.Release()
		z.Release()
	}
}

// clear zeroes memory between dispatches of one run.
func (b *bench) clear() {
	x, y, first, second := b.words(1, 2, 3), b.words(10, 20, 30), b.memory(kernel.I32, 3), b.words(7, 7, 7)
	c := b.constants([]int32{3, 0}, []int32{2, 0})
	before := b.sums(x, y, first, 3, c, 0)
	after := b.sums(x, y, second, 3, c, 1)
	after.Clear = []gpu.Memory{x, second}
	after.Bound[2].Size = 16
	b.run(before, after)
	b.want("before", b.read(first, 3), func(i int) int32 { return int32(11 * (i + 1)) })
	b.want("after", b.read(second, 2), func(i int) int32 { return int32(10 * (i + 1)) })
	b.want("cleared", b.read(x, 3), func(int) int32 { return 0 })
	for _, m := range []gpu.Memory{x, y, first, second} {
		m.Release()
	}
}

// grid needs more workgroups than one side of a grid has.
func (b *bench) grid() {
	n := (b.m.Info().Limits.Side + 3) * max(b.Sum.Lanes, 1)
	if limit := min(b.m.Info().Buffer, b.m.Info().Limits.Binding, 1<<26); int64(n)*4 > limit {
		b.t.Skipf("%d elements of 32 bits do not fit %d bytes", n, limit)
	}
	values := make([]int32, n)
	for i := range values {
		values[i] = int32(i)
	}
	x, out := b.words(values...), b.memory(kernel.I32, n)
	c := b.constants([]int32{int32(n), 1})
	b.run(b.sums(x, x, out, n, c, 0))
	b.want("sum", b.read(out, n), func(i int) int32 { return int32(2*i + 1) })
	x.Release()
	out.Release()
}

// parts binds the second part of memories larger than a binding.
func (b *bench) parts() {
	info := b.m.Info()
	const n = 100
	per := int(info.Limits.Binding / 4)
	if (per+n)*4 > 1<<24 || int64((per+n)*4) > info.Buffer {
		b.t.Skipf("bindings of %d bytes: open the machine with smaller ones to test parts", info.Limits.Binding)
	}
	values := make([]int32, per+n)
	for i := range values {
		values[i] = int32(i)
	}
	x, out := b.words(values...), b.words(make([]int32, per+n)...)
	c := b.constants([]int32{n, 5})
	d := b.sums(x, x, out, n, c, 0)
	d.Bound[0].Offset, d.Bound[2].Offset = info.Limits.Binding, info.Limits.Binding
	b.run(d)
	got := b.read(out, per+n)
	b.want("first part", got[:per], func(int) int32 { return 0 })
	b.want("second part", got[per:], func(i int) int32 { return int32(per + 2*i + 5) })
	x.Release()
	out.Release()
}
