package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// measureAll posts the speed of some products and of a gradient. It is for the
// log alone.
func measureAll(ctx context.Context, dev device.Device) error {
	heads := ops.Layout{B0: 16, B1: 4, M: 64, N: 64, K: 32, AB0: 64 * 384, AB1: 32, AM: 384, AK: 1, BOff: 128, BB0: 64 * 384, BB1: 32, BN: 384, BK: 1}
	for _, c := range []struct {
		name string
		l    ops.Layout
	}{{"matmul 64^3", ops.NT(64, 64, 64)}, {"matmul 512^3", ops.NT(512, 512, 512)}, {"attention scores", heads}} {
		p, err := matmul(c.l)
		if err != nil {
			return err
		}
		work := 2 * float64(c.l.B0*c.l.B1*c.l.M*c.l.N) * float64(c.l.K)
		ns, err := measure(ctx, dev, p, max(int(4e8/work), 1))
		if err != nil {
			return err
		}
		post("speed", fmt.Sprintf("%s %.1f GOP/s", c.name, work/ns))
	}
	p, err := gradient()
	if err != nil {
		return err
	}
	ns, err := measure(ctx, dev, p, 1)
	if err != nil {
		return err
	}
	post("speed", fmt.Sprintf("gradient of 4 sequences %.1f ms", ns/1e6))
	return nil
}

// gradient is the program of the model that the project trains first, four
// sequences at a time.
func gradient() (*program.Program, error) {
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 128, Layers: 4, Heads: 4, Context: 64})
	if err != nil {
		return nil, err
	}
	return m.Gradient(4, nn.Adam, 4)
}

// matmul is a program of one matmul.
func matmul(l ops.Layout) (*program.Program, error) {
	const size = 64 * 384 * 16
	var b program.Builder
	x, y := b.Input("x", ops.Int8(-128, 127, size)), b.Input("y", ops.Int8(-128, 127, size))
	b.Output("out", b.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
	return b.Build()
}

// measure runs p again and again, loading and copying apart, and returns the
// least nanoseconds a run took over several stretches of runs, since clocks in
// a page are coarse. A stretch ends when a result is there to be read.
func measure(ctx context.Context, dev device.Device, p *program.Program, runs int) (float64, error) {
	exe, err := dev.Load(p)
	if err != nil {
		return 0, err
	}
	defer exe.Close()
	var in []device.Buffer
	for _, data := range devicetest.RandomInputs(p, 1) {
		u, err := dev.Upload(data)
		if err != nil {
			return 0, err
		}
		defer u.Release()
		in = append(in, u)
	}
	best := math.Inf(1)
	for range 8 {
		start := time.Now()
		for run := range runs {
			out, err := exe.Run(ctx, in)
			if err != nil {
				return 0, err
			}
			if last := out[len(out)-1]; run == runs-1 {
				if err := last.Read(make([]byte, last.Size())); err != nil {
					return 0, err
				}
			}
			for _, o := range out {
				o.Release()
			}
		}
		best = min(best, float64(time.Since(start))/float64(runs))
	}
	return best, nil
}
