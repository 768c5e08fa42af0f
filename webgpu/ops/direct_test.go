package ops_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/ops"
)

// This file reads SPEC.md a second time: plain Go on 64-bit integers, written
// from its formulas and sharing nothing with the kernels. Where the
// specification splits a product to stay within 32 bits, this does not.

func fdiv(x, y int64) int64 { // floor(x / y), y > 0
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

func pow2(n int64) int64 { return 1 << n }

func rne(x, s int64) int64 {
	q := fdiv(x, pow2(s))
	switch rest := 2 * (x - q*pow2(s)); {
	case rest > pow2(s), rest == pow2(s) && q%2 != 0:
		q++
	}
	return q
}

func shift(x, s int64) int64 {
	switch {
	case s > 30:
		return 0
	case s > 0:
		return rne(x, s)
	}
	n := min(-s, 30)
	return clamp(x, fdiv(pow2(30)-1, pow2(n))) * pow2(n)
}

func clamp(x, limit int64) int64 { return max(-limit, min(x, limit)) }

func bl(x int64) int64 { return int64(bits.Len64(uint64(x))) }

func abs(x int64) int64 { return max(x, -x) }

func isqrt(x int64) int64 {
	r := int64(math.Sqrt(float64(x)))
	for r*r > x {
		r--
	}
	for (r+1)*(r+1) <= x {
		r++
	}
	return r
}

// rowbits is the bit length of the largest magnitude: what the or is for.
func rowbits(row []int64) int64 {
	top := int64(0)
	for _, x := range row {
		top = max(top, bl(abs(x)))
	}
	return top
}

func fraction(f int64) int64 {
	p := int64(1792)
	for _, c := range []int64{-13949, 62765, -181679, 262143} {
		p = c + fdiv(p*f, 1024)
	}
	return fdiv(p+4, 8)
}

func exp2w(t, extra int64) int64 { return fdiv(fraction(t%1024)*pow2(extra), pow2(min(t/1024, 62))) }

func directLog2(x int64) int64 {
	n := bl(x)
	f := fdiv(x*pow2(30-n), pow2(17)) % 4096 // n <= 30
	p := int64(2818)
	for _, c := range []int64{-12287, 26835, -46300, 94470, 1} {
		p = c + fdiv(p*f, 4096)
	}
	return p + max(n-1, 0)*65536
}

func rows(v []int64, cols int) [][]int64 {
	var r [][]int64
	for len(v) > 0 {
		r, v = append(r, v[:cols]), v[cols:]
	}
	return r
}

func directQuantizeRows(x []int64, cols int) (q, e []int64) {
	for _, row := range rows(x, cols) {
		s := max(rowbits(row)-7, 0)
		e = append(e, s)
		for _, v := range row {
			q = append(q, clamp(shift(v, s), 127))
		}
	}
	return q, e
}

func directRMSNorm(x []int64, cols int) (y, rcp, re []int64) {
	d := int64(cols)
	lg := bl(d - 1)
	root := isqrt(d * pow2(30) / pow2(lg))
	for _, row := range rows(x, cols) {
		s := rowbits(row) - 15
		ss := int64(0)
		for _, v := range row {
			m := clamp(shift(v, s), 32767)
			ss += fdiv(m*m, pow2(lg))
		}
		ss = max(ss, 1)
		h := (30 - bl(ss)) / 2
		r := min(pow2(29)/isqrt(ss*pow2(2*h)), 32767) * root / 32768
		for _, v := range row {
			y = append(y, clamp(rne(clamp(shift(v, s), 32767)*r, 18-h), 32767))
		}
		rcp, re = append(rcp, r), append(re, h-s)
	}
	return y, rcp, re
}

func directSoftmax(acc, eq, ek, ev []int64, t int, scale, s0 int64) (p, pf, z, vm []int64) {
	for row := range len(acc) / t {
		unit, i := row/t, row%t
		logits, top, most := make([]int64, t), int64(-1<<40), int64(0)
		if i < t-1 { // the future counts as exponent 0
			most = 0
		} else {
			most = ev[unit*t]
		}
		for j := 0; j <= i; j++ {
			s := s0 - eq[row] - ek[unit*t+j]
			logits[j] = clamp(shift(acc[row*t+j]*scale, s), pow2(24))
			top, most = max(top, logits[j]), max(most, ev[unit*t+j])
		}
		sum := int64(0)
		for j := range t {
			if j > i {
				p, pf = append(p, 0), append(pf, 0)
				continue
			}
			e := exp2w(top-logits[j], 0)
			p = append(p, min(rne(e, 8), 127))
			pf = append(pf, min(shift(e, 8+most-ev[unit*t+j]), 127))
			sum += p[len(p)-1]
		}
		z, vm = append(z, sum), append(vm, most)
	}
	return p, pf, z, vm
}

func logit(z int64) int64 { return rne(clamp(rne(z, 4), pow2(18))*5909, 14) }

// softmaxTerms are the terms of the loss and their sum, which is in units of
// 2^k of theirs.
func softmaxTerms(row []int64) (e []int64, sum, top, k int64) {
	k = max(0, bl(int64(len(row)-1))-6)
	top = -1 << 40
	for _, v := range row {
		top = max(top, logit(v))
	}
	for _, v := range row {
		e = append(e, exp2w(top-logit(v), 8))
		sum += e[len(e)-1]
	}
	return e, sum / pow2(k), top, k
}

func directCrossEntropy(z, target []int64, cols int) (loss, hit, dz []int64) {
	for i, row := range rows(z, cols) {
		e, sum, top, k := softmaxTerms(row)
		y := target[i]
		l := directLog2(sum) - (23-k)*65536 + (top-logit(row[y]))*64
		l = max(0, min(l, pow2(21)))
		loss = append(loss, rne(rne(l, 6)*45426, 10))
		h := int64(0)
		if row[y] == slices.Max(row) {
			h = 1
		}
		hit = append(hit, h)
		n := bl(sum)
		r := pow2(29) / shift(sum, n-15)
		for c, v := range e {
			p := min(shift(fdiv(v*r, pow2(14)), n+k-24), pow2(24))
			if int64(c) == y {
				p -= pow2(24)
			}
			dz = append(dz, p)
		}
	}
	return loss, hit, dz
}

// directSecond is Adam's second moment, with the two addends aligned as exact
// multiples of 2^(top-6).
func directSecond(v, g int64) int64 {
	mant, ev := v%pow2(24), v/pow2(24)-32
	if mant == 0 {
		ev = -16
	}
	e := max(bl(g)-12, 0)
	a := min(shift(g, e), 4096)
	sq, es := a*a, 2*e
	top := ev
	if sq != 0 {
		top = max(ev, es)
	}
	down := func(q, n int64) int64 {
		if n > 30 {
			return 0
		}
		return fdiv(q*64, pow2(max(n, 0)))
	}
	x, y := down(mant, top-ev), down(sq, top-es)
	x = max(x+fdiv(y-x+32, 64), 0)
	if x == 0 {
		return 0
	}
	n := bl(x) - 24
	m := shift(x, n)
	biased := top - 6 + n + 32
	if m == pow2(24) {
		m, biased = pow2(23), biased+1
	}
	if biased < 2 {
		return 0
	}
	return min(biased, 63)*pow2(24) + m
}

func directOverRoot(m, v int64) int64 {
	mant, e := v%pow2(24), v/pow2(24)-38
	if mant == 0 || abs(m) < 5 {
		return 0
	}
	x := mant * 64
	if e%2 != 0 {
		x, e = x/2, e+1
	}
	lz := 30 - bl(abs(m))
	q := abs(m) * pow2(lz) / max(isqrt(x), 1)
	r := min(shift(q, lz+e/2-12), 8191)
	if m < 0 {
		return -r
	}
	return r
}

func directAdam(w, m, v, g []int64, lr, s int64) (wo, mo, vo []int64) {
	for i := range w {
		x := clamp(g[i], pow2(21)) * 16
		m1 := clamp(m[i]+rne((x-m[i])*13, 7), pow2(26))
		v1 := directSecond(v[i], abs(x))
		wo = append(wo, clamp(w[i]-rne(lr*directOverRoot(m1, v1), s), pow2(28)))
		mo, vo = append(mo, m1), append(vo, v1)
	}
	return wo, mo, vo
}

func directAttentionOut(acc, z, vm []int64, hd, t, heads int) []int64 {
	out := make([]int64, len(acc))
	for row := range len(acc) / hd {
		b, i, h := row/(t*heads), row/heads%t, row%heads
		src := (b*heads+h)*t + i
		zz := max(z[src], 1)
		n := bl(zz)
		r := pow2(29) / shift(zz, n-15)
		for c := range hd {
			out[row*hd+c] = shift(fdiv(acc[src*hd+c]*r, pow2(14)), n-vm[src])
		}
	}
	return out
}

// TestDirect compares the kernels with this file's reading of the
// specification, on typical types and random values of every kind.
func TestDirect(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	direct := map[*ops.Def]func(c typical, in [][]int64) [][]int64{
		ops.QuantizeRowsOp: func(c typical, in [][]int64) [][]int64 {
			q, e := directQuantizeRows(in[0], int(c.attrs[0]))
			return [][]int64{q, e}
		},
		ops.RMSNormOp: func(c typical, in [][]int64) [][]int64 {
			y, rcp, re := directRMSNorm(in[0], c.in[0].Shape[1])
			return [][]int64{y, rcp, re}
		},
		ops.SoftmaxCausalOp: func(c typical, in [][]int64) [][]int64 {
			p, pf, z, vm := directSoftmax(in[0], in[1], in[2], in[3], c.in[0].Shape[1], int64(c.attrs[0]), int64(c.attrs[1]))
			return [][]int64{p, pf, z, vm}
		},
		ops.CrossEntropyOp: func(c typical, in [][]int64) [][]int64 {
			loss, hit, _ := directCrossEntropy(in[0], in[1], c.in[0].Shape[1])
			return [][]int64{loss, hit}
		},
		ops.CrossEntropyGradOp: func(c typical, in [][]int64) [][]int64 {
			_, _, dz := directCrossEntropy(in[0], in[1], c.in[0].Shape[1])
			return [][]int64{dz}
		},
		ops.AdamOp: func(c typical, in [][]int64) [][]int64 {
			w, m, v := directAdam(in[0], in[1], in[2], in[3], in[4][0], int64(c.attrs[0]))
			return [][]int64{w, m, v}
		},
		ops.AttentionOutOp: func(c typical, in [][]int64) [][]int64 {
			return [][]int64{directAttentionOut(in[0], in[1], in[2], c.in[0].Shape[1], int(c.attrs[0]), int(c.attrs[1]))}
		},
	}
	wide := []typical{ // and at the sizes of models
		{ops.QuantizeRowsOp, []ops.Type{ops.Int32(-(1<<30 - 1), 1<<30-1, 5, 384)}, []int32{128}},
		{ops.RMSNormOp, []ops.Type{ops.Int32(-(1<<30 - 1), 1<<30-1, 5, 384)}, nil},
		{ops.RMSNormOp, []ops.Type{ops.Int32(-(1<<30 - 1), 1<<30-1, 9, 1)}, nil},
		{ops.CrossEntropyOp, []ops.Type{ops.Int32(-1<<24, 1<<24, 5, 300), ops.Int32(0, 299, 5)}, nil},
		{ops.CrossEntropyGradOp, []ops.Type{ops.Int32(-1<<24, 1<<24, 2, 20000), ops.Int32(0, 19999, 2)}, nil},
	}
	compared := map[*ops.Def]bool{}
	for _, c := range append(typicals(), wide...) {
		f := direct[c.def]
		if f == nil {
			continue
		}
		compared[c.def] = true
		a, err := c.def.Apply(c.in, c.attrs)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 400 {
			if c.in[0].Len() > 1000 && round > 8 {
				break
			}
			var in [][]int64
			for _, typ := range c.in {
				in = append(in, fill(r, fillKinds[r.IntN(len(fillKinds))], typ.Range, typ.Len()))
			}
			got, want := run(t, a, in), f(c, in)
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Fatalf("%v: output %s of %v is\n%v, want\n%v", c, c.def.Outputs[i], in, got[i], want[i])
				}
			}
		}
	}
	if len(compared) != len(direct) {
		t.Errorf("compared %d ops, want %d", len(compared), len(direct))
	}
}
