package ops_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// typical is an op applied as models apply it, only smaller.
type typical struct {
	def   *ops.Def
	in    []ops.Type
	attrs []int32
}

func i16(shape ...int) ops.Type {
	return ops.Type{DType: kernel.I16, Shape: shape, Range: kernel.Interval{Lo: -32767, Hi: 32767}}
}

// typicals covers every op (TestTypicals), most with two shapes.
func typicals() []typical {
	const sat, full = kernel.Sat, 1 << 31
	stream := func(shape ...int) ops.Type { return ops.Int32(-sat, sat, shape...) }
	exps := func(shape ...int) ops.Type { return ops.Int32(0, 23, shape...) }
	mant := func(shape ...int) ops.Type { return ops.Int8(-127, 127, shape...) }
	weight := func(shape ...int) ops.Type { return ops.Int32(-ops.WeightLimit, ops.WeightLimit, shape...) }
	key := ops.Int32(-full, full-1, 1)
	one := func(lo, hi int64) ops.Type { return ops.Int32(lo, hi, 1) }
	attention := ops.Layout{B0: 2, B1: 2, M: 3, N: 3, K: 4, AB0: 72, AB1: 4, AM: 24, AK: 1, BOff: 8, BB0: 72, BB1: 4, BN: 24, BK: 1}
	list := []typical{
		{ops.AddOp, []ops.Type{stream(3, 5), stream(3, 5)}, nil},
		{ops.ShiftOp, []ops.Type{stream(3, 5)}, []int32{4}},
		{ops.ShiftOp, []ops.Type{stream(15)}, []int32{-7}},
		{ops.ShiftOp, []ops.Type{stream(3, 5)}, []int32{0}},
		{ops.ShiftByOp, []ops.Type{stream(6, 5), exps(3)}, []int32{20}},
		{ops.ClampOp, []ops.Type{stream(3, 5)}, []int32{1000}},
		{ops.Concat3Op, []ops.Type{stream(2, 3), stream(2, 3), stream(2, 3)}, nil},
		{ops.EmbedOp, []ops.Type{weight(7, 4), weight(3, 4), ops.Int32(0, 6, 6)}, []int32{10}},
		{ops.ScatterRowsOp, []ops.Type{stream(6, 4), ops.Int32(0, 6, 6)}, []int32{7, 12}},
		{ops.SumRowsOp, []ops.Type{stream(7, 4)}, []int32{3, 12, 1 << 21}},
		{ops.SumRowsOp, []ops.Type{stream(7, 4)}, []int32{1, -3, 1 << 28}},
		{ops.AddBiasOp, []ops.Type{stream(3, 5), weight(5)}, []int32{10}},
		{ops.FillOp, nil, []int32{5, -7}},
		{ops.QuantizeRowsOp, []ops.Type{stream(3, 6)}, []int32{6}},
		{ops.QuantizeRowsOp, []ops.Type{stream(3, 6)}, []int32{2}},
		{ops.QuantizeRows16Op, []ops.Type{i16(3, 6)}, nil},
		{ops.QuantizeRowsRandomOp, []ops.Type{stream(3, 6), key}, []int32{6, 7}},
		{ops.RowBitsOp, []ops.Type{stream(4, 5), exps(2)}, nil},
		{ops.RowMaxOp, []ops.Type{ops.Int32(-54, 54, 3, 4)}, []int32{4}},
		{ops.QuantizeOp, []ops.Type{stream(4, 5), ops.Int32(0, 31, 2)}, nil},
		{ops.QuantizeFoldOp, []ops.Type{stream(4, 5), exps(2), ops.Int32(0, 54, 1), key}, []int32{11}},
		{ops.QuantizeFoldColsOp, []ops.Type{stream(6, 4), exps(3, 4), key}, []int32{12}},
		{ops.MatmulOp, []ops.Type{mant(3, 7), mant(5, 7)}, ops.NT(3, 5, 7).Attrs()},
		{ops.MatmulOp, []ops.Type{mant(7, 3), mant(7, 5)}, ops.TN(3, 5, 7).Attrs()},
		{ops.MatmulOp, []ops.Type{mant(2, 3, 24), mant(2, 3, 24)}, attention.Attrs()},
		{ops.MatmulShiftOp, []ops.Type{mant(4, 7), mant(7, 5), exps(2), ops.Int32(0, 22, 1)}, ops.NN(4, 5, 7).Attrs(26, sat)},
		{ops.RMSNormOp, []ops.Type{stream(4, 8)}, nil},
		{ops.RMSNormOp, []ops.Type{stream(4, 6)}, nil},
		{ops.RMSNormGradOp, []ops.Type{stream(4, 6), i16(4, 6), ops.Int32(0, 32767, 4), ops.Int32(-15, 29, 4)}, nil},
		{ops.ReLUOp, []ops.Type{stream(3, 5)}, nil},
		{ops.ReLUGradOp, []ops.Type{stream(3, 5), stream(3, 5)}, nil},
		{ops.ReLU2Op, []ops.Type{stream(3, 5)}, nil},
		{ops.ReLU2GradOp, []ops.Type{stream(3, 5), i16(3, 5)}, nil},
		{ops.SwiGLUOp, []ops.Type{stream(3, 5), stream(3, 5)}, nil},
		{ops.SwiGLUGradOp, []ops.Type{stream(3, 5), i16(3, 5), i16(3, 5)}, nil},
		{ops.SplitExponentsOp, []ops.Type{exps(2*3, 3*2)}, []int32{3, 2}},
		{ops.HeadRowsOp, []ops.Type{exps(2*3, 2)}, []int32{3, 2}},
		{ops.SoftmaxCausalOp, []ops.Type{ops.Int32(-127*127*32, 127*127*32, 2*4, 4), exps(2, 4), exps(2, 4), exps(2, 4)}, []int32{2089, 29}},
		{ops.AttentionOutOp, []ops.Type{ops.Int32(-127*127*4, 127*127*4, 2*2*3, 4), ops.Int32(0, 127*3, 12), exps(12)}, []int32{3, 2}},
		{ops.AttentionValueGradOp, []ops.Type{stream(6, 8), ops.Int32(0, 127*3, 12)}, []int32{3, 2}},
		{ops.SoftmaxGradOp, []ops.Type{ops.Int8(0, 127, 8, 4), ops.Int32(-127*127*32, 127*127*32, 8, 4), ops.Int32(0, 127*4, 8), exps(2, 4), exps(8)}, []int32{4}},
		{ops.HeadMergeOp, []ops.Type{ops.Int32(-127*127*4, 127*127*4, 12, 4), ops.Int32(0, 47, 12)}, []int32{3, 2, 181, 10}},
		{ops.CrossEntropyGradOp, []ops.Type{stream(4, 7), ops.Int32(0, 6, 4)}, nil},
		{ops.CrossEntropyOp, []ops.Type{stream(4, 7), ops.Int32(0, 6, 4)}, nil},
		{ops.PatchesOp, []ops.Type{mant(1, 3, 4, 2)}, []int32{3, 3}},
		{ops.PatchesGradOp, []ops.Type{stream(12, 18)}, []int32{3, 3, 3, 4}},
		{ops.PoolOp, []ops.Type{stream(1, 4, 5, 2)}, []int32{4, 5}},
		{ops.PoolGradOp, []ops.Type{stream(1, 2, 2, 2), ops.Int8(0, 4, 1, 2, 2, 2)}, []int32{4, 5}},
		{ops.AdamOp, []ops.Type{weight(3, 8), ops.Int32(-ops.MomentumLimit, ops.MomentumLimit, 3, 8), ops.Int32(0, ops.SquareLimit, 3, 8), stream(3, 8), one(0, 1<<17)}, []int32{12}},
		{ops.LionOp, []ops.Type{weight(3, 8), ops.Int32(-ops.MomentumLimit, ops.MomentumLimit, 3, 8), stream(3, 8), one(0, 1<<20)}, nil},
		{ops.SGDOp, []ops.Type{weight(3, 8), ops.Int32(-ops.SGDMomentum, ops.SGDMomentum, 3, 8), stream(3, 8), one(0, 1023)}, []int32{230}},
	}
	return list
}

// TestTypicals checks that every op is applied at least once, and that every
// application is legal.
func TestTypicals(t *testing.T) {
	found := map[*ops.Def]bool{}
	for _, c := range typicals() {
		found[c.def] = true
		if _, err := c.def.Apply(c.in, c.attrs); err != nil {
			t.Error(err)
		}
	}
	for _, d := range ops.All {
		if !found[d] {
			t.Errorf("%s is not among the typical cases", d.Name)
		}
	}
}

// fillKinds are the ways to fill the inputs of a case.
var fillKinds = []string{"zeros", "ends", "small", "random"}

// fill makes the values of a tensor.
func fill(r *rand.Rand, kind string, iv kernel.Interval, n int) []int64 {
	v := make([]int64, n)
	size := r.IntN(31) // of "random": one magnitude a tensor, as in a stream
	for i := range v {
		switch kind {
		case "zeros":
		case "ends":
			v[i] = []int64{iv.Lo, iv.Hi, iv.Lo + 1, iv.Hi - 1, 0}[r.IntN(5)]
		case "small":
			v[i] = r.Int64N(41) - 20
		default:
			v[i] = r.Int64N(2<<size) - 1<<size
			if r.IntN(4) == 0 {
				v[i] = iv.Lo + r.Int64N(iv.Hi-iv.Lo+1)
			}
		}
		v[i] = max(iv.Lo, min(v[i], iv.Hi))
	}
	return v
}

func (c typical) String() string { return fmt.Sprint(c.def.Name, c.in, c.attrs) }
