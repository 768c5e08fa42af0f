package devicetest

import "github.com/shoal-compute/shoal/webgpu/kernel"

// focus is what a case is about, beside its op. Generators ask for it where
// they draw shapes; those that it does not concern draw as ever.
type focus struct {
	width   int    // of the last dimension
	rows    int    // 0: any
	collide bool   // many rows that add to few places
	product string // the kind of a contraction: see products
}

// firstFocus is the first case that has a focus, and then every other: the few
// cases of a small suite are better spent on all there is.
const firstFocus = 32

// widths lie beside those that vectors, workgroups, tiles and words of packed
// elements like, and beyond what the grid of a GPU has along one side.
var widths = []int{
	1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 15, 17, 18, 19, 21, 30, 31, 33, 35, 61, 63, 65, 66, 67, 126, 127, 129, 130, 131,
	254, 255, 257, 259, 509, 511, 513, 514, 1021, 1023, 1025, 2047, 2049, 4093, 4099, 8191, 8195,
}

// long is beyond the sides of grids and textures.
const long = 1<<16 + 1

// foci are what cases are about, in turn: what is long, which takes time, and
// every width twice.
var foci = func() []focus {
	all := []focus{
		{width: long, rows: 1, product: "wide"}, {width: long + 4466, product: "deep"},
		{width: 1, rows: long, product: "tall", collide: true}, {width: 3, rows: long + 5, product: "tall"},
	}
	for i, w := range append(widths, widths...) {
		all = append(all, focus{width: w, collide: i%2 == 0, product: products[i%len(products)]})
	}
	return all
}()

// focusOf is the focus of case number i, or nil.
func focusOf(i int) *focus {
	if i < firstFocus || i%2 == 0 {
		return nil
	}
	return &foci[(i-firstFocus)/2%len(foci)]
}

// times is a bound of what a case may take, raised for what is long.
func (f *focus) times(bound int64) int64 {
	if f != nil && max(f.width, f.rows) >= long {
		return 4 * bound
	}
	return bound
}

// last draws the last dimension of a tensor.
func (g *grower) last(limit int) int {
	if g.focus != nil {
		return g.focus.width
	}
	return g.extent(limit)
}

// side draws a dimension that is not the last. Beside a width, sides are small.
func (g *grower) side(limit int) int {
	if g.focus != nil {
		limit = min(limit, 1+int(kernel.Isqrt32(int32(g.limit/g.focus.width))))
	}
	return g.extent(limit)
}

// height draws the rows of a matrix.
func (g *grower) height(limit int) int {
	if g.focus != nil && g.focus.rows > 0 {
		return g.focus.rows
	}
	return g.extent(limit)
}

// few draws the number of places that rows of values add to.
func (g *grower) few(limit int) int {
	if g.focus != nil && g.focus.collide {
		return 1 + g.IntN(3)
	}
	return g.extent(limit)
}

// products are the kinds of contraction that get a case of their own. A wide
// one has columns of the width of its focus, a tall one its rows.
var products = []string{"wide", "deep", "columns of a", "batches", "columns of both"}

// sizes draws the extents of a contraction.
func (g *grower) sizes() (b0, b1, m, n, k int) {
	b0, b1 = 1, 1
	if g.focus == nil {
		if g.one(2) {
			b0, b1 = g.extent(4), g.extent(5)
		}
		m, n, k = g.extent(150), g.extent(150), g.extent(300)
		if g.one(10) { // devices cut long sums
			k = 2000 + g.extent(2200)
		}
		return b0, b1, m, n, k
	}
	switch g.focus.product {
	case "deep": // longer than what devices add up in one go
		return b0, b1, g.extent(9), g.extent(9), pick(g.source, 4097, 4099, 4100, 5000, 6145, 8191, 8193, 16387, 20001)
	case "tall":
		return b0, b1, g.focus.rows, g.focus.width, g.extent(3)
	case "batches":
		return g.extent(16), g.extent(16), g.extent(20), g.extent(20), g.extent(40)
	case "columns of a", "columns of both":
		return b0, b1, pick(g.source, 16, 17, 48, 63, 64, 65, 96, 127, 128, 131, 192, 200), g.extent(40), pick(g.source, 1, 3, 5, 8, 64, 67, 130, 515)
	}
	return b0, b1, g.extent(5), min(g.focus.width, 4099), g.extent(33)
}

// layout draws the kind of layout of operand a or b: see operand.
func (g *grower) layout(name string) int {
	if g.focus != nil && (g.focus.product == "columns of both" || g.focus.product == "columns of a" && name == "a") {
		return 2
	}
	return g.IntN(6)
}
