package ops_test

import (
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// tape gives choices to a generator: from bytes, and 0 when they end.
type tape struct{ data []byte }

func (t *tape) next() int {
	if len(t.data) == 0 {
		return 0
	}
	v := t.data[0]
	t.data = t.data[1:]
	return int(v)
}

// number is an integer near a power of two.
func (t *tape) number() int64 {
	v := int64(1)<<(t.next()%33) + int64(t.next()%5) - 2
	if t.next()%2 == 1 {
		v = -v
	}
	return v
}

// extent is a dimension: most are small, some cannot be.
func (t *tape) extent() int {
	switch v := t.next(); {
	case v < 200:
		return 1 + v%8
	case v < 250:
		return v
	default:
		return int(t.number())
	}
}

// FuzzApply applies ops to types and attributes of all kinds: nothing may
// panic, outputs must have possible types, and what is accepted must run on
// any inputs within their ranges, the reference checking every value.
func FuzzApply(f *testing.F) {
	r := rand.New(rand.NewPCG(51, 1))
	for i := range ops.All {
		for range 4 {
			data := make([]byte, 80)
			for j := range data {
				data[j] = byte(r.Uint32())
			}
			data[0] = byte(i)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tp := &tape{data}
		def := ops.All[tp.next()%len(ops.All)]
		shared := []int{tp.extent(), tp.extent()}
		types := make([]ops.Type, len(def.Inputs))
		for i := range types {
			typ := ops.Type{DType: def.Kernel.Bufs[i].DType, Shape: shared}
			switch tp.next() % 4 {
			case 1:
				typ.Shape = []int{1}
			case 2:
				typ.Shape = shared[:1]
			case 3:
				typ.Shape = nil
				for range tp.next() % 5 {
					typ.Shape = append(typ.Shape, tp.extent())
				}
			}
			full := typ.DType.Range()
			x, y := max(full.Lo, min(tp.number(), full.Hi)), max(full.Lo, min(tp.number(), full.Hi))
			typ.Range = kernel.Interval{Lo: min(x, y), Hi: max(x, y)}
			types[i] = typ
		}
		attrs := make([]int32, len(def.Attrs))
		for i, a := range def.Attrs {
			v := tp.number()
			if tp.next()%2 == 0 {
				v = int64(tp.extent())
			}
			attrs[i] = int32(max(int64(a.Min), min(v, int64(a.Max))))
		}
		a, err := def.Apply(types, attrs)
		if err != nil {
			return
		}
		total := 0
		for i, o := range a.Outputs {
			if err := o.Check(); err != nil {
				t.Errorf("output %s: %v", def.Outputs[i], err)
			}
			total += o.Len()
		}
		for _, typ := range types {
			total += typ.Len()
		}
		if a.Cost < 1 {
			t.Errorf("costs %d", a.Cost)
		}
		if total > 20000 || a.Cost > 1e6 {
			return
		}
		r := rand.New(rand.NewPCG(uint64(len(data)), 7))
		var in [][]int64
		for _, typ := range types {
			in = append(in, fill(r, fillKinds[r.IntN(len(fillKinds))], typ.Range, typ.Len()))
		}
		for i, out := range run(t, a, in) {
			for _, v := range out {
				if v < a.Outputs[i].Range.Lo || v > a.Outputs[i].Range.Hi {
					t.Fatalf("output %s holds %d, outside %v", def.Outputs[i], v, a.Outputs[i].Range)
				}
			}
		}
	})
}
