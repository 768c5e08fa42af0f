package wgsl_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	native "github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// rare are kernels that no op is: what printers must do as well.
func rare() []*kernel.Kernel {
	// Several rows in a word of an output of once a row.
	narrow := kernel.New("narrow")
	x := narrow.Input("x", kernel.I16)
	sum := kernel.ReduceSum(kernel.Elem(x))
	narrow.PutElem(narrow.Output("lt", kernel.I8), kernel.Lt(kernel.Mul(kernel.Elem(x), kernel.Cols), sum))
	narrow.Put(narrow.Output("bits", kernel.I8), kernel.Row, kernel.BitLen(kernel.Abs(sum)))
	narrow.Put(narrow.Output("low", kernel.I16), kernel.Row, kernel.And(sum, kernel.C(0x7fff)))
	narrow.Put(narrow.Output("top", kernel.I32), kernel.Row, kernel.ReduceMax(kernel.Elem(x)))

	// Sums of what is the same in a row, and everywhere.
	same := kernel.New("same", "p")
	x = same.Input("x", kernel.I32)
	same.PutElem(same.Output("a", kernel.I16), kernel.And(kernel.Add(kernel.ReduceSum(kernel.Row), kernel.Col), kernel.C(0x7fff)))
	same.Put(same.Output("b", kernel.I16), kernel.Row, kernel.And(kernel.ReduceSum(same.P("p")), kernel.C(0x7fff)))
	same.Put(same.Output("c", kernel.I8), kernel.Row, kernel.C(-3))
	same.Put(same.Output("d", kernel.I32), kernel.Row, kernel.Add(kernel.At(x, kernel.C(0)), kernel.ReduceOr(kernel.Col)))

	// Stored once a row without a reduction, beside all elements.
	sides := kernel.New("sides")
	x = sides.Input("x", kernel.I8)
	sides.PutElem(sides.Output("a", kernel.I8), kernel.Max(kernel.Elem(x), kernel.C(0)))
	sides.Put(sides.Output("b", kernel.I32), kernel.Row, kernel.Mul(kernel.Add(kernel.Rows, kernel.Row), kernel.C(3)))

	// Added at every column, and once a row; beside narrow and wide elements.
	adds := kernel.New("adds")
	x = adds.Input("x", kernel.I16)
	adds.Fan = kernel.Mul(kernel.Rows, kernel.Cols)
	adds.PutElem(adds.Output("a", kernel.I8), kernel.And(kernel.Elem(x), kernel.C(127)))
	adds.AddTo(adds.Output("b", kernel.I32), kernel.And(kernel.Col, kernel.C(3)), kernel.Elem(x))
	adds.AddTo(adds.Output("c", kernel.I32), kernel.And(kernel.Row, kernel.C(1)), kernel.Add(kernel.Row, kernel.C(1)))
	adds.AddTo(adds.Output("d", kernel.I32), kernel.C(0), kernel.C(5))

	// The same of what was reduced.
	sums := kernel.New("sums")
	x = sums.Input("x", kernel.I16)
	sums.Fan = kernel.Mul(kernel.Rows, kernel.Cols)
	above := kernel.Lt(kernel.ReduceMax(kernel.Elem(x)), kernel.Add(kernel.Elem(x), kernel.C(100)))
	sums.PutElem(sums.Output("a", kernel.I8), above)
	sums.AddTo(sums.Output("b", kernel.I32), above, kernel.Elem(x))
	sums.AddTo(sums.Output("c", kernel.I32), kernel.And(kernel.Row, kernel.C(1)), kernel.ReduceOr(kernel.Abs(kernel.Elem(x))))

	// A contraction that stores bytes, halves, words, and once a row.
	product := kernel.NewMatmul("product", "s")
	x = product.Input("x", kernel.I16)
	small := kernel.Clamped(kernel.Shift(kernel.Acc, product.P("s")), 127)
	product.PutElem(product.Output("a", kernel.I8), small)
	product.PutElem(product.Output("b", kernel.I16), kernel.Max(kernel.Elem(x), small))
	product.PutElem(product.Output("c", kernel.I32), kernel.Add(kernel.Acc, kernel.Rows))
	return []*kernel.Kernel{narrow, same, sides, adds, sums, product, totals()}
}

// totals is a contraction with an output of once a row.
func totals() *kernel.Kernel {
	k := kernel.NewMatmul("totals", "s")
	k.PutElem(k.Output("a", kernel.I16), kernel.Clamped(kernel.Acc, 32767))
	k.Put(k.Output("b", kernel.I8), kernel.Row, kernel.And(kernel.Row, kernel.C(63)))
	return k
}

// instance is one of k's, proved, for any sizes.
func instance(t *testing.T, k *kernel.Kernel, rows, cols int) *kernel.Instance {
	t.Helper()
	in := &kernel.Instance{Kernel: k, Rows: rows, Cols: cols, Params: make([]int32, len(k.Params))}
	for i := range in.Params {
		in.Params[i] = 7
	}
	const depth = 20
	if k.Contract != nil {
		copy(in.Params, []int32{int32(rows), 1, depth, 0, 0, 0, depth, 1, 0, 0, 0, 1, int32(cols)})
	}
	for i, b := range k.Bufs {
		n := rows * cols
		for _, s := range k.Stores {
			switch {
			case s.Buf != i:
			case s.Add:
				n = 4
			case s.Index == kernel.Row:
				n = rows
			}
		}
		if c := k.Contract; c != nil && i == c.A {
			n = rows * depth
		} else if c != nil && i == c.B {
			n = cols * depth
		}
		in.Lens = append(in.Lens, n)
		in.Ranges = append(in.Ranges, b.DType.Range())
		if b.DType == kernel.I32 {
			in.Ranges[i] = kernel.Interval{Lo: -1 << 20, Hi: 1 << 20}
		}
	}
	if _, err := kernel.Prove(in); err != nil {
		t.Fatal(err)
	}
	return in
}

// TestRareKernels compares kernels that no op is with the reference, with
// large bindings and with small ones.
func TestRareKernels(t *testing.T) {
	if !onDrivers(t) {
		return
	}
	m, err := native.Open(t.Context(), native.Config{Software: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, k := range rare() {
		if err := k.Check(); err != nil {
			t.Fatal(err)
		}
		if k.Name == "sums" && os.Getenv(driverEnv) == "lavapipe" {
			// Mesa 22.3 leaves a loop that adds atomically too early, where
			// another loop before it has barriers.
			continue
		}
		for _, team := range []int{0, 1, 64} {
			for _, binding := range []int64{128 << 20, 512} {
				for _, size := range [][2]int{{9, 12}, {7, 65}, {1, 1}, {70, 5}, {3, 200}} {
					o := wgsl.Options{Limits: m.Info().Limits, Team: team}
					o.Limits.Binding = binding
					step, err := wgsl.New(o).Step(instance(t, k, size[0], size[1]))
					if err != nil {
						t.Fatal(err)
					}
					run(t, m, o.Limits.Binding, step, instance(t, k, size[0], size[1]))
				}
			}
		}
	}
}

// run runs step on m and compares with the reference what it stores.
func run(t *testing.T, m gpu.Machine, binding int64, step *launch.Step, in *kernel.Instance) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(in.Rows), uint64(in.Cols)))
	var want [][]byte
	var mems []gpu.Memory
	alloc := func(d kernel.DType, elems int, data []byte) {
		const granule = 256
		mem, err := m.Alloc(d, (elems*d.Size()+granule-1)/granule*granule/d.Size())
		if err != nil {
			t.Fatal(err)
		}
		mems = append(mems, mem)
		if err := m.Write(mem, data); err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range in.Kernel.Bufs {
		data := make([]byte, in.Lens[i]*b.DType.Size())
		for at := range data {
			if !b.Out {
				data[at] = byte(r.Uint32())
			}
		}
		if b.DType == kernel.I32 && !b.Out { // within the range that was proved
			for at := 0; at < len(data); at += 4 {
				data[at+2], data[at+3] = data[at+2]&15, 0
			}
		}
		want = append(want, data)
		if b.Out {
			data = bytes.Repeat([]byte{0xa5}, len(data))
		}
		alloc(b.DType, in.Lens[i], data)
	}
	for _, temp := range step.Temps {
		alloc(temp.DType, temp.Elems, bytes.Repeat([]byte{0x5a}, temp.Elems*temp.DType.Size()))
	}
	if err := reference.Interpret(t.Context(), in, want); err != nil {
		t.Fatal(err)
	}
	var list []gpu.Dispatch
	var params [][]int32
	for i, p := range step.Passes {
		pipeline, err := m.Compile(t.Context(), p.Code)
		if err != nil {
			t.Fatalf("%s: %v", p.Code.Key, err)
		}
		params = append(params, p.Params)
		d := gpu.Dispatch{Pipeline: pipeline, Index: i, Groups: p.Groups}
		for _, ref := range p.Refs {
			size := int64(0)
			if ref.Buf < len(in.Lens) {
				size = int64(in.Lens[ref.Buf] * in.Kernel.Bufs[ref.Buf].DType.Size())
			} else {
				temp := step.Temps[ref.Buf-len(in.Lens)]
				size = int64(temp.Elems * temp.DType.Size())
			}
			offset := int64(ref.Part) * binding
			if offset >= size {
				t.Fatalf("%s binds part %d of %d bytes", p.Code.Key, ref.Part, size)
			}
			d.Bound = append(d.Bound, gpu.Bound{Memory: mems[ref.Buf], Offset: offset, Size: min(binding, (size-offset+15)/16*16)})
		}
		for _, c := range p.Clear {
			d.Clear = append(d.Clear, mems[c])
		}
		list = append(list, d)
	}
	constants, err := m.Constants(params)
	if err != nil {
		t.Fatal(err)
	}
	defer constants.Release()
	for i := range list {
		list[i].Constants = constants
	}
	if err := m.Run(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for i, b := range in.Kernel.Bufs {
		if !b.Out {
			continue
		}
		got := make([]byte, len(want[i]))
		if err := m.Read(t.Context(), mems[i], got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[i]) {
			at := 0
			for got[at] == want[i][at] {
				at++
			}
			t.Fatalf("%s: %d x %d: byte %d of output %s is %d, want %d\n%s", step.Passes[0].Code.Key, in.Rows, in.Cols, at, b.Name, got[at], want[i][at], step.Passes[0].Code.Text)
		}
	}
	for _, mem := range mems {
		mem.Release()
	}
}
