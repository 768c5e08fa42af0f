package freivalds_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// BenchmarkShare measures the check against the product itself, on one thread
// of the cpu lane: the shortest times of many interleaved rounds, since the
// machine may be busy with other things.
func BenchmarkShare(b *testing.B) {
	dev, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer dev.Close()
	for _, kind := range []struct {
		name   string
		layout func(m, n, k int) ops.Layout
	}{{"nt", ops.NT}, {"nn", ops.NN}, {"tn", ops.TN}} {
		for _, width := range []int{128, 256, 512, 1024, 2048} {
			b.Run(fmt.Sprint(kind.name, width), func(b *testing.B) {
				l := kind.layout(width, width, width)
				var g program.Builder
				x, y := g.Input("x", ops.Int8(-127, 127, width*width)), g.Input("y", ops.Int8(-127, 127, width*width))
				g.Output("z", g.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
				p, err := g.Build()
				if err != nil {
					b.Fatal(err)
				}
				exe, err := dev.Load(p)
				if err != nil {
					b.Fatal(err)
				}
				defer exe.Close()
				in := devicetest.RandomInputs(p, 2)
				xs, err := dev.Upload(in[0])
				if err != nil {
					b.Fatal(err)
				}
				ys, err := dev.Upload(in[1])
				if err != nil {
					b.Fatal(err)
				}
				check, err := freivalds.New(freivalds.NewKey(), 1)
				if err != nil {
					b.Fatal(err)
				}
				product := freivalds.Product{Layout: l, A: in[0], B: in[1], C: make([]byte, 4*width*width)}
				inputs := []device.Buffer{xs, ys}
				multiply, verify := time.Hour, time.Hour
				for b.Loop() {
					start := time.Now()
					out, err := exe.Run(b.Context(), inputs)
					if err != nil {
						b.Fatal(err)
					}
					multiply = min(multiply, time.Since(start))
					if err := out[0].Read(product.C); err != nil {
						b.Fatal(err)
					}
					out[0].Release()
					start = time.Now()
					if err := check.Check(product); err != nil {
						b.Fatal(err)
					}
					verify = min(verify, time.Since(start))
				}
				b.ReportMetric(float64(multiply.Nanoseconds()), "product-ns")
				b.ReportMetric(float64(verify.Nanoseconds()), "check-ns")
				b.ReportMetric(100*float64(verify)/float64(multiply), "%")
			})
		}
	}
}
