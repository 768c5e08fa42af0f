package kernel

import (
	"fmt"
	"slices"
)

// Edge is a tensor between two kernels: output Out of the producer is input In
// of the consumer. With Keep set something else reads it too, and it stays an
// output of the fused kernel.
type Edge struct {
	Out, In int
	Keep    bool
}

// Origin says where a buffer of a fused kernel comes from.
type Origin struct {
	Consumer bool
	Buf      int
}

// Fusion is a producer and a consumer made into one kernel: the consumer's
// loads became the expressions that the producer stored.
//
// The fused kernel writes the same bytes. A store narrows nothing, because it
// was proved that the value fits its type, and a load widens without change:
// so leaving both out changes no value. Each rounding is an operation of its
// own, and stays.
type Fusion struct {
	// Kernel has the parameters of the producer, prefixed with "p_", and then
	// those of the consumer, prefixed with "c_". Its buffers are the inputs of
	// the producer, the remaining inputs of the consumer, the remaining
	// outputs of the producer, and the outputs of the consumer.
	Kernel *Kernel
	// Bufs has the origin of every buffer of Kernel.
	Bufs []Origin

	edges []Edge
}

// Fuse makes one kernel of producer and consumer. It is legal where out is
// stored at Here, in is loaded nowhere but at Here, and the forms are map or
// rows, or matmul followed by map; otherwise the error says what is in the
// way. Reductions nest: whether computing them again is worth a load less is
// the caller's to decide. That both run over the same rows and columns is a
// matter of their instances: see FuseInstances.
func Fuse(producer, consumer *Kernel, out, in int, keep bool) (*Kernel, error) {
	f, err := NewFusion(producer, consumer, Edge{out, in, keep})
	if err != nil {
		return nil, err
	}
	return f.Kernel, nil
}

// FuseInstances is the fused instance of two proved instances, whose
// input in.Ranges[In] must be what was proved of the output. It is to be
// proved again, which succeeds: every interval is what it was.
func FuseInstances(p, c *Instance, out, in int, keep bool) (*Instance, error) {
	f, err := NewFusion(p.Kernel, c.Kernel, Edge{out, in, keep})
	if err != nil {
		return nil, err
	}
	return f.Instance(p, c)
}

// NewFusion is Fuse for all the edges between a producer and a consumer.
// Where the consumer reads several outputs of the producer, or one of them
// twice, all must be given: a kernel cannot load what it stores.
func NewFusion(producer, consumer *Kernel, edges ...Edge) (*Fusion, error) {
	refuse := func(format string, args ...any) (*Fusion, error) {
		return nil, fmt.Errorf("kernel: cannot fuse %s into %s: %s", producer.Name, consumer.Name, fmt.Sprintf(format, args...))
	}
	if len(edges) == 0 {
		return refuse("nothing connects them")
	}
	switch pf, cf := producer.Form(), consumer.Form(); {
	case pf == Scatter:
		return refuse("the producer adds into its outputs")
	case cf == Scatter:
		return refuse("the consumer adds into its outputs")
	case cf == Matmul:
		return refuse("the consumer is a contraction")
	case pf == Matmul && cf == RowForm:
		return refuse("the consumer reduces over the columns of a contraction")
	}
	values := map[int]*Expr{} // by input of the consumer: the expression stored
	dropped := map[int]bool{}
	for _, e := range edges {
		value, reason := producer.stored(e.Out)
		if reason == "" {
			reason = consumer.loadedHere(e.In)
		}
		if reason != "" {
			return refuse("%s", reason)
		}
		if o, i := producer.Bufs[e.Out], consumer.Bufs[e.In]; o.DType != i.DType {
			return refuse("output %s is %s, input %s is %s", o.Name, o.DType, i.Name, i.DType)
		}
		if values[e.In] != nil {
			return refuse("input %s has two producers", consumer.Bufs[e.In].Name)
		}
		values[e.In], dropped[e.Out] = value, true
	}
	for _, e := range edges {
		if e.Keep {
			delete(dropped, e.Out)
		}
	}
	f := &Fusion{edges: slices.Clone(edges)}
	f.merge(producer, consumer, values, dropped)
	if err := f.Kernel.Check(); err != nil {
		return nil, err
	}
	return f, nil
}

// stored is the expression stored at Here of output out, or the reason why
// there is none.
func (k *Kernel) stored(out int) (value *Expr, reason string) {
	if out < 0 || out >= len(k.Bufs) || !k.Bufs[out].Out {
		return nil, fmt.Sprintf("buffer %d of the producer is no output", out)
	}
	g := k.graph()
	i := slices.IndexFunc(k.Stores, func(s Store) bool { return s.Buf == out })
	if s := k.Stores[i]; s.Add || g.number[s.Index] != g.here {
		return nil, fmt.Sprintf("output %s is not stored at Here", k.Bufs[out].Name)
	}
	return k.Stores[i].Value, ""
}

// loadedHere is empty if input in is loaded at Here and nowhere else.
func (k *Kernel) loadedHere(in int) (reason string) {
	if in < 0 || in >= len(k.Bufs) || k.Bufs[in].Out {
		return fmt.Sprintf("buffer %d of the consumer is no input", in)
	}
	g, found := k.graph(), false
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.op != OpLoad || int(n.k) != in {
			continue
		}
		if n.args[0] != g.here {
			return fmt.Sprintf("input %s is loaded elsewhere than at Here", k.Bufs[in].Name)
		}
		found = true
	}
	if !found {
		return fmt.Sprintf("input %s is not loaded", k.Bufs[in].Name)
	}
	return ""
}

// merge builds the fused kernel.
func (f *Fusion) merge(producer, consumer *Kernel, values map[int]*Expr, dropped map[int]bool) {
	k := New(producer.Name + "+" + consumer.Name)
	for _, p := range producer.Params {
		k.Params = append(k.Params, "p_"+p)
	}
	for _, p := range consumer.Params {
		k.Params = append(k.Params, "c_"+p)
	}
	f.Kernel = k
	place := map[Origin]int{}
	take := func(from *Kernel, isConsumer, outs bool, prefix string) {
		for i, b := range from.Bufs {
			if b.Out != outs || !isConsumer && dropped[i] || isConsumer && values[i] != nil {
				continue
			}
			o := Origin{isConsumer, i}
			place[o] = len(k.Bufs)
			f.Bufs = append(f.Bufs, o)
			k.Bufs = append(k.Bufs, Buf{Name: prefix + b.Name, DType: b.DType, Out: b.Out})
		}
	}
	take(producer, false, false, "p_")
	take(consumer, true, false, "c_")
	take(producer, false, true, "p_")
	take(consumer, true, true, "c_")
	if c := producer.Contract; c != nil { // its parameters and operands come first, as before
		contract := *c
		k.Contract = &contract
	}
	// The producer's expressions stay as they are: its inputs and parameters
	// have the numbers they had.
	for _, s := range producer.Stores {
		if !dropped[s.Buf] {
			k.Stores = append(k.Stores, Store{Buf: place[Origin{false, s.Buf}], Index: s.Index, Value: s.Value})
		}
	}
	shift := int32(len(producer.Params))
	move := rewriter(func(e *Expr) *Expr {
		switch e.Op {
		case OpParam:
			return &Expr{Op: OpParam, K: e.K + shift}
		case OpLoad:
			if v := values[int(e.K)]; v != nil {
				return v
			}
			return &Expr{Op: OpLoad, K: int32(place[Origin{true, int(e.K)}]), Args: e.Args}
		}
		return e
	})
	for _, s := range consumer.Stores {
		k.Stores = append(k.Stores, Store{Buf: place[Origin{true, s.Buf}], Index: move(s.Index), Value: move(s.Value)})
	}
	k.Share()
}

// Instance is the fused instance of p and c, in the sense of FuseInstances.
// Where their rows and columns differ, one that is flat follows the other.
func (f *Fusion) Instance(p, c *Instance) (*Instance, error) {
	refuse := func(format string, args ...any) (*Instance, error) {
		return nil, fmt.Errorf("kernel: cannot fuse %s into %s: %s", p.Kernel.Name, c.Kernel.Name, fmt.Sprintf(format, args...))
	}
	in := &Instance{Kernel: f.Kernel, Rows: p.Rows, Cols: p.Cols, Params: slices.Concat(p.Params, c.Params)}
	if p.Rows != c.Rows || p.Cols != c.Cols {
		switch {
		case p.Rows*p.Cols != c.Rows*c.Cols:
			return refuse("%d x %d elements are not %d x %d", p.Rows, p.Cols, c.Rows, c.Cols)
		case c.Kernel.Flat():
		case p.Kernel.Flat():
			in.Rows, in.Cols = c.Rows, c.Cols
		default:
			return refuse("rows of %d columns are not rows of %d", p.Cols, c.Cols)
		}
	}
	for _, e := range f.edges {
		if p.Lens[e.Out] != c.Lens[e.In] {
			return refuse("output %s has %d elements, input %s %d", p.Kernel.Bufs[e.Out].Name, p.Lens[e.Out], c.Kernel.Bufs[e.In].Name, c.Lens[e.In])
		}
	}
	for _, o := range f.Bufs {
		from := p
		if o.Consumer {
			from = c
		}
		in.Lens = append(in.Lens, from.Lens[o.Buf])
		in.Ranges = append(in.Ranges, from.Ranges[o.Buf])
	}
	return in, nil
}

// Flat tells whether k treats its elements alike, wherever rows begin: a map
// that uses its coordinates only as Here. A flat instance may be run with any
// rows and columns of the same number.
func (k *Kernel) Flat() bool {
	g := k.graph()
	if k.Contract != nil {
		return false
	}
	for _, s := range k.Stores {
		if s.Add || g.number[s.Index] != g.here {
			return false
		}
	}
	here := &g.nodes[g.here]
	coordinate := func(n int32) bool {
		if n < 0 {
			return false
		}
		switch g.nodes[n].op {
		case OpRow, OpCol, OpRows, OpCols:
			return true
		}
		return n == here.args[0] // row*cols
	}
	for i := range g.nodes[:g.value] {
		n := &g.nodes[i]
		if n.op.IsReduce() {
			return false
		}
		if int32(i) == g.here || int32(i) == here.args[0] {
			continue
		}
		if slices.ContainsFunc(n.args[:], coordinate) {
			return false
		}
	}
	for _, s := range k.Stores {
		if coordinate(g.number[s.Value]) {
			return false
		}
	}
	return true
}

// Share makes equal expressions of k one node, so that printers and
// interpreters compute them once.
func (k *Kernel) Share() {
	g := k.graph()
	shared := make([]*Expr, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		e := n.expr
		args := make([]*Expr, len(e.Args))
		same := true
		for j := range e.Args {
			args[j] = shared[n.args[j]]
			same = same && args[j] == e.Args[j]
		}
		if !same {
			e = &Expr{Op: e.Op, K: e.K, Args: args}
		}
		shared[i] = e
	}
	at := func(e *Expr) *Expr { return shared[g.number[e]] }
	stores := slices.Clone(k.Stores)
	for i, s := range stores {
		stores[i].Index, stores[i].Value = at(s.Index), at(s.Value)
	}
	if k.Fan != nil {
		k.Fan = at(k.Fan)
	}
	k.Stores = stores
}

// rewriter returns a function that rebuilds expressions bottom-up, each node
// once: f gets a node whose arguments are rebuilt and returns what replaces
// it.
func rewriter(f func(*Expr) *Expr) func(*Expr) *Expr {
	done := map[*Expr]*Expr{}
	var visit func(*Expr) *Expr
	visit = func(e *Expr) *Expr {
		if r, ok := done[e]; ok {
			return r
		}
		args, changed := e.Args, false
		for i, a := range e.Args {
			if r := visit(a); r != a {
				if !changed {
					args, changed = slices.Clone(e.Args), true
				}
				args[i] = r
			}
		}
		n := e
		if changed {
			n = &Expr{Op: e.Op, K: e.K, Args: args}
		}
		r := f(n)
		done[e] = r
		return r
	}
	return visit
}
