package freivalds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/ops"
)

// multiply fills in C by the definition of the contraction.
func multiply(p *Product) {
	p.C = make([]byte, 4*p.B0*p.B1*p.M*p.N)
	at := 0
	for b := range p.B0 * p.B1 {
		b0, b1 := b/p.B1, b%p.B1
		for m := range p.M {
			for n := range p.N {
				var sum int32
				ai, bi := p.AOff+b0*p.AB0+b1*p.AB1+m*p.AM, p.BOff+b0*p.BB0+b1*p.BB1+n*p.BN
				for k := range p.K {
					sum += int32(int8(p.A[ai+k*p.AK])) * int32(int8(p.B[bi+k*p.BK]))
				}
				binary.LittleEndian.PutUint32(p.C[at:], uint32(sum))
				at += 4
			}
		}
	}
}

// random makes operands for a layout: anything, or only the ends of int8.
func random(rng *rand.Rand, l ops.Layout, ends bool) Product {
	fill := func(n int) []byte {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rng.Uint32())
			if ends {
				data[i] = []byte{0x80, 0x80, 0x80, 0x7f}[data[i]&3]
			}
		}
		return data
	}
	p := Product{Layout: l}
	p.A = fill(l.AOff + (l.B0-1)*l.AB0 + (l.B1-1)*l.AB1 + (l.M-1)*l.AM + (l.K-1)*l.AK + 1)
	p.B = fill(l.BOff + (l.B0-1)*l.BB0 + (l.B1-1)*l.BB1 + (l.N-1)*l.BN + (l.K-1)*l.BK + 1)
	multiply(&p)
	return p
}

// layouts are small ones of every kind, with what is left over of every block.
func layouts() map[string]ops.Layout {
	all := map[string]ops.Layout{
		"scores":  {B0: 2, B1: 3, M: 19, N: 17, K: 16, AB0: 19 * 96, AB1: 16, AM: 96, AK: 1, BOff: 48, BB0: 19 * 96, BB1: 16, BN: 96, BK: 1},
		"values":  {B0: 2, B1: 2, M: 18, N: 16, K: 33, AOff: 3, AB0: 2000, AB1: 700, AM: 33, AK: 1, BOff: 5, BB0: 1700, BB1: 16, BN: 1, BK: 50},
		"shared":  {B0: 3, B1: 1, M: 5, N: 40, K: 20, AB0: 100, AM: 20, AK: 1, BN: 20, BK: 1},
		"strided": {B0: 1, B1: 2, M: 6, N: 7, K: 9, AB1: 1, AM: 40, AK: 3, BB1: 2, BN: 5, BK: 41},
		"still":   {B0: 1, B1: 1, M: 3, N: 3, K: 5, AM: 0, AK: 0, BN: 0, BK: 2},
	}
	for i, s := range [][3]int{{1, 1, 1}, {16, 16, 16}, {33, 47, 65}, {3, 1100, 21}, {21, 40, 2100}, {40, 2, 530}} {
		all[fmt.Sprint("nt", i)] = ops.NT(s[0], s[1], s[2])
		all[fmt.Sprint("nn", i)] = ops.NN(s[0], s[1], s[2])
		all[fmt.Sprint("tn", i)] = ops.TN(s[0], s[1], s[2])
	}
	return all
}

// lanes runs f with the assembly and without it.
func lanes(t *testing.T, f func(t *testing.T)) {
	t.Run("assembly", func(t *testing.T) {
		if !vectorised {
			t.Skip("this processor has no AVX2")
		}
		f(t)
	})
	t.Run("plain", func(t *testing.T) {
		was := vectorised
		vectorised = false
		defer func() { vectorised = was }()
		f(t)
	})
}

func checker(t testing.TB, key byte, trials int) *Checker {
	t.Helper()
	c, err := New(Key{key}, trials)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExactProductsPass(t *testing.T) {
	lanes(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		c := checker(t, 1, 2)
		for name, l := range layouts() {
			for _, ends := range []bool{false, true} {
				if err := c.Check(random(rng, l, ends)); err != nil {
					t.Errorf("%s (ends %t): %v", name, ends, err)
				}
			}
		}
	})
}

// One wrong entry, anywhere and by any amount, is found in its row.
func TestOneWrongEntryIsCaught(t *testing.T) {
	lanes(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		c := checker(t, 2, 1)
		for name, l := range layouts() {
			p := random(rng, l, false)
			entries := len(p.C) / 4
			for range 40 {
				i, bit := rng.IntN(entries), rng.IntN(32)
				p.C[4*i+bit/8] ^= 1 << (bit % 8)
				var wrong *WrongError
				if err := c.Check(p); !errors.As(err, &wrong) {
					t.Fatalf("%s: entry %d of %d with bit %d flipped: %v", name, i, entries, bit, err)
				}
				if got, want := wrong.Batch*l.M+wrong.Row, i/l.N; got != want {
					t.Errorf("%s: row %d is blamed, want %d", name, got, want)
				}
				p.C[4*i+bit/8] ^= 1 << (bit % 8)
			}
			if err := c.Check(p); err != nil {
				t.Errorf("%s: put right again: %v", name, err)
			}
		}
	})
}

// Entries that cancel in the sum of their row, and a wrong operand, are caught
// as well: the vector's entries differ.
func TestCancellingErrorsAreCaught(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	p := random(rng, ops.NT(20, 20, 20), false)
	add := func(i int, v int32) {
		b := p.C[4*i:]
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+uint32(v))
	}
	add(3, 1)
	add(4, -1)
	if err := checker(t, 3, 1).Check(p); err == nil {
		t.Error("two errors that cancel passed")
	}
	add(3, -1)
	add(4, 1)
	p.A[7]++
	if err := checker(t, 3, 1).Check(p); err == nil {
		t.Error("the product of another matrix passed")
	}
}

// The bound is about the largest magnitudes: digits and entries at their ends,
// over more than a block, must not overflow in any lane.
func TestDigitsAtTheirEnds(t *testing.T) {
	const n = 3*narrowBlock + 31
	worst := []uint64{Prime / 2, Prime/2 + 1, Prime - 1, 0x3fff_7fff_7fff, Prime - 0x8000_8000 - 0x3fff_0000_0000, Prime - 0x8000_8000_8000%Prime}
	for _, x := range worst {
		var v vector
		v.resize(n, true)
		data, wide := make([]byte, 16*n), make([]byte, 4*n)
		for i := range n {
			v.setWide(i, x)
			binary.LittleEndian.PutUint32(wide[4*i:], 1<<31)
		}
		for i := range data {
			data[i] = 0x80
		}
		modulus := big.NewInt(Prime)
		want := func(entry int64) uint64 {
			w := new(big.Int).Mul(new(big.Int).SetUint64(x), big.NewInt(entry*n))
			return w.Mod(w, modulus).Uint64()
		}
		lanes(t, func(t *testing.T) {
			var scratch []sums
			out := make([]uint64, 16)
			for _, m := range []view{
				{data: data, rows: 16, cols: n, down: n, across: 1},
				{data: data, rows: 16, cols: n, down: 1, across: 16},
			} {
				m.times(&v, out, &scratch)
				for i, got := range out {
					if got != want(-128) {
						t.Fatalf("residue %#x: row %d of int8 gives %d, want %d", x, i, got, want(-128))
					}
				}
			}
			if got := wideRow(wide, &v); got != want(-1<<31) {
				t.Fatalf("residue %#x: a row of int32 gives %d, want %d", x, got, want(-1<<31))
			}
		})
	}
}

func TestField(t *testing.T) {
	if !big.NewInt(Prime).ProbablyPrime(32) {
		t.Fatal("the modulus is no prime")
	}
	modulus := big.NewInt(Prime)
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 2000 {
		x := rng.Int64() - rng.Int64()
		if i < 4 {
			x = []int64{-1 << 63, 1<<63 - 1, -Prime, Prime}[i]
		}
		r := reduce(x)
		if want := new(big.Int).Mod(big.NewInt(x), modulus); want.Uint64() != r {
			t.Fatalf("%d reduces to %d, want %d", x, r, want)
		}
		s := uint(rng.IntN(49))
		want := new(big.Int).Lsh(new(big.Int).SetUint64(r), s)
		if got := shifted(r, s); got != want.Mod(want, modulus).Uint64() {
			t.Fatalf("%d << %d is %d, want %d", r, s, got, want)
		}
		var v vector
		v.resize(1, true)
		v.setWide(0, r)
		if got := int64(v.d[0][0]) + int64(v.d[1][0])<<16 + int64(v.d[2][0])<<32; reduce(got) != r {
			t.Fatalf("the digits of %d are worth %d", r, got)
		}
		if lo := v.w[0][0]; lo < -1<<23 || lo >= 1<<23 {
			t.Fatalf("wide digit %d of %d", lo, r)
		}
		if got := int64(v.w[0][0]) + int64(v.w[1][0])<<24; reduce(got) != r {
			t.Fatalf("the wide digits of %d are worth %d", r, got)
		}
	}
}

func TestSizesAreChecked(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	good := random(rng, ops.NN(4, 5, 6), false)
	for name, spoil := range map[string]func(p *Product){
		"short a":      func(p *Product) { p.A = p.A[1:] },
		"short b":      func(p *Product) { p.B = p.B[1:] },
		"short c":      func(p *Product) { p.C = p.C[4:] },
		"no rows":      func(p *Product) { p.M = 0 },
		"backwards":    func(p *Product) { p.AK = -1 },
		"far too many": func(p *Product) { p.B0, p.B1 = ops.MaxElements, ops.MaxElements },
		"far away":     func(p *Product) { p.BOff = ops.MaxElements },
	} {
		p := good
		spoil(&p)
		var wrong *WrongError
		if err := checker(t, 1, 1).Check(p); err == nil || errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Key{}, 0); err == nil {
		t.Error("no trials are accepted")
	}
	if one, two := NewKey(), NewKey(); one == two {
		t.Error("two keys are the same")
	}
}

func TestLayoutOfAnOp(t *testing.T) {
	for name, l := range layouts() {
		p := random(rand.New(rand.NewPCG(1, 1)), l, false)
		a, err := ops.MatmulOp.Apply([]ops.Type{ops.Int8(-127, 127, len(p.A)), ops.Int8(-127, 127, len(p.B))}, l.Attrs())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := LayoutOf(&a.Instance); err != nil || got != l {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, l)
		}
	}
	a, err := ops.ByName("add").Apply([]ops.Type{ops.Int32(0, 1, 4), ops.Int32(0, 1, 4)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LayoutOf(&a.Instance); err == nil {
		t.Error("an addition has a layout")
	}
}

// A 1024^3 product costs at most 1 % of its integer operations.
func TestCost(t *testing.T) {
	l := ops.NT(1024, 1024, 1024)
	share := float64(Cost(l)) / (2 * 1024 * 1024 * 1024)
	t.Logf("%d operations, %.3f %% of the product's", Cost(l), 100*share)
	if share > 0.01 {
		t.Errorf("a check costs %.2f %% of the product", 100*share)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(4), uint8(5), uint8(0), uint8(0), uint32(7))
	f.Add(uint64(2), uint8(33), uint8(17), uint8(40), uint8(2), uint8(1), uint32(0))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k, kind, batches uint8, flip uint32) {
		M, N, K := int(m%48)+1, int(n%48)+1, int(k%72)+1
		l := []ops.Layout{ops.NT(M, N, K), ops.NN(M, N, K), ops.TN(M, N, K),
			{B0: 1, B1: 1, M: M, N: N, K: K, AOff: 2, AM: 2, AK: 3, BOff: 1, BN: 3, BK: 2}}[kind%4]
		l.B0, l.B1 = int(batches%3)+1, int(batches/3%2)+1
		l.AB0, l.AB1, l.BB1 = M, K, 7
		p := random(rand.New(rand.NewPCG(seed, 1)), l, seed%3 == 0)
		c := checker(t, byte(seed), 1)
		if err := c.Check(p); err != nil {
			t.Fatalf("exact product: %v", err)
		}
		i := int(flip/32) % (len(p.C) / 4)
		p.C[4*i+int(flip%32)/8] ^= 1 << (flip % 8)
		if c.Check(p) == nil {
			t.Fatalf("entry %d is wrong and passed", i)
		}
	})
}

// BenchmarkCheck measures one trial of the products of the cpu lane's
// benchmark.
func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct {
		name string
		ops.Layout
	}{{"nt1024", ops.NT(1024, 1024, 1024)}, {"nn1024", ops.NN(1024, 1024, 1024)}, {"tn1024", ops.TN(1024, 1024, 1024)}, {"nt128", ops.NT(1024, 384, 128)}} {
		b.Run(c.name, func(b *testing.B) {
			p := Product{Layout: c.Layout}
			p.A, p.B, p.C = make([]byte, c.M*c.K), make([]byte, c.N*c.K), make([]byte, 4*c.M*c.N)
			check := checker(b, 1, 1)
			for b.Loop() {
				if err := check.Check(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
