package train

import (
	"math"
	"math/big"
	"testing"
)

var q26 = unit{bits: 26, divisor: 1}

// Golden values: a change in one changes the weights of every job.
func TestRatesGolden(t *testing.T) {
	kjv := schedule{lr: "0.003", shape: "cosine", steps: 600, warmup: 50, adam: true}
	mlp := schedule{lr: "0.05", shape: "cosine0", steps: 2808}
	tests := []struct {
		name string
		s    schedule
		unit unit
		step int
		want int64
	}{
		{"adam, first step", kjv, q26, 1, 4955},
		{"adam, warm-up", kjv, q26, 25, 61665},
		{"adam, full rate", kjv, q26, 50, 149330},
		{"adam, half way", kjv, q26, 325, 110397},
		{"adam, last step", kjv, q26, 600, 20131},
		{"cosine0, first step", mlp, q26, 1, 3355442},
		{"cosine0, half way", mlp, q26, 1404, 1678659},
		{"cosine0, last step", mlp, q26, 2808, 1},
		{"sgd, first step", mlp, unit{18, 128, true}, 1, 102},
		{"sgd, half way", mlp, unit{18, 128, true}, 1404, 51},
		{"sgd, last step", mlp, unit{18, 128, true}, 2808, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.rates(tt.unit)[tt.step-1]; got.Int64() != tt.want {
				t.Errorf("got %v, want %d", got, tt.want)
			}
		})
	}
}

// The integers follow the real-valued formulas, here in floating point, to
// within one unit.
func TestRatesFollowFormulas(t *testing.T) {
	for _, s := range []schedule{
		{lr: "0.003", shape: "cosine", steps: 600, warmup: 50, adam: true},
		{lr: "0.003", shape: "cosine", steps: 7, warmup: 7, adam: true},
		{lr: "0.003", shape: "cosine", steps: 7, warmup: 9, adam: true},
		{lr: "0.001", shape: "constant", steps: 300, warmup: 0},
		{lr: "0.05", shape: "cosine0", steps: 2808, warmup: 0},
		{lr: "0.05", shape: "cosine0", steps: 100, warmup: 10},
		{lr: "1", shape: "cosine", steps: 1, warmup: 0},
		{lr: "0.1234567", shape: "cosine", steps: 1001, warmup: 1},
	} {
		for i, got := range s.rates(q26) {
			step := float64(i + 1)
			steps, warmup := float64(s.steps), float64(s.warmup)
			shape := 1.0
			switch {
			case step < warmup:
				shape = step / warmup
			case s.shape == "cosine" && steps > warmup:
				shape = 0.1 + 0.45*(1+math.Cos(math.Pi*(step-warmup)/(steps-warmup)))
			case s.shape == "cosine0":
				shape = 0.5 * (1 + math.Cos(math.Pi*(step-warmup)/(steps-warmup+1)))
			}
			bias := 1.0
			if s.adam {
				bias = math.Sqrt(1-math.Pow(63./64, step)) / (1 - math.Pow(115./128, step))
			}
			lr, _ := new(big.Rat).SetString(string(s.lr))
			f, _ := lr.Float64()
			want := math.Floor(f * shape * bias * (1 << 26))
			if diff := math.Abs(float64(got.Int64()) - want); diff > 1 {
				t.Fatalf("%+v: step %d: got %v, want about %v", s, i+1, got, want)
			}
		}
	}
}

func TestCosine(t *testing.T) {
	const q = 360
	for p := 0; p <= q; p++ {
		got, _ := new(big.Float).Quo(new(big.Float).SetInt(cosine(p, q)), new(big.Float).SetInt(one)).Float64()
		if want := math.Cos(math.Pi * float64(p) / q); math.Abs(got-want) > 1e-15 {
			t.Errorf("cos(pi %d/%d) = %v, want %v", p, q, got, want)
		}
	}
	if c := cosine(0, 5); c.Cmp(one) != 0 {
		t.Errorf("cos 0 = %v", c)
	}
	if c := cosine(5, 5); c.Cmp(new(big.Int).Neg(one)) != 0 {
		t.Errorf("cos pi = %v", c)
	}
}

func BenchmarkRates(b *testing.B) {
	for b.Loop() {
		schedule{lr: "0.003", shape: "cosine", steps: 1000, warmup: 50, adam: true}.rates(q26)
	}
}
