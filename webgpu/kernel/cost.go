package kernel

// weight is how many integer operations an expression node counts as: its
// length in elementary 32-bit operations, rounded, on a device without 64-bit
// integers. Credit is paid by these numbers, so they change only with the
// version of the op set.
var weight = [opCount]int64{
	OpLoad: 1, OpAdd: 1, OpSub: 1, OpMul: 1, OpAnd: 1, OpOr: 1, OpXor: 1, OpShl: 1, OpSar: 1, OpLt: 1, OpEq: 1,
	OpSelect: 1, OpMin: 1, OpMax: 1, OpAbs: 1, OpBitLen: 1, OpDiv: 8, OpIsqrt: 16, OpRne: 5, OpShift: 8, OpRand: 8,
	OpReduceOr: 1, OpReduceMax: 1, OpReduceSum: 1,
}

// Cost is the exact integer-op count of an instance: every distinct expression
// once per element, row or run, as it varies; 2 per multiply-add of a
// contraction; 1 per store. A reduction's argument counts once, though a
// device may compute it again.
func Cost(in *Instance) int64 {
	k, g := in.Kernel, in.Kernel.graph()
	rows, elems := int64(in.Rows), int64(in.Rows)*int64(in.Cols)
	times := func(l Level) int64 {
		switch l {
		case PerCol:
			return elems
		case PerRow:
			return rows
		}
		return 1
	}
	var n int64
	for _, e := range g.nodes[:g.value] {
		l := e.level
		if e.op.IsReduce() {
			l = PerCol
		}
		n += weight[e.op] * times(l)
	}
	for _, s := range k.Stores {
		n += times(max(g.nodes[g.number[s.Index]].level, g.nodes[g.number[s.Value]].level))
	}
	if c := k.Contract; c != nil {
		n += 2 * elems * int64(in.Params[c.K])
	}
	return n
}
