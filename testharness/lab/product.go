package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Product is a matrix product of full-range int8 operands.
type Product struct {
	M, N, K int
	program *program.Program
	a, b    []byte
}

// NewProduct makes the product of a, M rows of K, and b, N rows of K.
func NewProduct(m, n, k int) (*Product, error) {
	var b program.Builder
	x := b.Input("a", ops.Int8(-128, 127, m, k))
	y := b.Input("b", ops.Int8(-128, 127, n, k))
	b.Output("out", b.One(ops.MatmulOp, []program.Value{x, y}, ops.NT(m, n, k).Attrs()...))
	prog, err := b.Build()
	if err != nil {
		return nil, err
	}
	return &Product{M: m, N: n, K: k, program: prog, a: noise(1, m*k), b: noise(2, n*k)}, nil
}

func noise(seed uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(data.PCG(data.PCG(seed) + uint32(i)))
	}
	return b
}

// Sum is the SHA-256 of the true result.
func (p *Product) Sum() string {
	out := make([]byte, 4*p.M*p.N)
	for i := range p.M {
		for j := range p.N {
			s := int32(0)
			for c, v := range p.a[i*p.K : (i+1)*p.K] {
				s += int32(int8(v)) * int32(int8(p.b[j*p.K+c]))
			}
			for b := range 4 {
				out[4*(i*p.N+j)+b] = byte(s >> (8 * b))
			}
		}
	}
	return sum(out)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Measured is how a lane did at a product.
type Measured struct {
	Seconds float64 `json:"seconds"` // of one run, at best
	Sum     string  `json:"sum"`     // of the result
	Detail  string  `json:"detail"`  // of the lane
	Threads int     `json:"threads"`
}

const (
	stretchTime = 50 * time.Millisecond // that is timed at once: clocks in a page are coarse
	productTime = time.Second           // for all stretches
	longEnough  = 5 * time.Second       // one run says enough of a lane this slow
)

// Measure runs the product again and again and takes the best stretch of runs.
// A stretch ends when its last result has been read, since a GPU may return
// before it is done.
func (p *Product) Measure(ctx context.Context, dev device.Device) (Measured, error) {
	caps := dev.Caps()
	m := Measured{Detail: caps.Detail, Threads: caps.Threads}
	exe, err := dev.Load(p.program)
	if err != nil {
		return m, err
	}
	defer exe.Close()
	var in []device.Buffer
	defer func() {
		for _, b := range in {
			b.Release()
		}
	}()
	for _, operand := range [][]byte{p.a, p.b} {
		b, err := dev.Upload(operand)
		if err != nil {
			return m, err
		}
		in = append(in, b)
	}
	out := make([]byte, 4*p.M*p.N)
	stretch := func(runs int) (time.Duration, error) {
		begun := time.Now()
		for i := range runs {
			res, err := exe.Run(ctx, in)
			if err != nil {
				return 0, err
			}
			if i == runs-1 {
				err = res[0].Read(out)
			}
			res[0].Release()
			if err != nil {
				return 0, err
			}
		}
		return time.Since(begun), nil
	}
	if _, err := stretch(1); err != nil { // compiles, and warms up
		return m, err
	}
	m.Sum = sum(out)
	runs, best := 1, time.Duration(0)
	for start := time.Now(); best == 0 || time.Since(start) < productTime; {
		took, err := stretch(runs)
		if err != nil {
			return m, err
		}
		if took < stretchTime && runs < 1<<12 {
			runs *= 2
			continue
		}
		if one := took / time.Duration(runs); best == 0 || one < best {
			best = one
		}
		if took > longEnough {
			break
		}
	}
	m.Seconds = max(best, 1).Seconds()
	return m, nil
}
