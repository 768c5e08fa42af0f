package nn

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Optimizer is the rule of an update program. Programs that make gradients
// depend on it through their fixed point.
type Optimizer string

// The optimisers.
const (
	Adam Optimizer = "adam" // b1 = 115/128, b2 = 63/64; the rate includes bias correction
	Lion Optimizer = "lion" // b1 = 57/64, b2 = 127/128
	SGD  Optimizer = "sgd"  // momentum 230/256; the rate is per summed gradient
)

// optimizers holds what is known of each.
var optimizers = map[Optimizer]struct {
	op             *ops.Def
	state          []string   // suffixes of the state's names
	ranges         []ops.Type // of the state, without a shape
	fraction       int        // of gradients
	limit          int64      // of gradients
	rateLo, rateHi int        // fraction bits a rate may have
	attrs          func(bits int) []int32
	rateLimit      func(bits int) int64
}{
	// w -= rne(lr*r, s) with r in Q12 within ±8191, w in Q26: lr has 14+s
	// fraction bits, and lr*8191 + 2^(s-1) must fit 32 bits.
	Adam: {
		op: ops.AdamOp, state: []string{"m", "v"},
		ranges:   []ops.Type{ops.Int32(-ops.MomentumLimit, ops.MomentumLimit), ops.Int32(0, ops.SquareLimit)},
		fraction: 12, limit: ops.GradLimit, rateLo: 20, rateHi: 32,
		attrs:     func(bits int) []int32 { return []int32{int32(bits - 14)} },
		rateLimit: func(bits int) int64 { return (1<<31 - 1 - 1<<(bits-15)) / 8191 },
	},
	Lion: {
		op: ops.LionOp, state: []string{"m"},
		ranges:   []ops.Type{ops.Int32(-ops.MomentumLimit, ops.MomentumLimit)},
		fraction: 12, limit: ops.GradLimit, rateLo: ops.FW, rateHi: ops.FW,
		attrs:     func(int) []int32 { return nil },
		rateLimit: func(int) int64 { return ops.WeightLimit },
	},
	// w -= m*lr/256 with m in Q16, w in Q26: lr has 18 fraction bits.
	SGD: {
		op: ops.SGDOp, state: []string{"m"},
		ranges:   []ops.Type{ops.Int32(-ops.SGDMomentum, ops.SGDMomentum)},
		fraction: 16, limit: ops.SGDGradLimit, rateLo: 18, rateHi: 18,
		attrs:     func(int) []int32 { return []int32{230} },
		rateLimit: func(int) int64 { return 1023 },
	},
}

func (o Optimizer) check() error {
	if _, ok := optimizers[o]; !ok {
		return fieldf("train.optimizer", "want %s, %s or %s, got %q", Adam, Lion, SGD, string(o))
	}
	return nil
}

// State names the tensors the optimiser keeps per parameter. All start as
// zeros.
func (o Optimizer) State() []string { return slices.Clone(optimizers[o].state) }

// GradientFraction is the number of fraction bits of gradients.
func (o Optimizer) GradientFraction() int { return optimizers[o].fraction }

// RateBits is the range of fraction bits a learning rate may have in an
// update program. More bits are finer; what the rate itself may be is the
// range of the program's input.
func (o Optimizer) RateBits() (lo, hi int) { return optimizers[o].rateLo, optimizers[o].rateHi }

// gradientLimit bounds a gradient's elements so that the sum of parts of them
// fits 32 bits.
func (o Optimizer) gradientLimit(parts int) int64 {
	return min(optimizers[o].limit, (1<<31-1)/int64(parts))
}

// Update is the program of one optimiser step. Its inputs are, for every
// parameter NAME: NAME, its state NAME.m (and NAME.v), and NAME.grad, the sum
// of the gradients of all parts; then "lr", the learning rate with rateBits
// fraction bits. Its outputs are every parameter and its state, by the names
// of the inputs.
//
// Adam's rate is lr*sqrt(1-b2^t)/(1-b1^t) at step t from 1; SGD's is lr
// divided by the number of rows that gradients were summed over.
func (m *Model) Update(o Optimizer, rateBits int) (*program.Program, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rule := optimizers[o]
	if rateBits < rule.rateLo || rateBits > rule.rateHi {
		return nil, fmt.Errorf("nn: %s takes a rate of %d to %d fraction bits, got %d", o, rule.rateLo, rule.rateHi, rateBits)
	}
	var b program.Builder
	in := make([][]program.Value, len(m.params))
	for i, p := range m.params {
		in[i] = append(in[i], b.Input(p.Name, ops.Int32(-ops.WeightLimit, ops.WeightLimit, p.Shape...)))
		for j, suffix := range rule.state {
			t := rule.ranges[j]
			t.Shape = p.Shape
			in[i] = append(in[i], b.Input(p.Name+"."+suffix, t))
		}
		in[i] = append(in[i], b.Input(p.Name+".grad", ops.Int32(-1<<31, 1<<31-1, p.Shape...)))
	}
	rate := b.Input("lr", ops.Int32(0, rule.rateLimit(rateBits), 1))
	for i, p := range m.params {
		out := b.Apply(rule.op, append(in[i], rate), rule.attrs(rateBits)...)
		b.Output(p.Name, out[0])
		for j, suffix := range rule.state {
			b.Output(p.Name+"."+suffix, out[1+j])
		}
	}
	return b.Build()
}
