package kernel

import "slices"

// Simplify is the proved kernel without what its intervals show needless:
// operations on constants, clamps that never limit, selects that always go one
// way, shifts whose direction is known, factors of one and terms of zero. It
// stores the same bytes for every instance whose proof lies within this one,
// and only for those. Parameters stay parameters, so that instances may share
// the code printed for a kernel.
func Simplify(k *Kernel, proof *Proof) *Kernel {
	g := proof.graph
	to := make([]*Expr, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		s := simplifier{value: proof.values[i], expr: n.expr}
		changed := false
		args := slices.Clone(n.expr.Args)
		for j := range args {
			args[j] = to[n.args[j]]
			s.iv[j] = proof.values[n.args[j]]
			changed = changed || args[j] != n.expr.Args[j]
		}
		if changed {
			s.expr = &Expr{Op: n.op, K: n.expr.K, Args: args}
		}
		to[i] = s.apply()
	}
	at := func(e *Expr) *Expr { return to[g.number[e]] }
	out := &Kernel{
		Name: k.Name, Params: slices.Clone(k.Params), Bufs: slices.Clone(k.Bufs), Contract: k.Contract, Fan: k.Fan,
	}
	for _, s := range k.Stores {
		if s.Add { // the index of a plain store is Here or Row, and says so
			s.Index = at(s.Index)
		}
		s.Value = at(s.Value)
		out.Stores = append(out.Stores, s)
	}
	out.Share()
	return out
}

// simplifier looks at one node whose arguments are simple already. Their
// intervals are those of the expressions they replace, which have the same
// values.
type simplifier struct {
	expr  *Expr
	value Interval
	iv    [3]Interval
}

func constant(e *Expr) (int64, bool) { return int64(e.K), e.Op == OpConst }

func isConst(e *Expr, v int64) bool { return e.Op == OpConst && int64(e.K) == v }

// closed tells whether all arguments are constants, so that the interval is
// the value.
func (s *simplifier) closed() bool {
	e := s.expr
	return len(e.Args) > 0 && e.Op != OpLoad && e.Op != OpRand && !e.Op.IsReduce() && s.value.Lo == s.value.Hi &&
		!slices.ContainsFunc(e.Args, func(a *Expr) bool { return a.Op != OpConst })
}

func (s *simplifier) apply() *Expr {
	e := s.expr
	if s.closed() {
		return C(int32(s.value.Lo))
	}
	if len(e.Args) == 0 || e.Op == OpLoad || e.Op.IsReduce() {
		return e
	}
	x, xv := e.Args[0], s.iv[0]
	if len(e.Args) == 1 {
		if e.Op == OpAbs && xv.Lo >= 0 {
			return x
		}
		return e
	}
	y, yv := e.Args[1], s.iv[1]
	switch e.Op {
	case OpAdd:
		switch {
		case isConst(x, 0):
			return y
		case isConst(y, 0):
			return x
		}
	case OpSub:
		if isConst(y, 0) {
			return x
		}
	case OpMul:
		switch {
		case isConst(x, 0), isConst(y, 1):
			return x
		case isConst(y, 0), isConst(x, 1):
			return y
		}
	case OpDiv:
		switch {
		case isConst(y, 1):
			return x
		case xv.Hi < yv.Lo:
			return C(0)
		}
	case OpAnd:
		// A mask of low bits keeps a value that has no others.
		if m, ok := constant(y); ok && m&(m+1) == 0 && xv.Lo >= 0 && xv.Hi <= m {
			return x
		}
		if m, ok := constant(x); ok && m&(m+1) == 0 && yv.Lo >= 0 && yv.Hi <= m {
			return y
		}
	case OpShl, OpSar:
		if isConst(y, 0) || isConst(x, 0) {
			return x
		}
	case OpLt, OpEq:
		if s.value.Lo == s.value.Hi {
			return C(int32(s.value.Lo))
		}
	case OpSelect:
		switch {
		case xv == Point(0):
			return e.Args[2]
		case xv.Lo > 0 || xv.Hi < 0, y == e.Args[2]:
			return y
		}
	case OpMin:
		switch {
		case xv.Hi <= yv.Lo:
			return x
		case yv.Hi <= xv.Lo:
			return y
		}
	case OpMax:
		switch {
		case xv.Lo >= yv.Hi:
			return x
		case yv.Lo >= xv.Hi:
			return y
		}
	case OpShift:
		return s.shift(x, y, xv, yv)
	}
	return e
}

// shift turns a shift of known direction into the operation of that
// direction.
func (s *simplifier) shift(x, y *Expr, xv, yv Interval) *Expr {
	switch {
	case yv.Lo > 30:
		return C(0)
	case yv.Lo >= 1 && yv.Hi <= 30:
		return Rne(x, y)
	case yv.Hi <= 0 && yv.Lo >= -30 && xv.abs() <= Sat>>-yv.Lo: // to the left, and nothing saturates
		if s.value.Lo > xv.Lo<<-yv.Lo || s.value.Hi < xv.Hi<<-yv.Lo {
			break // more is known of the count than its interval says
		}
		if c, ok := constant(y); ok {
			if c == 0 {
				return x
			}
			return Shl(x, C(int32(-c)))
		}
		return Shl(x, Sub(C(0), y))
	}
	return s.expr
}
