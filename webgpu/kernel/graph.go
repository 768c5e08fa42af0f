package kernel

// graph is a kernel's expressions with every distinct one once, arguments
// before users. Two expressions that read the same have the same number, so
// that a proof may use that a value is compared with itself, and a cost counts
// it once, however the kernel's author shared nodes.
type graph struct {
	stores []Store // what the graph was made of
	fan    *Expr

	order  []*Expr         // every node of the stores, as Walk shows them
	number map[*Expr]int32 // of every node, the fan's included
	nodes  []gnode         // by number
	value  int             // nodes[:value] are those of the stores; the fan's follow
	here   int32           // numbers of Here and Row, -1 where they do not occur
	row    int32
}

// gnode is a distinct expression. Absent arguments are -1.
type gnode struct {
	op    Op
	level Level
	k     int32
	args  [3]int32
	expr  *Expr // one of the equal nodes
}

// identity is what makes expressions equal.
type identity struct {
	op   Op
	k    int32
	args [3]int32
}

// graph returns the kernel's graph, made once and again after the kernel
// changed.
func (k *Kernel) graph() *graph {
	if g := k.memo.Load(); g != nil && g.current(k) {
		return g
	}
	g := newGraph(k)
	k.memo.Store(g)
	return g
}

func (g *graph) current(k *Kernel) bool {
	if len(g.stores) != len(k.Stores) || g.fan != k.Fan {
		return false
	}
	for i, s := range k.Stores {
		if g.stores[i] != s {
			return false
		}
	}
	return true
}

func newGraph(k *Kernel) *graph {
	g := &graph{stores: append([]Store(nil), k.Stores...), fan: k.Fan, number: map[*Expr]int32{}, here: -1, row: -1}
	numbers := map[identity]int32{}
	intern := func(id identity, e *Expr) int32 {
		n, ok := numbers[id]
		if !ok {
			n = int32(len(g.nodes))
			numbers[id] = n
			g.nodes = append(g.nodes, gnode{op: id.op, k: id.k, args: id.args, expr: e, level: g.level(id)})
		}
		return n
	}
	var visit func(e *Expr) int32
	visit = func(e *Expr) int32 {
		if n, ok := g.number[e]; ok {
			return n
		}
		id := identity{op: e.Op, args: [3]int32{-1, -1, -1}}
		if e.Op == OpConst || e.Op == OpParam || e.Op == OpLoad {
			id.k = e.K
		}
		for i, a := range e.Args {
			n := visit(a)
			if i < len(id.args) {
				id.args[i] = n
			}
		}
		n := intern(id, e)
		g.number[e] = n
		g.order = append(g.order, e)
		return n
	}
	for _, s := range k.Stores {
		visit(s.Index)
		visit(s.Value)
	}
	g.value = len(g.nodes)
	g.findPlaces(numbers)
	if k.Fan != nil {
		walked := len(g.order)
		visit(k.Fan)
		g.order = g.order[:walked]
	}
	return g
}

// findPlaces looks for the two indices a plain store may have.
func (g *graph) findPlaces(numbers map[identity]int32) {
	find := func(op Op, args ...int32) int32 {
		id := identity{op: op, args: [3]int32{-1, -1, -1}}
		for i, a := range args {
			if a < 0 {
				return -1
			}
			id.args[i] = a
		}
		if n, ok := numbers[id]; ok {
			return n
		}
		return -1
	}
	g.row = find(OpRow)
	g.here = find(OpAdd, find(OpMul, g.row, find(OpCols)), find(OpCol))
}

func (g *graph) level(id identity) Level {
	switch id.op {
	case OpRow, OpReduceOr, OpReduceMax, OpReduceSum:
		return PerRow
	case OpCol, OpAcc:
		return PerCol
	}
	l := Uniform
	for _, a := range id.args {
		if a >= 0 {
			l = max(l, g.nodes[a].level)
		}
	}
	return l
}

// quotient tells whether node n is d*(x/d), and returns x and d.
func (g *graph) quotient(n int32) (x, d int32, ok bool) {
	m := &g.nodes[n]
	if m.op != OpMul {
		return 0, 0, false
	}
	for i := range 2 {
		q, d := &g.nodes[m.args[i]], m.args[1-i]
		if q.op == OpDiv && q.args[1] == d {
			return q.args[0], d, true
		}
	}
	return 0, 0, false
}
