package kernel_test

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// value is a second reading of what the operations mean, from their
// documentation: exact integers, and an error where an operation is not
// defined. args are the values of the arguments.
func value(op kernel.Op, a ...int64) (int64, error) {
	x := a[0]
	var y int64
	if len(a) > 1 {
		y = a[1]
	}
	illegal := func() (int64, error) { return 0, fmt.Errorf("%s(%v) is not defined", op, a) }
	v := int64(0)
	switch op {
	case kernel.OpAdd:
		v = x + y
	case kernel.OpSub:
		v = x - y
	case kernel.OpMul:
		v = x * y
	case kernel.OpAnd:
		v = int64(int32(x) & int32(y))
	case kernel.OpOr:
		v = int64(int32(x) | int32(y))
	case kernel.OpXor:
		v = int64(int32(x) ^ int32(y))
	case kernel.OpShl:
		if y < 0 || y > 31 {
			return illegal()
		}
		v = x << y
	case kernel.OpSar:
		if y < 0 || y > 31 {
			return illegal()
		}
		v = floorDiv(x, 1<<y)
	case kernel.OpLt:
		v = truth(x < y)
	case kernel.OpEq:
		v = truth(x == y)
	case kernel.OpSelect:
		if v = a[2]; x != 0 {
			v = y
		}
	case kernel.OpMin:
		v = min(x, y)
	case kernel.OpMax:
		v = max(x, y)
	case kernel.OpAbs:
		if v = x; x < 0 {
			v = -x
		}
	case kernel.OpBitLen:
		if x < 0 {
			return illegal()
		}
		v = int64(bits.Len32(uint32(x)))
	case kernel.OpDiv:
		if x < 0 || y < 1 {
			return illegal()
		}
		v = x / y
	case kernel.OpIsqrt:
		if x < 0 {
			return illegal()
		}
		v = new(big.Int).Sqrt(big.NewInt(x)).Int64()
	case kernel.OpRne:
		if y < 1 || y > 30 || x+1<<(y-1) > 1<<31-1 {
			return illegal()
		}
		v = halfEven(x, y)
	case kernel.OpShift:
		switch {
		case y > 30:
		case y > 0:
			if x+1<<(y-1) > 1<<31-1 {
				return illegal()
			}
			v = halfEven(x, y)
		default: // the multiple of 2^n nearest to x*2^n within ±(2^30-1)
			n := min(-y, 30)
			limit := int64(1<<30-1) / (1 << n)
			v = min(max(x, -limit), limit) * (1 << n)
		}
	case kernel.OpRand:
		s := (uint32(x)+uint32(y))*747796405 + 2891336453
		w := ((s >> (s>>28 + 4)) ^ s) * 277803737
		v = int64(int32(w>>22 ^ w))
	default:
		return illegal()
	}
	if v < -1<<31 || v > 1<<31-1 {
		return illegal()
	}
	return v, nil
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

// halfEven is x / 2^s rounded to nearest, ties to even, by the remainder.
func halfEven(x, s int64) int64 {
	q := floorDiv(x, 1<<s)
	rest, half := x-q<<s, int64(1)<<(s-1)
	if rest > half || rest == half && q&1 == 1 {
		q++
	}
	return q
}

// evaluate computes every expression of an instance at every element, calls
// see with each value, and returns the first undefined operation as an error.
// It is slow and recursive on purpose: nothing is shared with the interpreter.
func evaluate(in *kernel.Instance, bufs [][]byte, see func(e *kernel.Expr, v int64)) error {
	var err error
	k := in.Kernel
	for row := range in.Rows {
		perRow := map[*kernel.Expr]int64{} // reductions of this row
		for col := range in.Cols {
			memo := map[*kernel.Expr]int64{}
			var at func(e *kernel.Expr, col int, memo map[*kernel.Expr]int64) int64
			at = func(e *kernel.Expr, col int, memo map[*kernel.Expr]int64) (v int64) {
				if err != nil {
					return 0
				}
				if v, ok := memo[e]; ok {
					return v
				}
				defer func() {
					memo[e] = v
					if err == nil {
						see(e, v)
					}
				}()
				switch e.Op {
				case kernel.OpConst:
					return int64(e.K)
				case kernel.OpParam:
					return int64(in.Params[e.K])
				case kernel.OpRows:
					return int64(in.Rows)
				case kernel.OpCols:
					return int64(in.Cols)
				case kernel.OpRow:
					return int64(row)
				case kernel.OpCol:
					return int64(col)
				case kernel.OpLoad:
					i := at(e.Args[0], col, memo)
					if err == nil && (i < 0 || i >= int64(in.Lens[e.K])) {
						err = fmt.Errorf("load of element %d of %d", i, in.Lens[e.K])
					}
					if err != nil {
						return 0
					}
					return get(bufs[e.K], k.Bufs[e.K].DType, int(i))
				case kernel.OpReduceOr, kernel.OpReduceMax, kernel.OpReduceSum:
					if v, ok := perRow[e]; ok {
						return v
					}
					for c := range in.Cols {
						x := at(e.Args[0], c, map[*kernel.Expr]int64{})
						switch {
						case c == 0:
							v = x
						case e.Op == kernel.OpReduceOr:
							v |= x
						case e.Op == kernel.OpReduceMax:
							v = max(v, x)
						default:
							v += x
						}
					}
					if v != int64(int32(v)) && err == nil {
						err = fmt.Errorf("%s = %d", e.Op, v)
					}
					perRow[e] = v
					return v
				}
				var args []int64
				for _, a := range e.Args {
					args = append(args, at(a, col, memo))
				}
				if err != nil {
					return 0
				}
				v, err = value(e.Op, args...)
				return v
			}
			for _, s := range k.Stores {
				at(s.Index, col, memo)
				at(s.Value, col, memo)
			}
		}
	}
	return err
}
