package wazerosimd_test

import (
	"testing"

	"github.com/shoal-compute/shoal/wasm/simd/wazerosimd"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func TestDevice(t *testing.T) {
	dev, err := wazerosimd.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Close() })
	devicetest.Run(t, dev, devicetest.Options{})
}

// BenchmarkMatmul measures programs of one matmul: square, and the shapes of
// kjv-nano's layers and attention.
func BenchmarkMatmul(b *testing.B) {
	heads := func(l ops.Layout) ops.Layout { // 16 sequences of 64 tokens, 4 heads of 32
		l.B0, l.B1 = 16, 4
		return l
	}
	for _, c := range []struct {
		name string
		l    ops.Layout
	}{
		{"NT 512x512x512", ops.NT(512, 512, 512)},
		{"NT 1024x384x128", ops.NT(1024, 384, 128)},
		{"NN 1024x128x384", ops.NN(1024, 128, 384)},
		{"TN 384x128x1024", ops.TN(384, 128, 1024)},
		{"scores 64 x 64x64x32", heads(ops.Layout{M: 64, N: 64, K: 32, AB0: 64 * 384, AB1: 32, AM: 384, AK: 1, BOff: 128, BB0: 64 * 384, BB1: 32, BN: 384, BK: 1})},
		{"values 64 x 64x32x64", heads(ops.Layout{M: 64, N: 32, K: 64, AB0: 4 * 4096, AB1: 4096, AM: 64, AK: 1, BOff: 256, BB0: 64 * 384, BB1: 32, BN: 1, BK: 384})},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := c.l
			var build program.Builder
			size := 16 * 64 * 1024
			x, y := build.Input("x", ops.Int8(-127, 127, size)), build.Input("y", ops.Int8(-127, 127, size))
			build.Output("out", build.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
			p, err := build.Build()
			if err != nil {
				b.Fatal(err)
			}
			dev, err := wazerosimd.Open(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			defer dev.Close()
			exe, err := dev.Load(p)
			if err != nil {
				b.Fatal(err)
			}
			var in []device.Buffer
			for _, data := range devicetest.RandomInputs(p, 1) {
				u, err := dev.Upload(data)
				if err != nil {
					b.Fatal(err)
				}
				in = append(in, u)
			}
			for b.Loop() {
				out, err := exe.Run(b.Context(), in)
				if err != nil {
					b.Fatal(err)
				}
				out[0].Release()
			}
			work := 2 * float64(l.B0*l.B1*l.M*l.N) * float64(l.K) * float64(b.N)
			b.ReportMetric(work/float64(b.Elapsed().Nanoseconds()), "GOP/s")
		})
	}
}
