package ops_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/ops"
)

// This file compares ops with the real functions they stand for, in float64:
// a wrong exponent or scale shows here, and nowhere else.

// calc applies def to inputs of full range types of the given shapes.
func calc(t *testing.T, def *ops.Def, in []ops.Type, attrs []int32, values ...[]int64) [][]int64 {
	t.Helper()
	a, err := def.Apply(in, attrs)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, a, values)
}

// normal is a row of n normal values of the given standard deviation.
func normal(r *rand.Rand, sd float64, n int) []int64 {
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(math.Round(r.NormFloat64() * sd))
	}
	return v
}

func near(t *testing.T, what string, i int, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance || math.IsNaN(want) {
		t.Fatalf("%s: element %d is %g, want %g ± %g", what, i, got, want, tolerance)
	}
}

const sat = 1<<30 - 1

func TestMeaningOfQuantisers(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 1))
	for _, sd := range []float64{3, 100, 1e4, 1e8} {
		x := normal(r, sd, 6*64)
		typ := ops.Int32(-sat, sat, 6, 64)
		out := calc(t, ops.QuantizeRowsOp, []ops.Type{typ}, []int32{64}, x)
		for i, v := range x {
			unit := math.Exp2(float64(out[1][i/64]))
			tolerance := unit / 2
			if out[0][i] == 127 || out[0][i] == -127 {
				tolerance = unit
			}
			near(t, "quantize_rows", i, float64(out[0][i])*unit, float64(v), tolerance)
		}
		// With random bits the mean over many keys is the value itself.
		mean := make([]float64, len(x))
		const keys = 300
		var e []int64
		for range keys {
			out := calc(t, ops.QuantizeRowsRandomOp, []ops.Type{typ, ops.Int32(-1<<31, 1<<31-1, 1)}, []int32{64, 5}, x, []int64{int64(int32(r.Uint32()))})
			for i, q := range out[0] {
				mean[i] += float64(q) * math.Exp2(float64(out[1][i/64])) / keys
			}
			e = out[1]
		}
		for i, v := range x {
			unit := math.Exp2(float64(e[i/64]))
			near(t, "quantize_rows_random, mean", i, mean[i], float64(v), unit*0.5/math.Sqrt(keys)*5)
		}
	}
}

func TestMeaningOfFold(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 2))
	const m, n = 8, 16
	x, e := normal(r, 1e6, m*n), []int64{0, 3, 9, 1, 0, 5, 2, 7}
	types := []ops.Type{ops.Int32(-sat, sat, m, n), ops.Int32(0, 23, m)}
	bits := calc(t, ops.RowBitsOp, types, nil, x, e)[0]
	top := calc(t, ops.RowMaxOp, []ops.Type{ops.Int32(-54, 54, m)}, []int32{m}, bits)[0]
	q := calc(t, ops.QuantizeFoldOp, append(types, ops.Int32(-54, 54, 1), ops.Int32(0, 9, 1)), []int32{1}, x, e, top, []int64{3})[0]
	unit := math.Exp2(float64(top[0] - 7))
	for i, v := range x {
		near(t, "quantize_fold", i, float64(q[i])*unit, float64(v)*math.Exp2(float64(e[i/n])), unit)
	}
	ec := make([]int64, n)
	for i := range ec {
		ec[i] = r.Int64N(12)
	}
	out := calc(t, ops.QuantizeFoldColsOp, []ops.Type{types[0], ops.Int32(0, 23, n), ops.Int32(0, 9, 1)}, []int32{1}, x, ec, []int64{3})
	for i, v := range x {
		unit := math.Exp2(float64(out[1][i/n]))
		near(t, "quantize_fold_cols", i, float64(out[0][i])*unit, float64(v)*math.Exp2(float64(ec[i%n])), unit*1.5)
	}
}

func TestMeaningOfRMSNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(42, 1))
	for _, d := range []int{1, 3, 96, 128, 200} {
		for _, sd := range []float64{40, 1e4, 1e6, 5e7} {
			const n = 4
			typ := ops.Int32(-sat, sat, n, d)
			x, dy := normal(r, sd, n*d), normal(r, 1e5, n*d)
			for i := range n {
				x[i*d] += int64(sd) // no row of zeros
			}
			out := calc(t, ops.RMSNormOp, []ops.Type{typ}, nil, x)
			y16 := ops.Type{DType: i16(1).DType, Shape: []int{n, d}, Range: i16(1).Range}
			dx := calc(t, ops.RMSNormGradOp, []ops.Type{typ, y16, ops.Int32(0, 32767, n), ops.Int32(-30, 30, n)}, nil, dy, out[0], out[1], out[2])[0]
			for i := range n {
				row, ss, dot := x[i*d:(i+1)*d], 0.0, 0.0
				for _, v := range row {
					ss += float64(v) * float64(v) / float64(d)
				}
				rms := math.Sqrt(ss) / 65536
				near(t, "rmsnorm: rcp", i, float64(out[1][i])*math.Exp2(float64(out[2][i]-13))*rms, 1, 0x1p-10)
				want := make([]float64, d)
				for c, v := range row {
					y := float64(v) / 65536 / rms
					near(t, "rmsnorm", i*d+c, float64(out[0][i*d+c])/2048, y, 0x1p-10+math.Abs(y)*0x1p-10)
					dot += float64(dy[i*d+c]) * y / float64(d)
				}
				for c, v := range row {
					want[c] = (float64(dy[i*d+c]) - float64(v)/65536/rms*dot) / rms
				}
				scale := 0.0
				for c := range d {
					scale = max(scale, math.Abs(float64(dy[i*d+c]))/rms)
				}
				for c := range want {
					if math.Abs(want[c]) < 1<<29 {
						near(t, "rmsnorm_grad", i*d+c, float64(dx[i*d+c]), want[c], scale*0.005+2)
					}
				}
			}
		}
	}
}

func TestMeaningOfActivations(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 1))
	const n = 512
	typ := ops.Int32(-sat, sat, 1, n)
	g, u, d := normal(r, 2*65536, n), normal(r, 1.5*65536, n), normal(r, 0x1p20, n)
	fwd := calc(t, ops.SwiGLUOp, []ops.Type{typ, typ}, nil, g, u)
	bwd := calc(t, ops.SwiGLUGradOp, []ops.Type{typ, i16(1, n), i16(1, n)}, nil, d, fwd[1], fwd[2])
	sq := calc(t, ops.ReLU2Op, []ops.Type{typ}, nil, g)
	dsq := calc(t, ops.ReLU2GradOp, []ops.Type{typ, i16(1, n)}, nil, d, sq[1])[0]
	top := 0.0
	for _, v := range d {
		top = max(top, math.Abs(float64(v)))
	}
	for i := range n {
		x, y, dd := float64(fwd[1][i])/1024, float64(fwd[2][i])/1024, float64(d[i])
		near(t, "gate", i, x, float64(g[i])/65536, 0x1p-11)
		sig := 1 / (1 + math.Exp(-x))
		near(t, "swiglu", i, float64(fwd[0][i])/65536, x*sig*y, 0.002*(1+math.Abs(y)))
		near(t, "swiglu_grad of g", i, float64(bwd[0][i]), dd*y*sig*(1+x*(1-sig)), top*0.006)
		near(t, "swiglu_grad of u", i, float64(bwd[1][i]), dd*x*sig, top*0.006)
		h := max(x, 0)
		near(t, "relu2", i, float64(sq[0][i])/65536, h*h, 0x1p-15)
		near(t, "relu2_grad", i, float64(dsq[i]), dd*2*h, top*0.002*(1+h))
	}
}

func TestMeaningOfAttention(t *testing.T) {
	r := rand.New(rand.NewPCG(44, 1))
	const n, hd = 16, 32
	// One unit. Exponents stand for q, k in Q16: logits acc * 2^(eq+ek-32) / sqrt(hd).
	acc := normal(r, 60*60*6, n*n)
	eq, ek, ev := make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range n {
		eq[i], ek[i], ev[i] = 9+r.Int64N(3), 9+r.Int64N(3), 8+r.Int64N(4)
	}
	exps := ops.Int32(0, 23, 1, n)
	scores := ops.Int32(-127*127*hd, 127*127*hd, n, n)
	scale := int32(math.Round(8192 * math.Log2E / math.Sqrt(hd)))
	s := calc(t, ops.SoftmaxCausalOp, []ops.Type{scores, exps, exps, exps}, []int32{scale, 35}, acc, eq, ek, ev)
	p, pf, z, vm := s[0], s[1], s[2], s[3]
	for i := range n {
		want, sum := make([]float64, n), 0.0
		for j := 0; j <= i; j++ {
			want[j] = math.Exp(float64(acc[i*n+j]) * math.Exp2(float64(eq[i]+ek[j]-32)) / math.Sqrt(hd))
			sum += want[j]
		}
		for j := range n {
			w := want[j] / sum // p has 7 bits, so n of them may lack n/2/127 of the sum
			near(t, "softmax_causal: p", i*n+j, float64(p[i*n+j])/float64(z[i]), w, 0.03)
			near(t, "softmax_causal: pf", i*n+j, float64(pf[i*n+j])/float64(z[i])*math.Exp2(float64(vm[i]-ev[j])), w, 0.03)
			if j > i && (p[i*n+j] != 0 || pf[i*n+j] != 0) {
				t.Errorf("position %d attends to %d, which comes later", i, j)
			}
		}
	}

	// Normalising after the matmul, and its gradients.
	av := normal(r, 127*40, n*hd)
	out := calc(t, ops.AttentionOutOp, []ops.Type{ops.Int32(-127*127*n, 127*127*n, n, hd), ops.Int32(0, 127*n, n), ops.Int32(0, 23, n)}, []int32{n, 1}, av, z, vm)[0]
	d := normal(r, 1e6, n*hd)
	dv := calc(t, ops.AttentionValueGradOp, []ops.Type{ops.Int32(-sat, sat, n, hd), ops.Int32(0, 127*n, n)}, []int32{n, 1}, d, z)[0]
	for i := range av {
		want := float64(av[i]) / float64(z[i/hd]) * math.Exp2(float64(vm[i/hd]))
		near(t, "attention_out", i, float64(out[i]), want, math.Abs(want)*0x1p-12+math.Exp2(float64(vm[i/hd]))*0x1p-6+1)
		near(t, "attention_value_grad", i, float64(dv[i]), float64(d[i])/float64(z[i/hd])*64, 5e6/float64(z[i/hd])*64*0x1p-11+1)
	}
	dp := normal(r, 1e4, n*n)
	ds := calc(t, ops.SoftmaxGradOp, []ops.Type{ops.Int8(0, 127, n, n), scores, ops.Int32(0, 127*n, n), exps, ops.Int32(0, 23, n)}, []int32{2}, p, dp, z, ev, vm)[0]
	for i := range n {
		g, mean := make([]float64, n), 0.0
		for j := range n {
			g[j] = float64(dp[i*n+j]) * math.Exp2(float64(min(ev[j]-vm[i], 0)))
			mean += float64(p[i*n+j]) * g[j] / float64(z[i])
		}
		for j := range n {
			want := float64(p[i*n+j]) / float64(z[i]) * (g[j] - mean) * 256
			near(t, "softmax_grad", i*n+j, float64(ds[i*n+j]), want, 256+math.Abs(want)*0x1p-10)
		}
	}
}

func TestMeaningOfLoss(t *testing.T) {
	r := rand.New(rand.NewPCG(45, 1))
	for _, v := range []int{2, 10, 128, 5000, 32768} {
		const n = 6
		z, y := normal(r, 3*65536, n*v), make([]int64, n)
		for i := range y {
			y[i] = r.Int64N(int64(v))
		}
		in := []ops.Type{ops.Int32(-sat, sat, n, v), ops.Int32(0, int64(v)-1, n)}
		loss := calc(t, ops.CrossEntropyOp, in, nil, z, y)
		dz := calc(t, ops.CrossEntropyGradOp, in, nil, z, y)[0]
		for i := range n {
			sum, top := 0.0, -1
			for c := range v {
				sum += math.Exp(float64(z[i*v+c]) / 65536)
				if top < 0 || z[i*v+c] > z[i*v+top] {
					top = c
				}
			}
			want := math.Log(sum) - float64(z[i*v+int(y[i])])/65536
			near(t, "cross_entropy", i, float64(loss[0][i])/65536, want, 0.003)
			if hit := top == int(y[i]); hit != (loss[1][i] == 1) {
				t.Errorf("hit of row %d is %d", i, loss[1][i])
			}
			total := 0.0
			for c := range v {
				p := math.Exp(float64(z[i*v+c])/65536) / sum
				onehot := 0.0
				if c == int(y[i]) {
					onehot = 1
				}
				near(t, "cross_entropy_grad", i*v+c, float64(dz[i*v+c])/(1<<24), p-onehot, p*0.003+0x1p-22)
				total += float64(dz[i*v+c]) / (1 << 24)
			}
			near(t, "sum of cross_entropy_grad", i, total, 0, 0.003)
		}
	}
}

// TestMeaningOfAdam follows many weights over many steps beside real Adam.
func TestMeaningOfAdam(t *testing.T) {
	r := rand.New(rand.NewPCG(46, 1))
	const n = 60
	types := []ops.Type{
		ops.Int32(-ops.WeightLimit, ops.WeightLimit, n), ops.Int32(-ops.MomentumLimit, ops.MomentumLimit, n),
		ops.Int32(0, ops.SquareLimit, n), ops.Int32(-sat, sat, n), ops.Int32(0, 1<<17, 1),
	}
	state := [][]int64{make([]int64, n), make([]int64, n), make([]int64, n)}
	w, m, v := make([]float64, n), make([]float64, n), make([]float64, n)
	const lr = 3e-4
	for step := range 300 {
		g := make([]int64, n)
		for i := range g { // magnitudes from 4 to 2^20, with a drift
			sd := math.Exp2(2 + 18*float64(i)/n)
			g[i] = int64(math.Round((r.NormFloat64() + 0.3) * sd))
		}
		state = calc(t, ops.AdamOp, types, []int32{12}, append(state, g, []int64{int64(math.Round(lr * (1 << 26)))})...)
		for i := range g {
			x := float64(max(-1<<21, min(g[i], 1<<21))) * 16
			m[i] += (x - m[i]) * 13 / 128
			v[i] += (x*x - v[i]) / 64
			w[i] -= lr * min(max(m[i]/math.Sqrt(v[i]), -2), 2)
			if v[i] == 0 {
				w[i] = 0
			}
		}
		if step < 20 {
			continue
		}
		for i := range g {
			packed := state[2][i]
			second := float64(packed&(1<<24-1)) * math.Exp2(float64(packed>>24-32))
			near(t, "adam: v / expected v", i, second/v[i], 1, 0.03)
			near(t, "adam: m", i, float64(state[1][i]), m[i], math.Sqrt(v[i])*0.02+80)
		}
	}
	for i := range w {
		near(t, "adam: w", i, float64(state[0][i])/(1<<26), w[i], lr*300*0.03+math.Abs(w[i])*0.05)
	}
	// A weight without gradients comes to rest.
	for step := range 1200 {
		before := append([]int64(nil), state[0]...)
		state = calc(t, ops.AdamOp, types, []int32{12}, append(state, make([]int64, n), []int64{int64(math.Round(lr * (1 << 26)))})...)
		for i := range before {
			if step > 200 && state[0][i] != before[i] {
				t.Fatalf("adam: weight %d moves from %d to %d after %d steps without gradient", i, before[i], state[0][i], step)
			}
		}
	}
}
