package cpu_test

import (
	"fmt"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// loaded is a program with inputs on a device.
type loaded struct {
	exe device.Executable
	in  []device.Buffer
}

func load(tb testing.TB, d device.Device, p *program.Program) loaded {
	tb.Helper()
	exe, err := d.Load(p)
	if err != nil {
		tb.Fatal(err)
	}
	l := loaded{exe: exe}
	for _, data := range devicetest.RandomInputs(p, 1) {
		b, err := d.Upload(data)
		if err != nil {
			tb.Fatal(err)
		}
		l.in = append(l.in, b)
	}
	return l
}

func (l loaded) run(tb testing.TB) {
	tb.Helper()
	out, err := l.exe.Run(tb.Context(), l.in)
	if err != nil {
		tb.Fatal(err)
	}
	for _, b := range out {
		b.Release()
	}
}

func each(b *testing.B, bench func(b *testing.B, d device.Device, p *cpu.Profile)) {
	b.Helper()
	for _, f := range cpu.Features() {
		b.Run(f, func(b *testing.B) {
			p := &cpu.Profile{}
			d, err := cpu.New(cpu.Config{Threads: 1, Features: f, Profile: p})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			bench(b, d, p)
		})
	}
}

// BenchmarkMatmul measures contractions of the layouts and sizes that
// training uses.
func BenchmarkMatmul(b *testing.B) {
	for _, l := range []struct {
		name string
		ops.Layout
	}{
		{"nt512", ops.NT(512, 512, 512)},
		{"nn512", ops.NN(512, 512, 512)},
		{"tn512", ops.TN(512, 512, 512)},
		{"nt1024x384x128", ops.NT(1024, 384, 128)},
		{"nn1024x128x512", ops.NN(1024, 128, 512)},
		{"tn512x128x1024", ops.TN(512, 128, 1024)},
		{"scores64x64x32x64", ops.Layout{B0: 16, B1: 4, M: 64, N: 64, K: 32, AB0: 64 * 384, AB1: 32, AM: 384, AK: 1, BOff: 128, BB0: 64 * 384, BB1: 32, BN: 384, BK: 1}},
		{"values64x32x64x64", ops.Layout{B0: 16, B1: 4, M: 64, N: 32, K: 64, AB0: 4 * 4096, AB1: 4096, AM: 64, AK: 1, BOff: 256, BB0: 64 * 384, BB1: 32, BN: 1, BK: 384}},
		{"transposed64x32x64x64", ops.Layout{B0: 16, B1: 4, M: 64, N: 32, K: 64, AB0: 4 * 4096, AB1: 4096, AM: 1, AK: 64, BOff: 256, BB0: 64 * 384, BB1: 32, BN: 1, BK: 384}},
	} {
		var p program.Builder
		size := func(off, b0, s0, b1, s1, m, sm, k, sk int) int {
			return off + (b0-1)*s0 + (b1-1)*s1 + (m-1)*sm + (k-1)*sk + 1
		}
		x := p.Input("x", ops.Int8(-128, 127, size(l.AOff, l.B0, l.AB0, l.B1, l.AB1, l.M, l.AM, l.K, l.AK)))
		y := p.Input("y", ops.Int8(-128, 127, size(l.BOff, l.B0, l.BB0, l.B1, l.BB1, l.N, l.BN, l.K, l.BK)))
		p.Output("z", p.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
		prog, err := p.Build()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(l.name, func(b *testing.B) {
			each(b, func(b *testing.B, d device.Device, _ *cpu.Profile) {
				r := load(b, d, prog)
				for b.Loop() {
					r.run(b)
				}
				b.ReportMetric(2*float64(l.B0*l.B1*l.M*l.N*l.K)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		})
	}
}

// BenchmarkStep measures one training step of the sample language model: the
// gradient of 1024 tokens, and the update.
func BenchmarkStep(b *testing.B) {
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 128, Layers: 4, Heads: 4, Context: 64})
	if err != nil {
		b.Fatal(err)
	}
	gradient, err := m.Gradient(16, nn.Adam, 1)
	if err != nil {
		b.Fatal(err)
	}
	update, err := m.Update(nn.Adam, 26)
	if err != nil {
		b.Fatal(err)
	}
	each(b, func(b *testing.B, d device.Device, p *cpu.Profile) {
		g, u := load(b, d, gradient), load(b, d, update)
		g.run(b)
		u.run(b)
		p.Reset()
		for b.Loop() {
			g.run(b)
			u.run(b)
		}
		b.ReportMetric(1024*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		if testing.Verbose() {
			for _, k := range p.Kernels() {
				fmt.Printf("%-24s %8.1f us/step %5d calls/step %8.2f Gops/s\n", k.Kernel, float64(k.Time.Microseconds())/float64(b.N), k.Calls/b.N, float64(k.Ops)/k.Time.Seconds()/1e9)
			}
		}
	})
}
