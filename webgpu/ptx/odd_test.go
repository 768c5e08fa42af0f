package ptx_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	. "github.com/shoal-compute/shoal/webgpu/kernel" //nolint:revive // kernels read as formulas
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ptx"
	"github.com/shoal-compute/shoal/webgpu/ptx/ptxtest"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// oddKernels are instances of kernels of forms that no op has.
func oddKernels(cols int) map[string]*Instance {
	const rows = 7
	n := rows * cols
	small := Interval{Lo: -100, Hi: 100}

	adding := New("adding")
	x, sums, bytes, tops := adding.Input("x", I16), adding.Output("sums", I32), adding.Output("bytes", I8), adding.Output("tops", I16)
	total, top := ReduceSum(Elem(x)), ReduceMax(Elem(x))
	adding.Fan = C(rows)
	adding.AddTo(sums, Rem(Row, C(3)), total)
	adding.PutElem(bytes, Sub(Elem(x), Sar(top, C(1))))
	adding.Put(tops, Row, top)

	storing := New("storing", "k")
	x, s16, rows32, added, dense := storing.Input("x", I8), storing.Output("s16", I16), storing.Output("rows32", I32), storing.Output("added", I32), storing.Output("dense", I32)
	storing.Fan = Rows
	storing.PutElem(s16, Mul(Elem(x), storing.P("k")))
	storing.Put(rows32, Row, Mul(Row, storing.P("k")))
	storing.AddTo(added, Rem(Col, C(4)), Elem(x))
	storing.AddTo(dense, Here, Sub(Elem(x), Col))

	once := New("once")
	x, b8, r8, r16 := once.Input("x", I8), once.Output("b8", I8), once.Output("r8", I8), once.Output("r16", I16)
	once.PutElem(b8, Max(Elem(x), At(x, Row)))
	once.Put(r8, Row, Rem(Row, C(5)))
	once.Put(r16, Row, Mul(At(x, Row), C(100)))

	product := NewMatmul("product")
	p8, p16, p32 := product.Output("p8", I8), product.Output("p16", I16), product.Output("p32", I32)
	product.PutElem(p8, Clamped(Acc, 127))
	product.PutElem(p16, Add(Clamped(Acc, 1000), Col))
	product.Put(p32, Row, Mul(Row, C(3)))
	const depth = 200
	layout := []int32{rows, 1, depth, 0, 0, 0, depth, 1, 0, 0, 0, depth, 1}

	return map[string]*Instance{
		"rows that add":          {Kernel: adding, Rows: rows, Cols: cols, Lens: []int{n, 3, n, rows}, Ranges: make([]Interval, 4)},
		"scatter that stores":    {Kernel: storing, Rows: rows, Cols: cols, Params: []int32{-9}, Lens: []int{n, n, rows, 4, n}, Ranges: make([]Interval, 5)},
		"map that stores rows":   {Kernel: once, Rows: rows, Cols: cols, Lens: []int{max(n, rows), n, rows, rows}, Ranges: []Interval{small, {}, {}, {}}},
		"product of three types": {Kernel: product, Rows: rows, Cols: cols, Params: layout, Lens: []int{rows * depth, cols * depth, n, n, rows}, Ranges: make([]Interval, 5)},
	}
}

// compareInstance runs an instance on random bytes in the emulator and by the
// reference.
func compareInstance(ctx context.Context, o ptx.Options, in *Instance) error {
	if err := in.Kernel.Check(); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, uint64(in.Cols)))
	var want [][]byte
	for i, b := range in.Kernel.Bufs {
		data := make([]byte, in.Lens[i]*b.DType.Size())
		for j := range data {
			if b.Out {
				continue
			}
			if v := int8(random.IntN(201) - 100); j%b.DType.Size() == 0 { // small, of either sign
				data[j] = byte(v)
			} else {
				data[j] = byte(int8(data[j-1]) >> 7)
			}
		}
		want = append(want, data)
	}
	var got [][]byte
	for _, data := range want {
		got = append(got, bytes.Clone(data))
	}
	if err := reference.Interpret(ctx, in, want); err != nil {
		return err
	}
	step, err := ptx.New(o).Step(in)
	if err != nil {
		return err
	}
	if err := runStep(ctx, in, step, got); err != nil {
		return err
	}
	for i, b := range in.Kernel.Bufs {
		if at := firstDifference(got[i], want[i]); at >= 0 {
			return fmt.Errorf("%s differs from element %d on: %v, want %v", b.Name, at/b.DType.Size(), got[i][at], want[i][at])
		}
	}
	return nil
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// runStep runs a step in the emulator on bufs.
func runStep(ctx context.Context, in *Instance, step *launch.Step, bufs [][]byte) error {
	m := ptxtest.New()
	var all []gpu.Memory
	var sizes []int64
	alloc := func(t DType, elems int) error {
		x, err := m.Alloc(t, elems)
		all, sizes = append(all, x), append(sizes, int64(elems*t.Size()+15)/16*16)
		return err
	}
	for i, b := range in.Kernel.Bufs {
		if err := alloc(b.DType, in.Lens[i]); err != nil {
			return err
		}
		if !b.Out {
			if err := m.Write(all[i], bufs[i]); err != nil {
				return err
			}
		}
	}
	for _, t := range step.Temps {
		if err := alloc(t.DType, t.Elems); err != nil {
			return err
		}
	}
	for _, p := range step.Passes {
		pipeline, err := m.Compile(ctx, p.Code)
		if err != nil {
			return err
		}
		constants, err := m.Constants([][]int32{p.Params})
		if err != nil {
			return err
		}
		d := gpu.Dispatch{Pipeline: pipeline, Constants: constants, Groups: p.Groups}
		for _, r := range p.Refs {
			d.Bound = append(d.Bound, gpu.Bound{Memory: all[r.Buf], Size: sizes[r.Buf]})
		}
		for _, c := range p.Clear {
			d.Clear = append(d.Clear, all[c])
		}
		if err := m.Run(ctx, []gpu.Dispatch{d}); err != nil {
			return err
		}
	}
	for i := range bufs {
		if err := m.Read(ctx, all[i], bufs[i]); err != nil {
			return err
		}
	}
	return nil
}
