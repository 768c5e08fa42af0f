package devicetest

import (
	"maps"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Bounds of one op of a case: the reference takes its time, and small devices
// run the suite too.
const (
	maxOpCost   = 3 << 20
	maxOpMemory = 5 << 20 // bytes of all its tensors
)

// grower adds one op to a sketch. Its methods are what generators say the op
// wants: they either reuse a value of the sketch or ask for a new input.
type grower struct {
	source
	k      *sketch
	reuse  bool // may read values of the sketch
	limit  int  // elements of a tensor, about
	narrow int  // attempts failed so far: new inputs get smaller ranges
	forced attrs
	focus  *focus // nil: none

	in    []ref
	fresh []ops.Type // new inputs, numbered after those of the sketch
}

// application is what grow shall do.
type application struct {
	def    *ops.Def
	reuse  bool // of values of the sketch
	limit  int
	forced attrs
	focus  *focus
}

// find returns a value of the sketch of that type that satisfies ok.
func (g *grower) find(d kernel.DType, ok func(ops.Type) bool) (ref, bool) {
	if !g.reuse || g.one(4) {
		return ref{}, false
	}
	fits := slices.DeleteFunc(g.k.values(), func(r ref) bool {
		t := g.k.typ(r)
		return t.DType != d || !ok(t)
	})
	if len(fits) == 0 {
		return ref{}, false
	}
	return fits[g.IntN(len(fits))], true
}

// like proposes a matrix shape: that of a value of the sketch, or a new one.
func (g *grower) like(d kernel.DType) (rows, cols int) {
	if r, ok := g.find(d, func(t ops.Type) bool { return t.Len() <= g.limit }); ok {
		t := g.k.typ(r)
		cols = t.Shape[len(t.Shape)-1]
		return t.Len() / cols, cols
	}
	cols = g.last(g.limit)
	rows = g.height(max(g.limit/cols, 1))
	return rows, cols
}

// tensor takes a value with the given number of elements and last dimension
// as the op's next input. The hints are ranges worth trying.
func (g *grower) tensor(d kernel.DType, shape []int, hints ...kernel.Interval) {
	n, cols := 1, shape[len(shape)-1]
	for _, s := range shape {
		n *= s
	}
	r, ok := g.find(d, func(t ops.Type) bool {
		return t.Len() == n && t.Shape[len(t.Shape)-1] == cols && (len(shape) < 3 || slices.Equal(shape, t.Shape)) &&
			(len(hints) == 0 || t.Range.Fits(hints[0]))
	})
	if !ok {
		r = g.input(ops.Type{DType: d, Shape: shape, Range: g.span(d, hints)})
	}
	g.in = append(g.in, r)
}

// vector takes a value with n elements of any shape.
func (g *grower) vector(d kernel.DType, n int, hints ...kernel.Interval) {
	r, ok := g.find(d, func(t ops.Type) bool {
		return t.Len() == n && (len(hints) == 0 || t.Range.Fits(hints[0]))
	})
	if !ok {
		r = g.input(ops.Type{DType: d, Shape: []int{n}, Range: g.span(d, hints)})
	}
	g.in = append(g.in, r)
}

// atLeast takes a value with n elements or more.
func (g *grower) atLeast(d kernel.DType, n int) {
	r, ok := g.find(d, func(t ops.Type) bool { return t.Len() >= n })
	if !ok {
		r = g.input(ops.Type{DType: d, Shape: []int{n}, Range: g.span(d, nil)})
	}
	g.in = append(g.in, r)
}

// key takes the one-element tensor of a random stream.
func (g *grower) key() { g.vector(kernel.I32, 1) }

func (g *grower) input(t ops.Type) ref {
	g.fresh = append(g.fresh, t)
	return inputRef(len(g.k.inputs) + len(g.fresh) - 1)
}

// span chooses the range of a new input.
func (g *grower) span(d kernel.DType, hints []kernel.Interval) kernel.Interval {
	full := d.Range()
	if len(hints) > 0 && !g.one(4) {
		return pick(g.source, hints...)
	}
	limit := full
	if len(hints) > 0 { // hints[0] is what the op can take at most
		limit = hints[0]
	}
	clip := func(iv kernel.Interval) kernel.Interval {
		return kernel.Interval{
			Lo: min(max(iv.Lo, limit.Lo), limit.Hi),
			Hi: max(min(iv.Hi, limit.Hi), limit.Lo),
		}
	}
	n := int64(1) << g.IntN(max(33-g.narrow/2, 1))
	switch g.IntN(6) {
	case 0:
		return clip(kernel.Interval{Lo: 0, Hi: n - 1})
	case 1:
		return clip(kernel.Interval{Lo: -n, Hi: 0})
	case 2:
		return clip(kernel.Point(g.within(kernel.Interval{Lo: -n, Hi: n})))
	case 3:
		return clip(kernel.Interval{Lo: -n, Hi: n - 1})
	case 4:
		return clip(kernel.Interval{Lo: -n + 1, Hi: n - 1})
	}
	return clip(kernel.Interval{Lo: -g.within(kernel.Interval{Hi: n}), Hi: g.within(kernel.Interval{Hi: n})})
}

// attr draws a value of a free attribute: an end, something small, or
// anything.
func (g *grower) attr(a ops.Attr) int32 {
	iv := kernel.Interval{Lo: int64(a.Min), Hi: int64(a.Max)}
	switch g.IntN(5) {
	case 0:
		return a.Min
	case 1:
		return a.Max
	case 2:
		return int32(g.value(modeSmall, iv))
	case 3:
		return int32(g.value(modeMagnitudes, iv))
	}
	return int32(g.within(iv))
}

// grow adds one application of an op to k if it finds one that is legal. It
// tells whether it did.
func grow(s source, k *sketch, a application) bool {
	for attempt := range 64 {
		g := &grower{source: s, k: k, reuse: a.reuse && attempt < 48, limit: a.limit, narrow: attempt, forced: a.forced, focus: a.focus}
		set := generators[a.def.Name](g)
		maps.Copy(set, a.forced)
		attrs := make([]int32, len(a.def.Attrs))
		for i, a := range a.def.Attrs {
			v, ok := set[a.Name]
			if !ok {
				v = g.attr(a)
			}
			attrs[i] = v
		}
		if g.apply(a.def, attrs) {
			return true
		}
	}
	return false
}

// apply adds the op if it is legal and cheap enough.
func (g *grower) apply(def *ops.Def, attrs []int32) bool {
	types := func() []ops.Type {
		t := make([]ops.Type, len(g.in))
		for i, r := range g.in {
			if r.node < 0 && r.index >= len(g.k.inputs) {
				t[i] = g.fresh[r.index-len(g.k.inputs)]
			} else {
				t[i] = g.k.typ(r)
			}
		}
		return t
	}
	a, err := def.Apply(types(), attrs)
	if err != nil || a.Cost > g.focus.times(maxOpCost) || int64(bytesOf(types(), a.Outputs)) > g.focus.times(maxOpMemory) {
		return false
	}
	if g.one(2) {
		a = g.widen(def, attrs, types, a)
	}
	g.k.inputs = append(g.k.inputs, g.fresh...)
	g.k.steps = append(g.k.steps, step{def, g.in, attrs, a.Outputs})
	return true
}

func bytesOf(lists ...[]ops.Type) int {
	n := 0
	for _, l := range lists {
		for _, t := range l {
			n += t.Bytes()
		}
	}
	return n
}

// widen doubles the ranges of the new inputs as long as the op stays legal:
// what the spec just allows is where devices break.
func (g *grower) widen(def *ops.Def, attrs []int32, types func() []ops.Type, a *ops.Applied) *ops.Applied {
	for _, i := range g.Perm(len(g.fresh)) {
		for _, end := range []func(kernel.Interval) kernel.Interval{
			func(iv kernel.Interval) kernel.Interval { iv.Hi += max(iv.Hi, -iv.Hi, 1); return iv },
			func(iv kernel.Interval) kernel.Interval { iv.Lo -= max(iv.Lo, -iv.Lo, 1); return iv },
			func(iv kernel.Interval) kernel.Interval { iv.Hi++; return iv },
			func(iv kernel.Interval) kernel.Interval { iv.Lo--; return iv },
		} {
			for range 32 {
				t := &g.fresh[i]
				old, full := t.Range, t.DType.Range()
				t.Range = end(t.Range)
				t.Range = kernel.Interval{Lo: max(t.Range.Lo, full.Lo), Hi: min(t.Range.Hi, full.Hi)}
				if t.Range == old {
					break
				}
				wider, err := def.Apply(types(), attrs)
				if err != nil {
					t.Range = old
					break
				}
				a = wider
			}
		}
	}
	return a
}
