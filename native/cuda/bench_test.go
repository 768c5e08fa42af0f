package cuda

import (
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// BenchmarkMatmul prints TOP/s, 10^12 multiplications and additions a second,
// of int8 products whose operands are on the GPU.
func BenchmarkMatmul(b *testing.B) {
	m := here(b, Config{})
	all := m.variants()
	for _, n := range []int{512, 1024, 2048, 4096, 8192} {
		b.Run(fmt.Sprintf("nt/%d", n), func(b *testing.B) { m.product(b, all[0], ops.NT(n, n, n)) })
	}
	for _, n := range []int{1024, 4096} {
		b.Run(fmt.Sprintf("nn/%d", n), func(b *testing.B) { m.product(b, all[0], ops.NN(n, n, n)) })
		b.Run(fmt.Sprintf("tn/%d", n), func(b *testing.B) { m.product(b, all[0], ops.TN(n, n, n)) })
	}
	// A layer of a decoder with 512 dimensions and 64 sequences of 256.
	b.Run("layer", func(b *testing.B) { m.product(b, all[0], ops.NT(64*256, 2048, 512)) })
	for _, p := range all[1:] {
		for _, n := range []int{1024, 4096} {
			b.Run(fmt.Sprintf("tiles/%s/%d", p.Name(), n), func(b *testing.B) { m.product(b, p, ops.NT(n, n, n)) })
		}
	}
}

func (m *machine) product(b *testing.B, p launch.Printer, l ops.Layout) {
	var g program.Builder
	in := []program.Value{g.Input("x", ops.Int8(-127, 127, l.M*l.K)), g.Input("y", ops.Int8(-127, 127, l.N*l.K))}
	g.Output("out", g.One(ops.MatmulOp, in, l.Attrs()...))
	m.bench(b, p, &g)
	b.ReportMetric(2*float64(l.M)*float64(l.N)*float64(l.K)*float64(b.N)/b.Elapsed().Seconds()/1e12, "TOP/s")
}

// BenchmarkOps prints GB/s, what memory has to carry at least, of ops over the
// activations of a decoder with 512 dimensions and 64 sequences of 256.
func BenchmarkOps(b *testing.B) {
	m := here(b, Config{})
	const rows, cols = 64 * 256, 512
	wide := ops.Int32(-1<<24, 1<<24, rows, cols)
	for _, c := range []struct {
		op    *ops.Def
		in    []ops.Type
		attrs []int32
		bytes int // per element
	}{
		{ops.AddOp, []ops.Type{wide, wide}, nil, 12},
		{ops.QuantizeRowsOp, []ops.Type{wide}, []int32{cols}, 5},
		{ops.RMSNormOp, []ops.Type{wide}, nil, 6},
		{ops.SumRowsOp, []ops.Type{wide}, []int32{1, 0, 1 << 14}, 4},
	} {
		b.Run(c.op.Name, func(b *testing.B) {
			var g program.Builder
			var in []program.Value
			for i, t := range c.in {
				in = append(in, g.Input(fmt.Sprint("x", i), t))
			}
			for i, v := range g.Apply(c.op, in, c.attrs...) {
				g.Output(fmt.Sprint("out", i), v)
			}
			m.bench(b, m.printers()[0], &g)
			b.ReportMetric(float64(rows*cols*c.bytes)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

// bench runs a program, whose inputs stay on the GPU.
func (m *machine) bench(b *testing.B, p launch.Printer, g *program.Builder) {
	prog, err := g.Build()
	if err != nil {
		b.Fatal(err)
	}
	d := m.lane(b, p)
	exe, err := d.Load(prog)
	if err != nil {
		b.Fatal(err)
	}
	var in []device.Buffer
	for _, data := range devicetest.RandomInputs(prog, 1) {
		x, err := d.Upload(data)
		if err != nil {
			b.Fatal(err)
		}
		defer x.Release()
		in = append(in, x)
	}
	run := func() {
		out, err := exe.Run(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		for _, x := range out {
			x.Release()
		}
	}
	wait := func() {
		if err := m.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for range 3 {
		run()
	}
	wait()
	b.ResetTimer()
	for range b.N {
		run()
	}
	wait()
	b.StopTimer()
	if err := exe.Close(); err != nil {
		b.Fatal(err)
	}
}
